"""A standby is read and refuses writes; once it has taken over, who names both servers goes on there: contract 13."""

import time
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest
from click.testing import CliRunner

from drengr import create_app
from drengr.admin.questions import PageQuery, Position
from drengr.api.service import EXTENSION
from drengr.cli import main
from drengr.events.event import Event
from drengr.store import Added, Store, StoreError, Unreachable, open_store
from tests.admin import event
from tests.cluster import FAST, Cluster, require_postgresql
from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope

ALL = PageQuery(0, Position(2 * NOW_MS, 0), 100)


@pytest.fixture
def pair():
    """(primary, standby, database, its project): a commit of the service waits until the standby has it too."""
    require_postgresql()
    with ExitStack() as stack:
        primary = stack.enter_context(Cluster(*FAST[:2], "synchronous_standby_names=*", "synchronous_commit=local"))
        database = primary.make_database()
        standby = stack.enter_context(Cluster(*FAST[:2], primary=primary))
        until(lambda: primary.execute(database, "SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync'"))
        with closing(open_store(primary.url(database))) as store:
            made = store.make_project("shop")
            assert store.add(1, [event(event_id="a")]) == Added(1, 0)
        done = primary.execute(database, "SELECT pg_current_wal_lsn()")[0][0]
        until(lambda: standby.execute(database, f"SELECT pg_last_wal_replay_lsn() >= '{done}'")[0][0])
        yield primary, standby, database, made


def until(is_so: Callable[[], object]) -> None:
    deadline = time.monotonic() + 60
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_standby_is_read_and_refuses_writes_in_one_sentence(pair, tmp_path):
    _, standby, database, made = pair
    url = standby.url(database)
    with closing(open_store(url, access="read")) as store:
        place = store.last_id()
        assert store.arrivals(1, place, ALL).events == []
    app = create_app({"DRENGR_DATABASE": url, "DRENGR_FOLDER": str(tmp_path)})
    client = app.test_client()
    sent = client.post("/batch", json=envelope(made.publishable_key, amplitude_event()))
    said = "the database is read-only; nothing was stored, send it again later"
    assert (sent.status_code, sent.json) == (503, {"code": 503, "error": said})
    assert client.get("/healthz").status_code == 503
    bearer = {"Authorization": f"Bearer {made.secret_key}"}
    rows = client.get(f"/admin/projects/{made.project_id}/events?since=2020-01-01", headers=bearer).json["data"]
    assert [row["event_id"] for row in rows] == ["a"]
    app.extensions[EXTENSION].outcomes.close()
    app.extensions[EXTENSION].store.close()
    command = CliRunner(env={"DRENGR_DATABASE": url, "DRENGR_FOLDER": str(tmp_path)})
    for words in ("count --since 2020-01-01", "people", "ledger --json", "tail", "project list", "verify"):
        done = command.invoke(main, words.split())
        assert done.exit_code == 0, done.output
    refused = command.invoke(main, ["project", "create", "another"])
    assert refused.exit_code == 1 and "PostgreSQL is read-only: a standby" in refused.output


def test_whoever_names_both_servers_goes_on_after_a_failover_and_has_what_was_acknowledged(pair):
    primary, standby, database, _ = pair
    hosts = [server.url(database).partition("@")[2].partition("/")[0] for server in (primary, standby)]
    url = f"postgresql://owner@{','.join(hosts)}/{database}?target_session_attrs=read-write"
    with closing(open_store(url)) as store:
        place = store.last_id()
        assert store.add(1, [event(event_id="b"), event(event_id="c")]) == Added(2, 0)
        primary.kill()
        with pytest.raises(Unreachable):
            store.add(1, [event(event_id="d")])
        standby.promote()
        until(lambda: is_added(store, event(event_id="d")))
        assert {each.event_id for each in store.page(1, ALL)} == {"a", "b", "c", "d"}
        assert [each.event_id for each in store.arrivals(1, place, ALL).events] == ["b", "c", "d"]
        assert store.wrong_totals() == []


def is_added(store: Store, sent: Event) -> bool:
    try:
        return bool(store.add(1, [sent]))
    except StoreError:
        return False
