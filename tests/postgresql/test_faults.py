"""The server is stopped, killed, frozen, cut off: 503 within 5 s, nothing acknowledged is lost, recovery by itself."""

import signal
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest

from drengr.store import Added, StoreError, Unreachable, open_store
from drengr.store.postgresql.database import LostCommit
from tests.admin import event
from tests.postgresql.proxy import Proxy

WITHIN_S = 5.0 + 5.0  # for a machine that is very busy; without a limit it would be a minute or for ever
_COMMIT = b"COMMIT\0"  # and not the READ COMMITTED of a BEGIN


@pytest.fixture
def harmed(durable):
    """(server, store, URL): a store with a project on a server that may be harmed."""
    url = durable.url(durable.make_database())
    with closing(open_store(url)) as store:
        store.make_project("shop")
        yield durable, store, url
        durable.signal(signal.SIGCONT)


def timed(call, *arguments):
    """(what the call returned or raised, the seconds it took)."""
    begun = time.monotonic()
    try:
        outcome = call(*arguments)
    except StoreError as error:
        outcome = error
    return outcome, time.monotonic() - begun


@pytest.mark.parametrize("forwards", [True, False], ids=["done", "not done"])
def test_a_lost_answer_to_a_commit_is_found_out(durable, forwards):
    url = durable.url(durable.make_database())
    with Proxy(durable.port) as proxy, closing(open_store(proxy.url(url))) as store:
        store.make_project("shop")
        store.add(1, [event(event_id="before")])
        proxy.forwards, proxy.cut_at = forwards, _COMMIT
        outcome, seconds = timed(store.add, 1, [event(event_id="a"), event(event_id="before")])
        assert (proxy.cuts, seconds < WITHIN_S) == (1, True)
        if forwards:
            assert outcome == Added(1, 1)
        else:
            assert isinstance(outcome, Unreachable) and "nothing was stored" in str(outcome)
        again = store.add(1, [event(event_id="a")])
        assert again == (Added(0, 1) if forwards else Added(1, 0))
        assert store.wrong_totals() == []


def test_a_lost_answer_of_a_server_that_is_gone_is_no_success(durable):
    url = durable.url(durable.make_database())
    with Proxy(durable.port) as proxy, closing(open_store(proxy.url(url))) as store:
        store.make_project("shop")
        proxy.cut_at = _COMMIT
        proxy.forwards = False
        watch = threading.Thread(target=_kill_once_cut, args=(proxy, durable))
        watch.start()
        outcome, seconds = timed(store.add, 1, [event(event_id="a")])
        watch.join()
        assert isinstance(outcome, StoreError) and seconds < WITHIN_S


def test_a_number_that_a_crash_gave_to_another_transaction_is_no_success(durable, monkeypatch):
    """What a crashed server had not written to its disk is gone, the number that it gave out too: another has it."""
    url = durable.url(durable.make_database())
    with Proxy(durable.port) as proxy, closing(open_store(proxy.url(url))) as store:
        store.make_project("shop")
        another = store.database.read("SELECT max(xmin::text::bigint)::text FROM projects")[0][0]
        proxy.forwards, proxy.cut_at = False, _COMMIT
        number = property(lambda lost: another, lambda lost, given: None)
        monkeypatch.setattr(LostCommit, "transaction", number, raising=False)
        outcome, _ = timed(store.add, 1, [event(event_id="a")])
        assert isinstance(outcome, Unreachable) and "nothing was stored" in str(outcome)
        assert store.add(1, [event(event_id="a")]) == Added(1, 0)


def _kill_once_cut(proxy: Proxy, server) -> None:
    while not proxy.cuts:
        time.sleep(0.001)
    server.kill()


def test_a_frozen_server_is_a_refusal_within_five_seconds_and_passes(harmed):
    server, store, _ = harmed
    store.add(1, [event(event_id="before")])
    server.signal(signal.SIGSTOP)
    with ThreadPoolExecutor(8) as pool:
        calls = [
            pool.submit(timed, store.add, 1, [event(event_id="a")]),
            pool.submit(timed, store.add, 1, [event(event_id="b")]),
            pool.submit(timed, store.project_of_key, "drengr_sk_x", "secret"),
            pool.submit(timed, store.prove_writable),
            pool.submit(timed, store.ledger, None, 0, 1),
        ]
        outcomes = [call.result() for call in calls]
    assert all(isinstance(outcome, StoreError) and seconds < WITHIN_S for outcome, seconds in outcomes), outcomes
    server.signal(signal.SIGCONT)
    assert store.add(1, [event(event_id="before"), event(event_id="c")]) == Added(1, 1)
    assert store.wrong_totals() == []


