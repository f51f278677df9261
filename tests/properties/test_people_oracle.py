"""Every answer about people is that of a recount over the view `events`, in whatever order it came (contract 8).

Traffic goes through the three doors: devices that change hands, user ids in the device column, ids that thousands
share, both cases of a UUID, repeats, events of the past and of the future around the end of a year of 53 weeks.
"""

from datetime import UTC, datetime
from random import Random
from typing import NamedTuple
from urllib.parse import urlencode

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.events.times import iso_text
from drengr.people.questions import FunnelQuery, Who
from tests.admin import DAY_MS
from tests.conftest import Clock
from tests.looking import events_in, read
from tests.people_oracle import Oracle, folded, shared_devices

pytestmark = pytest.mark.both_stores

NOW = int(datetime(2021, 1, 4, 10, tzinfo=UTC).timestamp() * 1000)  # a Monday, the first day of 2021-W01
TODAY = NOW // DAY_MS * DAY_MS

UPPER, OTHER = "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10", "11111111-5d5c-4a53-8b0c-2f8f3a3c7d11"
ZEROS = "00000000-0000-0000-0000-000000000000"
DEVICES = ["d1", "d2", "D2", "anonymous", ZEROS, "u1", UPPER, UPPER.lower()]
USERS = [None, None, "u1", "u2", "d1", "anonymous", UPPER, UPPER.lower(), OTHER]
NAMES = ["Visit", "buy", "rare"]
DAYS = [-400, -31, -8, -7, -4, -3, -2, -1, 0, 1]
MOMENTS = [0, 1, 5_000_000, DAY_MS - 1]


class Visit(NamedTuple):
    """One event, whoever sends it."""

    number: int  # its event id: with the number of one before it is a repeat
    device: str
    user: str | None
    name: str
    at: int  # epoch ms
    plan: int


class Request(NamedTuple):
    door: str
    visits: list[Visit]


visits = st.builds(
    lambda device, user, name, day, moment, plan: (device, user, name, TODAY + day * DAY_MS + moment, plan),
    st.sampled_from(DEVICES), st.sampled_from(USERS), st.sampled_from(NAMES), st.sampled_from(DAYS),
    st.sampled_from(MOMENTS), st.integers(0, 2),
)  # fmt: skip
groups = st.lists(
    st.tuples(st.sampled_from(["acceptor", "importer", "admin"]), st.lists(visits, min_size=1, max_size=8)),
    min_size=1, max_size=6,
)  # fmt: skip


def numbered(drawn: list, first: int) -> list[Request]:
    """The requests, each event with an id of its own."""
    numbers = iter(range(first, 10**6))
    return [Request(door, [Visit(next(numbers), *visit) for visit in those]) for door, those in drawn]


