"""What is kept for people equals what the events say, whatever comes and goes in whatever order (contract 8, 9)."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.store.sqlite.people import recount
from drengr.store.sqlite.removal import remove
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

UPPER = "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10"
DEVICES = ["d1", "d1", "u1", UPPER, UPPER.lower()]
USERS = [None, None, None, "u1", "u2", "d1", UPPER, UPPER.title()]
EVENTS = st.builds(
    lambda install, external, day, second, number, name: event(
        install_id=install, external_id=external, occurred_at=NOW_MS + day * DAY_MS + second, event_name=name,
        event_id=None if number > 20 else f"e{number}",
    ),
    st.sampled_from(DEVICES) | st.none(), st.sampled_from(USERS), st.integers(-3, 3), st.integers(0, 2),
    st.integers(0, 40), st.sampled_from(["a", "b"]),
)  # fmt: skip
WRITES = st.lists(st.lists(EVENTS, min_size=1, max_size=6), min_size=1, max_size=8)
GOING = st.lists(st.integers(0, 40), max_size=12)
TABLES = ("persons", "identities", "person_days", "day_people", "shared_devices")

few = settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def kept(store) -> dict[str, list[tuple]]:
    return {table: sorted(store.database.read(f"SELECT * FROM {table}"), key=repr) for table in TABLES}


def empty(store) -> None:
    def everything(connection) -> None:
        ids = [row[0] for row in connection.execute("SELECT id FROM semantic_events")]
        remove(connection, ids, "deleted")
        connection.execute("DELETE FROM shared_devices")

    store.commits.run(everything)
    assert not any(kept(store).values())


def as_recounted(store) -> None:
    """The tables are right by the proof, and working them out anew changes nothing."""
    assert store.wrong_totals() == [] and store.faults() == []
    before = kept(store)
    store.commits.run(recount.fill)
    assert kept(store) == before


@few
@given(writes=WRITES, going=GOING, more=WRITES)
def test_what_is_kept_is_what_the_events_say(store, tenant, writes, going, more):
    empty(store)
    for events in writes:
        store.add(tenant.project.id, events)
    as_recounted(store)
    ids = [row[0] for row in store.database.read("SELECT id FROM semantic_events ORDER BY id")]
    store.commits.run(lambda connection: remove(connection, [ids[n % len(ids)] for n in going], "erased"))
    as_recounted(store)
    for events in more:
        store.add(tenant.project.id, events)
    as_recounted(store)
