"""People beside many writers and removers: nothing is forgotten, nothing is left behind, nobody waits in a circle."""

import random
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.admin.questions import PageQuery, Position
from drengr.people import questions
from drengr.people.questions import FunnelQuery, PeopleQuery, RetentionQuery, Seen, Who, folded
from drengr.store import TooLong
from drengr.store.postgresql import connections, read, statistics
from drengr.store.postgresql import database as transactions
from drengr.store.postgresql.database import again
from drengr.store.postgresql.people import listing
from drengr.store.postgresql.people.keys import ids_key, person_key
from drengr.store.postgresql.removal import remove
from drengr.store.results import WrongPeople
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.postgresql.test_writing import deadlocks

UPPER = "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10"
DEVICES = ["d1", "d2", "D2", "u1", UPPER, UPPER.lower(), UPPER.title()]
USERS = [None, None, "u1", "u2", "d2", UPPER, UPPER.lower()]
EVENTS = st.builds(
    lambda install, external, number: event(
        install_id=install, external_id=external, event_id=None if number > 10 else f"e{number}"
    ),
    st.sampled_from(DEVICES) | st.none(), st.sampled_from(USERS), st.integers(0, 20),
)  # fmt: skip
WRITES = st.lists(st.lists(EVENTS, min_size=1, max_size=5), min_size=1, max_size=5)
GOING = st.lists(st.integers(0, 30), max_size=12)
EVENTS_AND_PEOPLE = "SELECT install_id, external_id, person_kind, person FROM events_and_people"
LOSE = "DELETE FROM semantic_events WHERE id = ANY(?::bigint[])"
LAST = Position(2**62, 0)


def ids(store) -> list[int]:
    return [row[0] for row in store.database.read("SELECT id FROM semantic_events ORDER BY id")]


def take_out(store, going, why="erased") -> int:
    return store.database.run(lambda connection: remove(connection, going, why))


def rows(store, table: str) -> list[tuple]:
    return store.database.read(f"SELECT * FROM {table} ORDER BY 1")


def marked(store) -> set[str]:
    return {row[0] for row in store.database.read("SELECT person FROM persons WHERE is_shared")}


def as_said(store, ever_shared: set[str]) -> None:
    """Every event is the person's whom contract 8 names."""
    found = store.database.read(EVENTS_AND_PEOPLE)
    users = {folded(row[1]) for row in found if row[1] is not None}
    had: dict[str, set[str]] = {}
    for install, external, *_ in found:
        if install is not None and external is not None:
            had.setdefault(folded(install), set()).add(folded(external))
    ever_shared |= {device for device, owners in had.items() if len(owners) > 1}
    for install, external, *person in found:
        device = install and folded(install)
        if external is not None:
            expected = ["user", folded(external)]
        elif device is None:
            expected = [None, None]
        elif device in users:
            expected = ["user", device]
        elif device not in ever_shared and len(had.get(device, ())) == 1:
            expected = ["user", *had[device]]
        else:
            expected = ["device", device]
        assert person == expected, (install, external)
    assert store.wrong_totals() == [] and store.faults() == []


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(writes=WRITES, going=GOING, more=WRITES)
def test_whose_events_they_are_whatever_comes_and_goes(store, project, writes, going, more):
    take_out(store, ids(store))
    store.database.run(lambda connection: connection.execute("DELETE FROM shared_devices"))
    assert [rows(store, table) for table in ("persons", "identities")] == [[], []]
    ever_shared: set[str] = set()
    for events in writes:
        store.add(project.id, events)
        as_said(store, ever_shared)
    there = ids(store)
    take_out(store, [there[number % len(there)] for number in going])
    as_said(store, ever_shared)
    if there := ids(store):  # the same with a shell, and `verify --repair`
        lost = [there[number % len(there)] for number in going[::2]]
        store.database.run(lambda connection: connection.execute(LOSE, (lost,)))
        store.repair(store.wrong_totals())
        as_said(store, ever_shared)
    for events in more:
        store.add(project.id, events)
        as_said(store, ever_shared)


