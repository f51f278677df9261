"""Many writers at once: no deadlock, exact totals, whoever the neighbours are: contract 13."""

import random
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from drengr.store import Added, StoreError, open_store
from tests.admin import event
from tests.conftest import NOW_MS

WRITERS = 24
ROUNDS = 12


def deadlocks(cluster, url: str) -> int:
    database = url.rpartition("/")[2]
    return cluster.execute(database, f"SELECT deadlocks FROM pg_stat_database WHERE datname = '{database}'")[0][0]


def test_overlapping_ids_and_names_in_opposite_orders_end_in_exact_totals(cluster, url, open_another):
    """Three stores, as of three processes, each with many threads; all send the same events in orders of their own."""
    stores = [open_another() for _ in range(3)]
    stores[0].make_project("shop")
    everything = [
        event(event_id=f"id-{n}", event_name=f"name_{n % 40}", occurred_at=NOW_MS - n * 60_000) for n in range(200)
    ]

    def write(number: int) -> list[Added]:
        mine, added = random.Random(number), []
        for _ in range(ROUNDS):
            batch = mine.sample(everything, mine.randrange(1, 120))
            added.append(stores[number % 3].add(1, batch, metered=True))
        return added

    with ThreadPoolExecutor(WRITERS) as pool:
        results = [added for each in pool.map(write, range(WRITERS)) for added in each]
    counted = cluster.execute(url.rpartition("/")[2], "SELECT count(*), count(DISTINCT event_id) FROM events")
    assert deadlocks(cluster, url) == 0
    assert sum(added.inserted for added in results) == counted[0][0] == counted[0][1]
    assert stores[0].wrong_totals() == []
    usage = cluster.execute(url.rpartition("/")[2], "SELECT sum(events)::bigint FROM live_usage")
    assert usage == [(counted[0][0],)]


def test_rows_of_one_request_keep_their_order_beside_others(store, project):
    def write(number: int) -> None:
        for _ in range(10):
            store.add(project.id, [event(install_id=f"w{number}", occurred_at=NOW_MS + n) for n in range(7)])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(write, range(8)))
    rows = store.database.read("SELECT install_id, occurred_at FROM events ORDER BY install_id, id")
    assert [row[1] - NOW_MS for row in rows] == list(range(7)) * 80


def test_a_row_that_no_column_takes_costs_no_neighbour(store, project, monkeypatch):
    """They share a transaction: only the one that cannot be stored learns of it."""
    begun, go_on = threading.Event(), threading.Event()
    inner = store.events._stored

    def slowly(*args, **kwargs):
        begun.set()
        go_on.wait(10)
        return inner(*args, **kwargs)

    monkeypatch.setattr(store.events, "_stored", slowly)
    with ThreadPoolExecutor(12) as pool:
        leaders = [pool.submit(store.add, project.id, [event()]) for _ in range(3)]
        begun.wait(10)
        good = [pool.submit(store.add, project.id, [event(event_id=str(n))]) for n in range(6)]
        bad = pool.submit(store.add, project.id, [event(occurred_at="noon", event_id="bad")])
        go_on.set()
        assert [each.result() for each in leaders + good] == [Added(1, 0)] * 9
        with pytest.raises(StoreError) as refused:
            bad.result()
    assert "noon" not in str(refused.value)
    assert store.wrong_totals() == []


def test_two_machines_that_start_at_once_make_one_default_project(cluster):
    location = cluster.url(cluster.make_database())

    def start(_: int):
        store = open_store(location, access="upgrade")
        try:
            return store.make_default_project()
        finally:
            store.close()

    with ThreadPoolExecutor(6) as pool:
        made = [found for found in pool.map(start, range(6)) if found is not None]
    assert len(made) == 1


def test_no_more_connections_than_allowed(cluster, url, open_another):
    store = open_another(connections=3)
    store.make_project("shop")
    most = []

    def write(_: int) -> None:
        for _ in range(5):
            store.add(1, [event()])
            store.projects()
            most.append(_open_connections(cluster, url))

    with ThreadPoolExecutor(12) as pool:
        list(pool.map(write, range(12)))
    assert max(most) <= 3


def _open_connections(cluster, url: str) -> int:
    database = url.rpartition("/")[2]
    ours = f"datname = '{database}' AND application_name = 'drengr'"
    return cluster.execute("postgres", f"SELECT count(*) FROM pg_stat_activity WHERE {ours}")[0][0]


def test_after_an_earlier_state_was_put_back_no_event_lies_under_another_name_or_person(cluster, url, open_another):
    """As pg_restore does it under a running service: a number that was given out means something else now."""
    name = url.rpartition("/")[2]
    first = open_another()
    first.make_project("shop")
    first.close()
    cluster.execute("postgres", f"CREATE DATABASE {name}_saved TEMPLATE {name}")
    running = open_another()
    lost = event(event_name="lost", source="generic", install_id="lost", external_id=None)
    assert running.add(1, [lost]) == Added(1, 0)
    cluster.execute("postgres", f"DROP DATABASE {name} WITH (FORCE)")
    cluster.execute("postgres", f"CREATE DATABASE {name} TEMPLATE {name}_saved")
    other = event(event_name="other", source="ga4", install_id="other", external_id=None)
    assert open_another().add(1, [other]) == Added(1, 0)
    assert running.add(1, [lost, other]) == Added(2, 0)
    rows = running.database.read("SELECT event_name, source, install_id, person FROM events_and_people ORDER BY id")
    assert rows == [("other", "ga4", "other", "other"), ("lost", "generic", "lost", "lost"),
                    ("other", "ga4", "other", "other")]  # fmt: skip
    assert running.wrong_totals() == [] and running.faults() == []
