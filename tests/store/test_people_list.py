"""The list of people: order, places in it, ids that begin alike (contract 8)."""

import pytest

from drengr.people.questions import PeopleQuery, Seen, Who
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

UUID = "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10"
IDS = [
    "user_1", "user_10", "user_2", "USER_1", "us%r", "us_r", "us*r", "Ærøskøbing", "Ærø", "\U0010ffff\U0010ffff", "zz",
    UUID, "0b6f", "0B6F1C1E-0000-0000-0000-000000000000", "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d11", UUID + "-old",
    "0b6f1c1e5d5c", "\U0010ffffa", "\ud7ffx", "\ue000x",
]  # fmt: skip


@pytest.fixture
def seen(store, tenant):
    """seen("id", when) → that user has an event then."""

    def add(user: str, at: int = NOW_MS, **over) -> None:
        over = {"install_id": f"device of {user}", "external_id": user, "occurred_at": at, **over}
        store.add(tenant.project.id, [event(**over)])

    return add


@pytest.fixture
def listed(store, tenant):
    """listed(…) → the ids on the page."""
    return lambda limit=100, *args, **asked: [
        person.id for person in store.people(tenant.project.id, PeopleQuery(limit, *args, **asked))
    ]


@pytest.mark.parametrize(
    "query",
    ["us", "user_1", "us%", "us_", "us*", "USER", "Æ", "Ærø", "\U0010ffff", "\U0010ffff\U0010ffff", "zzz", "0b", "0b6f",
     "0B6F", "0b6f1", "0b6f1c1e-", "0b6f1c1e-5", "0b6f1c1e5", UUID[:-1], UUID, UUID.upper(), UUID + "-", "-", "\ud7ff",
     "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d1g"],
)  # fmt: skip
def test_a_query_is_the_id_or_its_beginning_literally(seen, listed, query):
    for user in IDS:
        seen(user)
    shown = [user.lower() if user.startswith("0B6F1C1E-") else user for user in IDS]
    whole = query.lower() if query == UUID.upper() else query
    assert sorted(listed(query=query)) == sorted(user for user in shown if user.startswith(query) or user == whole)


def test_when_many_ids_begin_alike_the_days_are_walked(seen, listed, monkeypatch, backend):
    for user in IDS:
        seen(user)
    few = {query: listed(query=query) for query in ("us", "0b6f", UUID)}
    if backend == "sqlite":
        monkeypatch.setattr("drengr.store.sqlite.people.listed._MOST_FOUND", 0)
    assert {query: listed(query=query) for query in few} == few


def test_whoever_was_seen_last_comes_first(seen, listed):
    seen("early", NOW_MS - 3 * DAY_MS)
    seen("late", NOW_MS - DAY_MS)
    seen("again", NOW_MS - 5 * DAY_MS)
    seen("again", NOW_MS - 2 * DAY_MS)
    seen("future", NOW_MS + DAY_MS)
    assert listed() == ["future", "late", "again", "early"]
    seen("early", NOW_MS)
    assert listed() == ["future", "early", "late", "again"]


def test_days_that_nobody_was_seen_last_on_are_passed_over(seen, listed):
    for days in range(40):
        seen("daily", NOW_MS - days * DAY_MS)
        if days % 5:
            seen(f"once {days}", NOW_MS - days * DAY_MS)
    expected = ["daily", *(f"once {days}" for days in range(40) if days % 5)]
    assert listed() == expected
    assert listed(until=NOW_MS - 20 * DAY_MS) == [name for name in expected if name > "once 20" and len(name) == 7]


def test_of_one_millisecond_the_larger_number_comes_first(store, tenant, seen, listed):
    for user in ("a", "b", "c"):
        seen(user)
    project = tenant.project.id
    numbers = {user: store.number_of(project, Who("user", user)) for user in "abc"}
    in_order = sorted("abc", key=numbers.__getitem__, reverse=True)
    assert listed() == in_order
    place = Seen(NOW_MS, numbers[in_order[0]])
    assert listed(1, place) == [in_order[1]]
    assert listed(5, Seen(NOW_MS, numbers[in_order[2]])) == []


def test_since_and_until_are_of_the_last_event_inclusive(seen, listed):
    for days in range(4):
        seen(f"{days} days ago", NOW_MS - 40 * DAY_MS)
        seen(f"{days} days ago", NOW_MS - days * DAY_MS)
    yesterday = NOW_MS - DAY_MS
    assert listed(since=yesterday) == ["0 days ago", "1 days ago"]
    assert listed(since=yesterday + 1) == ["0 days ago"]
    assert listed(until=yesterday) == ["1 days ago", "2 days ago", "3 days ago"]
    assert listed(until=yesterday - 1) == ["2 days ago", "3 days ago"]
    assert listed(since=yesterday, until=yesterday) == ["1 days ago"]
    assert listed(since=yesterday, until=yesterday, query="1 ") == ["1 days ago"]
    assert listed(since=yesterday, until=yesterday, query="2 ") == []


def test_a_person_not_seen_again_while_one_pages_comes_once(store, tenant, seen):
    for number in range(6):
        seen(f"u{number}", NOW_MS - number)
    project = tenant.project.id
    first = store.people(project, PeopleQuery(2))
    seen("u4", NOW_MS + 5)
    seen("u0", NOW_MS + 6)
    rest, place = [], Seen(first[-1].last_seen_at, first[-1].number)
    while page := store.people(project, PeopleQuery(2, place)):
        rest += page
        place = Seen(page[-1].last_seen_at, page[-1].number)
    assert [person.id for person in first + rest] == ["u0", "u1", "u2", "u3", "u5"]


def test_a_device_of_one_user_is_no_person_but_keeps_its_number(store, tenant, seen, listed):
    project = tenant.project.id
    seen("ignored", install_id="d1", external_id=None)
    device = store.person(project, Who("device", "d1"))
    assert (device.kind, device.id, device.devices) == ("device", "d1", ("d1",))
    seen("u1", install_id="d1")
    assert listed() == ["u1"]
    user = store.person(project, Who("device", "d1"))
    assert (user.kind, user.id, user.events, user.devices) == ("user", "u1", 2, ("d1",))
    assert store.number_of(project, Who("device", "d1")) == device.number != user.number
    assert store.person_by_number(project, device.number) == Who("device", "d1")
    seen("u2", install_id="d1")
    assert sorted(listed()) == ["d1", "u1", "u2"]
    assert store.person(project, Who("device", "d1")) == device
    assert store.person(project, Who("user", "u1")).devices == ()


def test_a_number_of_another_project_is_nobody(store, tenant, make_tenant, seen):
    seen("u1")
    other = make_tenant("other").project.id
    number = store.number_of(tenant.project.id, Who("user", "u1"))
    assert store.person_by_number(other, number) is None
    assert store.person_by_number(tenant.project.id, number + 1000) is None
    assert store.number_of(other, Who("user", "u1")) is None


def test_at_most_twenty_devices_are_shown(store, tenant, seen):
    for number in range(25):
        seen("u1", install_id=f"d{number}")
    seen("u1", install_id="u1")
    devices = store.person(tenant.project.id, Who("user", "u1")).devices
    assert len(set(devices)) == 20 and "u1" not in devices


def test_a_uuid_is_shown_in_lower_case_and_found_in_every(store, tenant, seen):
    seen(UUID.upper(), install_id=UUID.upper())
    seen(UUID)
    project = tenant.project.id
    person = store.person(project, Who("user", UUID.upper()))
    assert (person.id, person.events) == (UUID, 2)
    assert store.person(project, Who("device", UUID)) == store.person(project, Who("user", UUID.title())) == person