def test_what_a_repeat_brings_is_taken_back(store, project):
    store.add(project.id, [event(event_id="e", install_id="d", external_id="u")])
    before = [rows(store, table) for table in ("persons", "identities")]
    store.add(project.id, [event(event_id="e", install_id="another", external_id="u"), event(event_id="e")])
    assert [rows(store, table) for table in ("persons", "identities")] == before


def test_the_number_of_a_person_stays_while_they_have_events(store, project):
    store.add(project.id, [event(install_id="d1", external_id="u"), event(install_id="d2", external_id="u")])
    number = store.number_of(project.id, Who("user", "u"))
    take_out(store, ids(store)[:1])
    assert store.number_of(project.id, Who("user", "u")) == number
    assert store.number_of(project.id, Who("device", "d1")) is None
    take_out(store, ids(store))
    assert store.number_of(project.id, Who("user", "u")) is store.person_by_number(project.id, number) is None


def test_the_mark_outlives_users_and_device_and_does_not_give_the_id_away(store, project):
    store.add(project.id, [event(install_id=UPPER, external_id=user) for user in ("a", "b")])
    take_out(store, ids(store)[:1])
    assert marked(store) == {UPPER.lower()}
    take_out(store, ids(store))
    assert rows(store, "persons") == []
    remembered = rows(store, "shared_devices")
    assert len(remembered) == 1 and len(remembered[0][1]) == 16
    store.add(project.id, [event(install_id=UPPER.lower(), external_id=each) for each in ("b", None)])
    assert store.person(project.id, Who("device", UPPER)).kind == "device"


def test_ids_of_any_length_are_people(store, project):
    long = "u" * 100_000
    store.add(project.id, [event(install_id=long, external_id=end + long) for end in ("", "a", "ab")])
    assert {one.id for one in store.people(project.id, PeopleQuery(10))} == {long, "a" + long, "ab" + long}
    assert [one.id for one in store.people(project.id, PeopleQuery(10, query="ab" + long[:200]))] == ["ab" + long]
    assert ids_key("1:a", None) != ids_key("1", ":a") != ids_key(None, "1:a")


def test_writers_and_removers_of_the_same_people_end_in_exact_tables(cluster, url, open_another, monkeypatch):
    """Three stores, as of three processes; new devices, users and removals in orders of their own, all in one slot."""
    monkeypatch.setattr(connections, "SLOTS", 1)
    stores = [open_another() for _ in range(3)]
    stores[0].make_project("shop")
    stored = []

    def write(number: int) -> int:
        chance, added = random.Random(number), 0
        for _ in range(15):
            store = stores[chance.randrange(3)]
            if chance.random() < 0.3:
                there = ids(store)
                try:
                    added -= take_out(store, chance.sample(there, min(20, len(there))))
                except psycopg.errors.LockNotAvailable:  # others stored events of these people all the time: try later
                    continue
            batch = [
                event(install_id=f"d{chance.randrange(8)}", external_id=chance.choice([None, "u1", "u2", "d3"]))
                for _ in range(chance.randrange(1, 30))
            ]
            added += store.add(1, batch).inserted
        return added

    with ThreadPoolExecutor(16) as pool:
        stored = sum(pool.map(write, range(16)))
    assert deadlocks(cluster, url) == 0
    assert len(ids(stores[0])) == stored
    assert stores[0].wrong_totals() == [] and stores[0].faults() == []
    take_out(stores[0], ids(stores[0]), "deleted")
    assert rows(stores[0], "persons") == rows(stores[0], "identities") == []


def test_nobody_who_stores_events_of_a_known_person_waits_for_another(store, project, url):
    store.add(project.id, [event(install_id="d", external_id="anonymous")])
    with psycopg.connect(url) as other:  # another process, in the middle of storing an event of the same pair
        other.execute("SELECT FROM identities FOR KEY SHARE")
        assert store.add(project.id, [event(install_id="d", external_id="anonymous")]).inserted == 1