class Project:
    """A project of its own, its doors, and what the oracle says of it."""

    def __init__(self, client, make_tenant, location: str, name: str) -> None:
        self._client, self._location, self._tenant = client, location, make_tenant(name)
        self._marked: set[str] = set()
        self.id = self._tenant.project.id

    def send(self, requests: list[Request]) -> None:
        for request in requests:
            answer = getattr(self, f"_{request.door}")(request.visits)
            assert answer.status_code == 200, answer.text

    def _acceptor(self, visits: list[Visit]):
        events = [
            {"event_type": name, "device_id": device, "user_id": user, "time": at, "insert_id": f"e{number}",
             "user_properties": {"plan": f"p{plan}", "seats": plan}}
            for number, device, user, name, at, plan in visits
        ]  # fmt: skip
        return self._client.post("/batch", json={"api_key": self._tenant.publishable_key, "events": events})

    def _importer(self, visits: list[Visit]):
        events = [
            {"event_type": name, "device_id": device, "user_id": user, "event_time": iso_text(at),
             "$insert_id": f"e{number}", "user_properties": {"plan": f"p{plan}"}}
            for number, device, user, name, at, plan in visits
        ]  # fmt: skip
        body = {"source": "amplitude", "events": events}
        return self._client.post("/import-events", json=body, headers=self._tenant.bearer)

    def _admin(self, visits: list[Visit]):
        """This door knows UUIDs only, and stores a name as it is."""
        events = [
            {"app_user_id": user if folded(user) in (UPPER.lower(), OTHER) else ZEROS, "event_name": name,
             "occurred_at": iso_text(at), "event_id": f"e{number}", "properties": {"user": {"plan": plan}}}
            for number, device, user, name, at, plan in visits
        ]  # fmt: skip
        return self._client.post(self._url("events"), json={"events": events}, headers=self._tenant.bearer)

    def ask(self, call: str, asked: dict | list = ()) -> dict:
        answer = self._client.get(f"{self._url(call)}?{urlencode(asked)}", headers=self._tenant.bearer)
        assert answer.status_code in (200, 404), answer.text
        return answer.json

    def pages(self, call: str, limit: int, **asked: object) -> list[dict]:
        """The rows of all pages."""
        found, cursor = [], {}
        while True:
            page = self.ask(call, asked | cursor | {"limit": limit})
            if "error" in page:
                return found
            found += page["data"]
            if page["next_cursor"] is None:
                return found
            cursor = {"cursor": page["next_cursor"]}

    def lose(self, store, random: Random) -> None:
        """Half of the rows go, as somebody with a shell deletes them; what outlives them is the marks."""
        rows = self.rows()
        self._marked |= shared_devices(rows)
        if not rows:  # nothing of what was sent had a usable time
            return
        ids = ", ".join(str(row["id"]) for row in random.sample(rows, (len(rows) + 1) // 2))
        store.commits.run(lambda connection: connection.execute(f"DELETE FROM semantic_events WHERE id IN ({ids})"))

    def erase(self, random: Random) -> None:
        """Somebody's events go by the door made for it; nothing needs to be counted anew."""
        rows = self.rows()
        self._marked |= shared_devices(rows)
        if not rows:
            return
        row = random.choice(rows)
        asked = {"install_id": row["install_id"]} if row["external_id"] is None else {"external_id": row["external_id"]}
        answer = self._client.post(self._url("erasures"), json=asked, headers=self._tenant.bearer)
        assert answer.json["data"]["status"] in ("done", "running"), answer.text  # PostgreSQL looks again 30 s later
        assert row["id"] not in {each["id"] for each in self.rows()}

    def rows(self) -> list[dict]:
        return events_in(self._location, "WHERE project = ? ORDER BY id", self._tenant.project_id)

    def view(self, name: str, columns: str) -> list[tuple]:
        """What somebody with a shell sees."""
        return read(self._location, f"SELECT {columns} FROM {name} WHERE project = ?", self._tenant.project_id)

    def oracle(self) -> Oracle:
        rows = self.rows()
        return Oracle(rows, self._marked | shared_devices(rows))

    def _url(self, call: str) -> str:
        return f"/admin/projects/{self._tenant.project_id}/{call}"


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def new_project(client, make_tenant, location):
    """A fresh project for every example, in one database."""
    numbers = iter(range(10**6))
    return lambda: Project(client, make_tenant, location, f"p{next(numbers)}")


def comparable(person: dict) -> dict:
    return person | {"devices": sorted(person["devices"])}


def in_order(people: list[dict]) -> list[dict]:
    return sorted(map(comparable, people), key=lambda person: (person["kind"], person["id"]))


def assert_people(project: Project, oracle: Oracle) -> None:
    found = project.pages("people", 3)
    assert in_order(found) == in_order(oracle.people())
    assert [one["last_seen_at"] for one in found] == sorted((one["last_seen_at"] for one in found), reverse=True)
    for query in ("u1", "d1", "0b6f", UPPER, UPPER[:4], "an%", OTHER):
        assert in_order(project.pages("people", 100, query=query)) == in_order(oracle.people(query))
    since, until = TODAY - 4 * DAY_MS, TODAY
    found = project.pages("people", 100, since=iso_text(since), until=iso_text(until))
    assert in_order(found) == in_order(oracle.people(since=since, until=until))


def assert_each(project: Project, oracle: Oracle) -> None:
    whos = [Who("device", device) for device in DEVICES] + [Who("user", user) for user in {*USERS, "nobody"} - {None}]
    for who in whos:
        asked = {"external_id" if who.kind == "user" else "install_id": who.id}
        one, meant = project.ask("people/one", asked), oracle.meant(who)
        if meant is None:
            assert one["error"]["code"] == project.ask("people/events", asked)["error"]["code"] == "NOT_FOUND"
            continue
        assert comparable(one["data"]) == oracle.shown(meant) | {"properties": oracle.properties(meant)}
        for name, since, until in ((None, -(2**62), 2**62), ("buy", TODAY - 3 * DAY_MS, TODAY)):
            named = asked | ({"event_name": name, "since": iso_text(since), "until": iso_text(until)} if name else {})
            found = project.pages("people/events", 10, **named)
            assert [row["id"] for row in found] == oracle.event_ids(meant, name, since, until)


def assert_counts(project: Project, oracle: Oracle, asked_window: tuple[int, int]) -> None:
    since, until = asked_window
    window = {"since": iso_text(since), "until": iso_text(until)}
    for name in (None, "visit", "unknown"):
        for group_by in (None, "day", "week", "month"):
            asked = window | ({"event_name": name} if name else {}) | ({"group_by": group_by} if group_by else {})
            assert project.ask("people/count", asked)["data"] == oracle.people_count(since, until, name, group_by)
    for period in ("day", "week"):
        found = project.ask("people/retention", window | {"period": period})["data"]
        assert found == oracle.cohorts(since, until, period)
    for steps, within in ((("visit", "buy"), 1), (("visit", "visit", "buy"), 7), (("buy", "rare", "buy"), 30)):
        asked = [*window.items(), ("within", within), *(("step", step) for step in steps)]
        found = project.ask("funnel", asked)["data"]["steps"]
        people = oracle.steps(FunnelQuery(since, until, steps, within * DAY_MS))
        assert found == [{"event_name": n, "people": p} for n, p in zip(steps, people, strict=True)]


def assert_names(project: Project, oracle: Oracle) -> None:
    found, wanted = project.pages("names", 2), oracle.names(NOW)
    assert [one | {"label": None} for one in found] == [one | {"label": None} for one in wanted]
    assert all(one["label"] in other["label"] for one, other in zip(found, wanted, strict=True))
    for one in wanted:
        shown = project.ask("names/properties", {"event_name": one["event_name"]})["data"]
        assert shown["events"] == one["events"]
        assert shown["properties"] == oracle.name_properties(one["event_name"])


def assert_views(project: Project, oracle: Oracle) -> None:
    whose = {row["id"]: tuple(who) for who, rows in oracle.events.items() for row in rows}
    found = project.view("events_and_people", "id, person_kind, person")
    assert {number: (kind, person) for number, kind, person in found} == whose and len(found) == len(whose)
    found = project.view("people", "kind, id, first_seen_at, last_seen_at, events")
    assert sorted(found) == sorted(oracle.seen())


windows_asked = st.lists(
    st.tuples(
        st.sampled_from([-32, -8, -7, -4, -1, 0]), st.sampled_from([-4, -1, 0, 1]),
        st.sampled_from([0, 1, 4_000_000]), st.sampled_from([-1, 0, 5_000_000]),
    ).map(lambda w: (TODAY + w[0] * DAY_MS + w[2], max(TODAY + w[1] * DAY_MS + w[3], TODAY + w[0] * DAY_MS + w[2]))),
    min_size=4, max_size=4, unique=True,
)  # fmt: skip

_PER_TEST = settings(
    deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)


@settings(_PER_TEST, max_examples=4)
@given(drawn=groups, more=groups, windows=windows_asked, random=st.randoms(use_true_random=False))
def test_every_answer_is_the_oracle_s(new_project, store, drawn, more, windows, random):
    """Of what came; of the same in another order, in other requests; of what a loss or an erasure leaves."""
    requests = numbered(drawn, 1)
    first, second = new_project(), new_project()
    first.send(requests)
    second.send(shuffled(requests, random))
    assert_all(first, windows[0])
    assert_counts(second, second.oracle(), windows[0])
    assert in_order(second.pages("people", 5)) == in_order(first.oracle().people())
    assert store.wrong_totals() == []
    first.lose(store, random)
    store.repair(store.wrong_totals())
    assert store.wrong_totals() == []
    assert_all(first, windows[2])
    first.send(numbered(more, 1000))
    assert_all(first, windows[3])
    second.erase(random)
    assert_all(second, windows[1])
    assert store.wrong_totals() == []


def assert_all(project: Project, window: tuple[int, int]) -> None:
    oracle = project.oracle()
    assert_people(project, oracle)
    assert_each(project, oracle)
    assert_counts(project, oracle, window)
    assert_names(project, oracle)
    assert_views(project, oracle)


def shuffled(requests: list[Request], random: Random) -> list[Request]:
    """The same events in other requests of the same doors, some twice, in another order."""
    alone = [(door, visit) for door, visits in requests for visit in visits]
    alone += random.sample(alone, len(alone) // 3)
    random.shuffle(alone)
    found: list[Request] = []
    for door, visit in alone:
        if not (found and found[-1].door == door and random.random() < 0.7):
            found.append(Request(door, []))
        found[-1].visits.append(visit)
    return found
