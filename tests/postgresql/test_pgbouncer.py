"""Through PgBouncer in transaction mode, where each transaction may have another session: contract 13."""

import os
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from drengr.admin.questions import CountQuery, PageQuery, Position
from drengr.people.questions import FunnelQuery, PeopleQuery, Who
from drengr.store import Added, ImportRun, open_store
from drengr.store.clock import now_ms
from drengr.store.postgresql.erasing import PostgresqlParts
from drengr.store.postgresql.removal import remove
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.service import free_port
from tests.under_way import under_way

_BINARY = shutil.which("pgbouncer", path=os.pathsep.join((os.environ.get("PATH", ""), "/usr/sbin")))


@pytest.fixture
def bouncer(cluster, url):
    """The database's URL by way of a PgBouncer with three server connections."""
    if _BINARY is None:
        sentence = "PgBouncer is missing (Debian: apt-get install pgbouncer)."
        pytest.fail(sentence) if os.environ.get("CI") else pytest.skip(sentence)
    name, port = url.rpartition("/")[2], free_port()
    settings = cluster.folder / f"{name}.ini"
    settings.write_text(
        f"[databases]\n{name} = host={cluster.folder} port={cluster.port} dbname={name} user=owner\n"
        f"[pgbouncer]\nlisten_addr = 127.0.0.1\nlisten_port = {port}\nunix_socket_dir =\nauth_type = any\n"
        "pool_mode = transaction\ndefault_pool_size = 3\n"
    )
    settings.chmod(0o644)
    user = "postgres" if os.getuid() == 0 else None
    with subprocess.Popen(
        [_BINARY, str(settings)], user=user, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as process:
        while True:
            with closing(socket.socket()) as probe:
                if probe.connect_ex(("127.0.0.1", port)) == 0:
                    break
            assert process.poll() is None
            time.sleep(0.02)
        yield f"postgresql://somebody@127.0.0.1:{port}/{name}"
        process.terminate()


def test_many_threads_write_and_read_and_every_number_comes_out(bouncer):
    with closing(open_store(bouncer)) as store, closing(open_store(bouncer)) as another:
        store.make_project("shop")

        def work(number: int) -> Added:
            each = (store, another)[number % 2]
            added = each.add(1, [event(event_id=f"{number}-{n}", event_name=f"e{n}") for n in range(9)], metered=True)
            assert each.page(1, PageQuery(0, Position(2**62, 0), 5))
            assert each.funnel(1, FunnelQuery(NOW_MS - DAY_MS, NOW_MS, ("e0", "e8"), DAY_MS)) == [1, 1]
            return added

        with ThreadPoolExecutor(12) as pool:
            assert list(pool.map(work, range(60))) == [Added(9, 0)] * 60
        assert store.count(1, CountQuery(NOW_MS - DAY_MS, NOW_MS)).total == 540
        assert store.wrong_totals() == []
        store.prove_writable()
        ids = [row[0] for row in store.database.read("SELECT id FROM semantic_events")]
        assert store.database.run(lambda connection: remove(connection, ids[:100], "deleted")) == 100
        assert store.wrong_totals() == [] and store.people(1, PeopleQuery(5))[0].events == 440
        place = store.last_id()
        another.add_history(1, [event()])
        assert len(store.arrivals(1, place, PageQuery(0, Position(0, 0), 5)).events) == 1


def test_erasures_sessions_undo_and_late_events(bouncer, monkeypatch):
    monkeypatch.setattr(PostgresqlParts, "settles_ms", 1)
    with closing(open_store(bouncer)) as store, closing(open_store(bouncer)) as another:
        store.make_project("shop")
        run = ImportRun("amplitude", None, "file", NOW_MS)
        store.add_history(1, [event(event_id="imported", external_id="user_2", install_id="d2")], run=run)
        store.add(1, [event(event_id="a"), event(event_id="b", external_id="user_2", install_id="d2")])
        place = store.last_id()
        with under_way(another, event(event_id="late", external_id="user_2", install_id="d2")) as (late, commit):
            store.add(1, [event(event_id="c")])
            seen = store.arrivals(1, place, PageQuery(0, Position(0, 0), 5))
            commit()
        assert [each.id for each in store.arrivals(1, seen.seen_id, PageQuery(0, Position(0, 0), 5)).events] == late
        store.erase(1, Who("user", "user_1"), "api")
        store.undo_import(1, run.number)
        while store.under_way():
            another.go_on_removing(5)
        assert sorted(store.database.read("SELECT event_id FROM events")) == [("b",), ("late",)]
        token = store.begin_session_by_link(another.make_link([1], now_ms()), None, now_ms())
        assert another.session(token, now_ms()) is not None
        assert store.wrong_totals() == []