def test_an_identity_stays_while_somebody_stores_an_event_with_it(store, project, url, monkeypatch):
    monkeypatch.setattr(transactions, "_PAUSE_S", 0.001)
    store.add(project.id, [event(install_id="d", external_id="u")])
    with psycopg.connect(url) as other:
        other.execute("SELECT FROM identities FOR KEY SHARE")
        with pytest.raises(psycopg.errors.LockNotAvailable):
            take_out(store, ids(store))
    assert len(ids(store)) == 1
    take_out(store, ids(store))
    assert rows(store, "identities") == []


def test_a_transaction_that_was_in_the_way_is_tried_again():
    left = [psycopg.errors.DeadlockDetected(), psycopg.errors.LockNotAvailable(), None]

    def write() -> str:
        if error := left.pop(0):
            raise error
        return "stored"

    assert again(write, transactions.time.monotonic() + 1) == "stored"
    with pytest.raises(psycopg.errors.DeadlockDetected):
        left.append(psycopg.errors.DeadlockDetected())
        again(write, transactions.time.monotonic() - 1)


def test_a_deadlock_costs_no_event(store, project, url):
    """Another program locks rows in an order of its own: PostgreSQL ends one of the two, ours is tried again."""
    store.add(project.id, [event()])
    name = url.rpartition("/")[2]
    waits = f"SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = '{name}'"
    with psycopg.connect(url) as other, ThreadPoolExecutor(1) as pool:
        other.execute("SET LOCAL deadlock_timeout = '60s'")  # it is not this one that is ended
        other.execute("UPDATE hour_totals SET events = events")
        waiting = [pool.submit(store.add, project.id, [event(install_id="new")])]
        while not store.database.read(waits):
            pass
        other.execute("INSERT INTO persons (project_id, is_device, person, person_key) VALUES (1, true, 'new', %s)",
                      (person_key("new"),))  # which the waiting one has made, so that this one waits for it
        other.rollback()
        assert waiting[0].result().inserted == 1
    assert store.wrong_totals() == []


HARM = {
    "UPDATE identities SET user_id = NULL": "identities have another device or user than their ids say",
    "UPDATE identities SET ids_key = substr(ids_key, 2)": "identities lie under another key than that of their ids",
    "UPDATE persons SET person_key = substr(person_key, 2) WHERE is_device":
        "persons lie under another key than that of their id",
    "DELETE FROM persons WHERE NOT is_device": "identities have another device or user than their ids say",
    "INSERT INTO persons (project_id, is_device, person, person_key)"
    " VALUES (1, false, 'nobody', substr(sha256('nobody'), 1, 16))": "persons have no identity",
    "DELETE FROM semantic_events WHERE identity_id = (SELECT min(id) FROM identities)": "identities have no event",
    "UPDATE persons SET is_shared = true WHERE id = (SELECT max(id) FROM persons WHERE is_device)":
        "devices had two users, which will be forgotten with them",
    "DELETE FROM shared_devices": "devices had two users, which will be forgotten with them",
    "UPDATE persons SET is_shared = false": "devices had two users, which they do not say",
}  # fmt: skip


@pytest.mark.parametrize("harm", HARM)
def test_what_is_kept_for_people_is_proved_and_repaired(store, project, harm):
    store.add(project.id, [event(install_id="d", external_id=user) for user in ("a", "b", None)])
    take_out(store, ids(store)[:1])
    store.add(project.id, [event(install_id="e", external_id="a"), event(install_id="e", external_id=None)])
    assert store.wrong_totals() == []
    store.database.run(lambda connection: connection.execute(harm))
    wrong = store.wrong_totals()
    assert HARM[harm] in [each.what for each in wrong if isinstance(each, WrongPeople)]
    store.repair(wrong)
    assert store.wrong_totals() == [] and store.faults() == []
    assert "d" in marked(store)


def test_events_of_an_identity_that_is_gone_are_reported(store, project):
    store.add(project.id, [event()])
    store.database.run(lambda connection: connection.execute("DELETE FROM identities"))
    assert store.faults() == ["1 rows of semantic_events point to no row of identities"]