def test_a_server_that_is_frozen_while_a_new_connection_is_wanted(harmed):
    server, _, url = harmed
    server.signal(signal.SIGSTOP)
    store = open_store(url, reachable=False)
    outcome, seconds = timed(store.projects)
    assert isinstance(outcome, StoreError) and seconds < 2 * WITHIN_S  # the first verb looks at the tables as well
    server.signal(signal.SIGCONT)
    assert [project.name for project in store.projects()] == ["shop"]
    store.close()


def test_a_restart_is_noticed_before_anything_is_refused(harmed):
    """Connections that the server closed are opened anew; no request learns of it."""
    server, store, _ = harmed
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda n: store.add(1, [event()]), range(30)))
        server.stop()
        assert isinstance(timed(store.add, 1, [event()])[0], Unreachable)
        server.start()
        assert list(pool.map(lambda n: store.add(1, [event()]), range(30))) == [Added(1, 0)] * 30


@pytest.mark.slow
def test_acknowledged_is_stored_once_however_often_the_server_is_killed(harmed):
    server, store, _ = harmed
    acknowledged: list[str] = []
    stop = threading.Event()

    def send(number: int) -> None:
        sent = 0
        while not stop.is_set():
            ids = [f"{number}-{sent}-{n}" for n in range(5)]
            outcome, seconds = timed(store.add, 1, [event(event_id=i) for i in ids])
            assert seconds < WITHIN_S
            if isinstance(outcome, Added):
                acknowledged.extend(ids)
                sent += 1
            else:
                time.sleep(0.02)  # and once more with the same ids, as an SDK does

    with ThreadPoolExecutor(6) as pool:
        senders = [pool.submit(send, number) for number in range(6)]
        try:
            for harm in (server.kill, lambda: server.stop("immediate"), server.kill, server.stop):
                time.sleep(0.7)
                harm()
                server.start()
            time.sleep(0.7)
        finally:
            stop.set()
        for sender in senders:
            sender.result()
    stored = [row[0] for row in store.database.read("SELECT event_id FROM events", seconds=10)]
    assert len(acknowledged) > 100
    assert set(acknowledged) <= set(stored) and len(stored) == len(set(stored))
    assert store.wrong_totals() == []


def test_what_is_read_only_is_read_and_refuses_writes(harmed):
    server, store, url = harmed
    database = url.rpartition("/")[2]
    server.execute("postgres", f"ALTER DATABASE {database} SET default_transaction_read_only = on")
    with closing(open_store(url)) as frozen:
        assert [project.name for project in frozen.projects()] == ["shop"]
        outcome, _ = timed(frozen.add, 1, [event()])
        assert isinstance(outcome, Unreachable) and outcome.public == "the database is read-only"
        with pytest.raises(Unreachable):
            frozen.prove_writable()
        server.execute("postgres", f"ALTER DATABASE {database} RESET default_transaction_read_only")
    assert store.add(1, [event()]) == Added(1, 0)


def test_a_server_without_a_free_connection_is_a_refusal_that_passes(cluster):
    location = cluster.url(cluster.make_database())
    name = location.rpartition("/")[2]
    with closing(open_store(location)) as first:
        first.make_project("shop")
    cluster.execute("postgres", f"CREATE ROLE few{name} LOGIN CONNECTION LIMIT 0")
    cluster.execute(name, f"GRANT ALL ON ALL TABLES IN SCHEMA public TO few{name}")
    limited = cluster.url(name, user=f"few{name}")
    with pytest.raises(Unreachable, match="no connection left"):
        open_store(limited)
    cluster.execute("postgres", f"ALTER ROLE few{name} CONNECTION LIMIT 2")
    with closing(open_store(limited, access="read")) as store:
        assert [project.name for project in store.projects()] == ["shop"]
