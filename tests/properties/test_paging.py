"""Pages join to what was there at the start, whatever arrives meanwhile (contract 6)."""

import threading
from contextlib import contextmanager
from itertools import chain
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.store.sqlite import SqliteStore
from tests.admin import DAY_MS, Admin, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

TIMES = st.integers(0, 6).map(lambda step: NOW_MS - step * 3)  # many ties in one millisecond
NAMES = st.sampled_from(["a", "b"])
EVENTS = st.lists(st.builds(lambda at, name: event(occurred_at=at, event_name=name), TIMES, NAMES), max_size=25)
ARRIVALS = st.lists(st.lists(st.builds(lambda at: event(occurred_at=at), TIMES), max_size=4), max_size=12)

_PER_TEST = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@pytest.fixture
def new_project(client, make_tenant):
    """A fresh project for every example, in one file."""
    numbers = iter(range(10**6))

    def make():
        tenant = make_tenant(f"p{next(numbers)}")
        return tenant.project.id, Admin(client, tenant.project_id, tenant.secret_key)

    return make


@_PER_TEST
@given(before=EVENTS, arrivals=ARRIVALS, limit=st.integers(1, 5), name=st.sampled_from([None, "a"]))
def test_rows_of_the_start_appear_once_while_others_arrive_between_the_pages(
    new_project, store, before, arrivals, limit, name
):
    project_id, admin = new_project()
    store.add(project_id, before)
    asked = {"limit": limit} | ({"event_name": name} if name else {})
    start = admin.page(**asked | {"limit": 1000}).json["data"]
    seen = []
    for page in admin.pages(**asked):
        seen += page
        store.add(project_id, arrivals.pop() if arrivals else [])
    old = {row["id"] for row in start}
    assert [row for row in seen if row["id"] in old] == start
    assert len({row["id"] for row in seen}) == len(seen)


@contextmanager
def writing(store, project_id: int):
    """Live events, imports of last week and ties, from another thread, until the block ends."""
    stop, random, faults = threading.Event(), Random(7), []

    def write() -> None:
        try:
            while not stop.is_set():
                times = [NOW_MS + random.randrange(9), NOW_MS - random.randrange(7 * DAY_MS), NOW_MS - 5]
                store.add(project_id, [event(occurred_at=at) for at in times])
        except Exception as fault:
            faults.append(fault)
        finally:
            if isinstance(store, SqliteStore):
                store.database.readers.close()  # this thread's

    thread = threading.Thread(target=write)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()
    assert not faults


def test_rows_of_the_start_appear_once_while_another_thread_writes(new_project, store):
    project_id, admin = new_project()
    random = Random(1)
    times = [NOW_MS - random.choice([5, random.randrange(7 * DAY_MS)]) for _ in range(2000)]
    store.add(project_id, [event(occurred_at=at) for at in times])
    asked = {"since": "2026-11-10"}
    start = [row["id"] for row in chain(*admin.pages(limit=1000, **asked))]
    with writing(store, project_id):
        seen = [row["id"] for row in chain(*admin.pages(limit=37, until="2026-11-21", **asked))]
    assert len(seen) > len(start) == 2000  # something did arrive behind the cursor
    assert [row_id for row_id in seen if row_id in set(start)] == start
    assert len(set(seen)) == len(seen)