def test_many_identities_and_many_ids_that_begin_alike_are_answered_the_other_way(store, project, monkeypatch):
    chance = random.Random(1)
    store.add(
        project.id,
        [
            event(install_id=f"d{n % 20}", external_id=chance.choice(["u1", "u2", None]), occurred_at=NOW_MS + n % 7)
            for n in range(120)
        ],
    )
    asked = [Who("user", "u1"), Who("user", "u2"), Who("device", "d3")]

    def answers():
        pages = [store.person_page(project.id, who, PageQuery(0, LAST, 50)) for who in asked]
        sent = store.page(project.id, PageQuery(0, LAST, 50, external_id="u1", install_id="d3"))
        return pages, sent, store.people(project.id, PeopleQuery(5, query="u"))

    before = answers()
    assert all(before[0]) and before[1] and len(before[2]) == 2
    monkeypatch.setattr(read, "_FEW", 0)
    monkeypatch.setattr(listing, "_FEW", 0)
    assert answers() == before


@pytest.mark.parametrize("events", [1, 4, 30])
def test_the_list_is_told_from_the_newest_events_where_they_are_enough(store, project, monkeypatch, events):
    chance = random.Random(2)
    store.add(
        project.id,
        [
            event(
                install_id=f"d{chance.randrange(30)}", external_id=chance.choice(["u1", "u2", None]),
                occurred_at=NOW_MS + chance.randrange(20),
            )
            for _ in range(200)
        ],
    )  # fmt: skip

    def pages() -> list:
        found, place = [], None
        while page := store.people(project.id, PeopleQuery(3, place, until=NOW_MS + 15)):
            found += page
            place = Seen(page[-1].last_seen_at, page[-1].number)
        return found

    expected = pages()
    assert len(expected) > 5
    monkeypatch.setattr(listing, "_FIRST_EVENTS", events)
    assert pages() == expected
    monkeypatch.setattr(listing, "_MOST_EVENTS", 0)
    assert pages() == expected


@pytest.mark.parametrize("ask", ["funnel", "retention"])
def test_past_its_deadline_a_long_question_is_given_up(store, project, monkeypatch, ask):
    store.add(project.id, [event(event_name="a", occurred_at=NOW_MS)])
    today = NOW_MS // DAY_MS
    query = {
        "funnel": FunnelQuery(NOW_MS - DAY_MS, NOW_MS, ("a", "b"), DAY_MS),
        "retention": RetentionQuery(today - 1, today, "day"),
    }[ask]
    slow = "CREATE OR REPLACE VIEW identity_people AS SELECT project_id, id AS identity_id,"
    slow += " CASE WHEN pg_sleep(5) IS NOT NULL THEN device_id END AS person_id FROM identities"
    store.database.run(lambda connection: connection.execute(slow))
    monkeypatch.setattr(questions, "LONGEST_QUESTION_S", 0.1)
    with pytest.raises(TooLong) as raised:
        getattr(store, ask)(project.id, query)
    assert raised.value.public == "ask a shorter window"
    assert store.number_of(project.id, Who("device", event().install_id)) is not None


def test_tables_that_have_doubled_are_known_to_the_planner(store, project):
    def is_known(table):
        return bool(store.database.read("SELECT 1 FROM pg_stats WHERE tablename = ? LIMIT 1", (table,)))

    events = [event(event_id=str(number), install_id=f"d{number}") for number in range(statistics.NEW_ROWS)]
    store.add(project.id, events)
    deadline = time.monotonic() + 20
    while not (is_known("semantic_events") and is_known("identities")) and time.monotonic() < deadline:
        store.gather_people(NOW_MS // DAY_MS, 1.0)
        time.sleep(0.05)
    assert is_known("semantic_events") and is_known("identities")


def test_many_events_newer_than_the_statistics_are_expected(store, project):
    def joins():
        with store.database.snapshot() as connection:
            statistics.expect_many(connection, project.id, None, NOW_MS // DAY_MS, NOW_MS // DAY_MS)
            return connection.execute("SHOW enable_nestloop").fetchall()[0][0]

    store.add(project.id, [event(event_id=str(number)) for number in range(500)])
    assert joins() == "on"
    store.add(project.id, [event(event_id="one more")])
    assert joins() == "off"
    assert store.database.read("SHOW enable_nestloop") == [("on",)]
