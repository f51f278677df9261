"""GET …/people and what lies below it, …/funnel, …/names: shapes, parameters, errors (contract 8).

Whether they count right is seen in properties/test_people_oracle.py.
"""

from threading import Thread

import pytest
from jsonschema import Draft202012Validator

from drengr.answering import CALLS
from drengr.api.openapi import document
from drengr.store import TooLong
from drengr.store.clock import now_ms
from tests.admin import DAY_MS, HOUR_MS, error_of, event, iso
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

UUID = "0B6F1C1E-5D5C-4A53-8B0C-2F8F3A3C7D10"
SINCE = {"since": "2026-11-01"}
STEPS = {"step": ["visit", "buy"]}


@pytest.fixture
def ask(client, tenant):
    """ask("people", limit=5) → the answer."""
    base = f"/admin/projects/{tenant.project_id}/"
    return lambda call, **asked: client.get(base + call, query_string=asked, headers=tenant.bearer)


@pytest.fixture
def ask_empty(empty):
    """The same of a project that stays empty."""
    return lambda call, **asked: empty.get(call, **asked)


@pytest.fixture
def visits(put):
    """A visitor who signs up and buys a day later, and a device that is nobody's."""
    put(
        event(
            event_name="visit", install_id="d1", external_id=None, occurred_at=NOW_MS - DAY_MS,
            dims='{"_source_event_name":"Visit","user.plan":"free"}', measures='{"user.seats":1}',
        ),
        event(
            event_name="buy", install_id="d1", external_id="u1", occurred_at=NOW_MS - HOUR_MS,
            dims='{"user.plan":"pro"}', measures='{"revenue":42.5}',
        ),
        event(event_name="visit", install_id="d2", external_id=None, occurred_at=NOW_MS - 60_000,
              dims='{"_source_event_name":"Visit"}'),
    )  # fmt: skip


def test_everybody_seen_last_first(ask, visits):
    assert ask("people").json == {
        "data": [
            {"kind": "device", "id": "d2", "first_seen_at": "2026-11-20T15:59:00.000Z", "events": 1, "devices": ["d2"],
             "last_seen_at": "2026-11-20T15:59:00.000Z"},
            {"kind": "user", "id": "u1", "first_seen_at": "2026-11-19T16:00:00.000Z", "events": 2, "devices": ["d1"],
             "last_seen_at": "2026-11-20T15:00:00.000Z"},
        ],
        "next_cursor": None,
    }  # fmt: skip


def test_pages_of_people_join_while_more_are_seen(ask, put):
    put(*(event(install_id=f"d{n}", external_id=f"u{n}", occurred_at=NOW_MS - n // 2) for n in range(7)))
    found, cursor = [], {}
    while cursor is not None:
        page = ask("people", limit=2, **cursor).json
        found += [person["id"] for person in page["data"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        put(event(install_id="new", external_id="new", occurred_at=NOW_MS + len(found)))
    assert sorted(found) == sorted(f"u{n}" for n in range(7))


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("us", ["us%er_1", "user_1"]), ("user_1", ["user_1"]), ("us%", ["us%er_1"]), ("user*", []),
        (UUID, [UUID.lower()]), (UUID.lower(), [UUID.lower()]), ("0b6f1c", [UUID.lower()]), ("0B6F1C", []),
        ("nobody", []),
    ],
)  # fmt: skip
def test_a_query_is_an_id_or_its_beginning_to_the_letter(ask, put, query, found):
    put(*(event(install_id="d", external_id=user) for user in ("user_1", "us%er_1", UUID)))
    assert sorted(person["id"] for person in ask("people", query=query).json["data"]) == found


def test_one_person_with_the_newest_value_of_each_user_property(ask, visits):
    found = ask("people/one", external_id="u1").json["data"]
    assert found["properties"] == {"user.plan": "pro", "user.seats": 1}
    assert ask("people/one", install_id="d1").json["data"] == found
    assert ask("people/one", install_id="d2").json["data"]["kind"] == "device"


def test_the_events_of_one_person_of_all_times(ask, put, visits):
    put(event(install_id="d1", external_id=None, occurred_at=NOW_MS - 500 * DAY_MS, event_name="old"))
    found = ask("people/events", external_id="u1").json["data"]
    assert [row["event_name"] for row in found] == ["buy", "visit", "old"]
    assert found == ask("people/events", install_id="d1").json["data"]
    assert found[:2] == [row for row in ask("events", since="2026-11-01").json["data"] if row["install_id"] == "d1"]
    names = [row["event_name"] for row in ask("people/events", external_id="u1", event_name="old").json["data"]]
    assert names == ["old"]
    first = ask("people/events", external_id="u1", limit=2).json
    rest = ask("people/events", external_id="u1", limit=2, cursor=first["next_cursor"]).json
    assert first["data"] + rest["data"] == found and rest["next_cursor"] is None
    nothing = ask("people/events", external_id="u1", until="2020-01-01")
    assert (nothing.status_code, nothing.json) == (200, {"data": [], "next_cursor": None})


def test_a_funnel_counts_the_visit_before_the_sign_up(ask, visits):
    steps = [{"event_name": "visit", "people": 2}, {"event_name": "buy", "people": 1}]
    assert ask("funnel", **SINCE, **STEPS).json == {"data": {"steps": steps}}
    assert ask("funnel", **SINCE, **STEPS, within="1").json == {"data": {"steps": steps}}


def test_people_of_weeks_and_months(ask, put):
    put(event(occurred_at=NOW_MS - 40 * DAY_MS), event(), event(external_id="u2", install_id="d2"))
    asked = {"since": "2026-10-01"}
    weeks, months = (ask("people/count", **asked, group_by=each).json["data"] for each in ("week", "month"))
    assert weeks == {"total": 2, "buckets": [{"key": "2026-W41", "people": 1}, {"key": "2026-W47", "people": 2}]}
    assert months["buckets"] == [{"key": "2026-10", "people": 1}, {"key": "2026-11", "people": 2}]
    assert ask("people/count", **asked).json == {"data": {"total": 2}}


def test_retention_is_of_whole_periods(ask, put):
    put(event(occurred_at=NOW_MS - 7 * DAY_MS), event(), event(external_id="u2", install_id="d2"))
    weeks = ask("people/retention", since=iso(NOW_MS - 4 * DAY_MS), period="week").json
    assert weeks == {"data": [{"cohort": "2026-W47", "people": 1, "returned": []}]}
    weeks = ask("people/retention", since=iso(NOW_MS - 7 * DAY_MS), period="week").json["data"]
    assert weeks[0] == {"cohort": "2026-W46", "people": 1, "returned": [1]}
    days = ask("people/retention", since="2026-11-13").json["data"]
    assert days[0] == {"cohort": "2026-11-13", "people": 1, "returned": [0, 0, 0, 0, 0, 0, 1]}


def test_names_with_the_spelling_that_was_sent(ask, visits):
    found = ask("names").json
    assert [(one["event_name"], one["label"], one["events"], one["people"]) for one in found["data"]] == [
        ("visit", "Visit", 2, 2),
        ("buy", "buy", 1, 1),
    ]
    first = ask("names", limit=1).json
    second = ask("names", limit=1, cursor=first["next_cursor"]).json
    assert first["data"] + second["data"] == found["data"]
    assert [one["event_name"] for one in ask("names", query="vi").json["data"]] == ["visit"]


def test_pages_of_names_that_no_url_has_room_for_go_on(ask, put):
    names = sorted(["x" * 5000, "x" * 4000 + "y", "ü\0: " * 900, "z"])
    put(*(event(event_name=name.replace("\0", "")) for name in names))
    found, cursor = [], {}
    while cursor is not None:
        page = ask("names", limit=1, **cursor).json
        found += [one["event_name"] for one in page["data"]]
        cursor = {"cursor": page["next_cursor"]} if page["next_cursor"] else None
        assert cursor is None or len(cursor["cursor"]) < 3000
    assert found[0] == "x" * 5000 and found[-2:] == ["z", "ü: " * 900] and len(set(found)) == len(found)


def test_what_the_events_of_a_name_carry(ask, put):
    put(
        event(dims='{"plan":"pro"}', measures='{"revenue":1,"big":9e307}'),
        event(dims='{"plan":"free"}', measures='{"revenue":2.5,"big":9e307}'),
        event(dims='{"plan":"free","os":"iOS"}', measures='{"big":9e307}'),
        event(dims="{}", measures="{}"),
    )
    found = ask("names/properties", event_name="order_completed").json["data"]
    assert found["events"] == 4
    assert [(each["key"], each["share"]) for each in found["properties"]] == [
        ("big", 0.75), ("plan", 0.75), ("revenue", 0.5), ("os", 0.25),
    ]  # fmt: skip
    big, plan, revenue, _ = found["properties"]
    assert plan["values"] == [{"value": "free", "count": 2}, {"value": "pro", "count": 1}]
    assert (revenue["min"], revenue["max"], revenue["mean"]) == (1, 2.5, 1.75)
    assert big["mean"] == pytest.approx(9e307)  # their sum is no number


def test_answers_have_the_shapes_that_are_described(ask, visits):
    spec = document()
    asked = {
        "people": {}, "people/one": {"external_id": "u1"}, "people/events": {"external_id": "u1"},
        "people/count": SINCE | {"group_by": "week"}, "people/retention": SINCE, "funnel": SINCE | STEPS, "names": {},
        "names/properties": {"event_name": "buy"},
    }  # fmt: skip
    assert asked.keys() == CALLS.keys()
    for call, words in asked.items():
        answers = spec["paths"][f"/admin/projects/{{projectId}}/{call}"]["get"]["responses"]
        schema = answers["200"]["content"]["application/json"]["schema"]
        Draft202012Validator(schema | {"components": spec["components"]}).validate(ask(call, **words).json)


# Errors ---------------------------------------------------------------------------------------------------------------

REFUSED = [
    ("people", {"query": "x"}, "INVALID_FILTER"),
    ("people", {"query": ""}, "INVALID_FILTER"),
    ("people", {"since": "x"}, "INVALID_SINCE"),
    ("people", {"until": ""}, "INVALID_UNTIL"),
    ("people", {"since": "2026-11-02", "until": "2026-11-01"}, "INVALID_RANGE"),
    ("people", {"limit": "0"}, "INVALID_LIMIT"),
    ("people", {"cursor": "x"}, "INVALID_CURSOR"),
    ("people", {"external_id": "u1"}, "INVALID_FILTER"),
    ("people/one", {}, "INVALID_FILTER"),
    ("people/one", {"external_id": "u", "install_id": "d"}, "INVALID_FILTER"),
    ("people/one", {"external_id": ""}, "INVALID_FILTER"),
    ("people/one", {"external_id": ["u", "u"]}, "INVALID_FILTER"),
    ("people/one", {"external_id": "u", "limit": "5"}, "INVALID_FILTER"),
    ("people/events", {"limit": "5"}, "INVALID_FILTER"),
    ("people/events", {"external_id": "u", "limit": "x"}, "INVALID_LIMIT"),
    ("people/events", {"external_id": "u", "cursor": "x"}, "INVALID_CURSOR"),
    ("people/events", {"external_id": "u", "since": "x"}, "INVALID_SINCE"),
    ("people/events", {"external_id": "u", "user_id": UUID}, "INVALID_FILTER"),
    ("people/count", {}, "MISSING_SINCE"),
    ("people/count", {"since": ""}, "MISSING_SINCE"),
    ("people/count", SINCE | {"group_by": "event_name"}, "INVALID_GROUP_BY"),
    ("people/count", SINCE | {"group_by": ""}, "INVALID_GROUP_BY"),
    ("people/count", SINCE | {"until": "2026-10-31"}, "INVALID_RANGE"),
    ("people/count", SINCE | {"period": "day"}, "INVALID_FILTER"),
    ("people/retention", {}, "MISSING_SINCE"),
    ("people/retention", SINCE | {"period": "month"}, "INVALID_PERIOD"),
    ("people/retention", SINCE | {"period": ["day", "day"]}, "INVALID_PERIOD"),
    ("people/retention", SINCE | {"event_name": "a"}, "INVALID_FILTER"),
    ("funnel", STEPS, "MISSING_SINCE"),
    ("funnel", SINCE, "INVALID_STEP"),
    ("funnel", SINCE | {"step": "a"}, "INVALID_STEP"),
    ("funnel", SINCE | {"step": ["a", ""]}, "INVALID_STEP"),
    ("funnel", SINCE | {"step": ["a"] * 9}, "INVALID_STEP"),
    *(("funnel", SINCE | STEPS | {"within": w}, "INVALID_WITHIN") for w in ("0", "367", "1.5", "7d", "-1", "", "٣")),
    ("funnel", SINCE | STEPS | {"within": ["1", "1"]}, "INVALID_WITHIN"),
    ("funnel", SINCE | STEPS | {"limit": "1"}, "INVALID_FILTER"),
    ("names", {"limit": "-1"}, "INVALID_LIMIT"),
    ("names", {"cursor": "x"}, "INVALID_CURSOR"),
    ("names", {"cursor": "eHg"}, "INVALID_CURSOR"),
    ("names", {"cursor": "é"}, "INVALID_CURSOR"),
    ("names", {"since": "2026-11-01"}, "INVALID_FILTER"),
    ("names/properties", {}, "MISSING_EVENT_NAME"),
    ("names/properties", {"event_name": ""}, "MISSING_EVENT_NAME"),
    ("names/properties", {"event_name": ["a", "b"]}, "INVALID_FILTER"),
]


@pytest.mark.parametrize(("call", "asked", "code"), REFUSED)
def test_a_bad_question_is_refused_with_its_code(ask_empty, call, asked, code):
    assert error_of(ask_empty(call, **asked)) == (400, code)


@pytest.mark.parametrize("call", ["people/count", "people/retention", "funnel"])
def test_exactly_366_days_pass(ask_empty, call):
    asked = STEPS if call == "funnel" else {}
    since = iso(NOW_MS - 366 * DAY_MS)
    assert ask_empty(call, since=since, until=iso(NOW_MS), **asked).status_code == 200
    assert ask_empty(call, since=iso(NOW_MS - 366 * DAY_MS - 60_000), **asked).status_code == 200  # a slow client's now
    refused = ask_empty(call, since=iso(NOW_MS - 366 * DAY_MS - 1), until=iso(NOW_MS), **asked)
    assert error_of(refused) == (400, "RANGE_TOO_LARGE")
    assert refused.json["error"]["details"] == {"max_days": 366, "requested_days": 367}


@pytest.mark.parametrize(
    ("call", "asked"),
    [
        ("people/one", {"external_id": "nobody"}),
        ("people/one", {"install_id": "nobody's"}),
        ("people/events", {"external_id": "nobody"}),
        ("names/properties", {"event_name": "never seen"}),
    ],
)
def test_what_is_not_there_is_404(ask, visits, call, asked):
    assert error_of(ask(call, **asked)) == (404, "NOT_FOUND")


@pytest.mark.parametrize("text", ["\0", "a\0b", "%", "%_*", "x" * 3000, "\U0010ffff"], ids=ascii)
def test_no_text_makes_a_fault(ask, visits, text):
    asked = [("people", {"query": text + text}), ("people/one", {"install_id": text}),
             ("people/events", {"external_id": text}), ("names", {"query": text}),
             ("names/properties", {"event_name": text}), ("funnel", SINCE | {"step": [text, text]}),
             ("people/count", SINCE | {"event_name": text}),
             ("people/events", {"external_id": "u1", "event_name": text})]  # fmt: skip
    for call, words in asked:
        assert ask(call, **words).status_code in (200, 404), call


VERBS = {
    "people": "people", "people/one": "person", "people/events": "person_page", "people/count": "count_people",
    "people/retention": "retention", "funnel": "funnel", "names": "names", "names/properties": "name_sample",
}  # fmt: skip
GOOD = {
    "people/one": {"external_id": "u1"}, "people/events": {"external_id": "u1"}, "people/count": SINCE,
    "people/retention": SINCE, "funnel": SINCE | STEPS, "names/properties": {"event_name": "buy"},
}  # fmt: skip


@pytest.mark.parametrize("call", VERBS)
def test_a_fault_has_the_call_s_own_code(ask, store, monkeypatch, call):
    def fault(*_):
        raise ZeroDivisionError("secret")

    monkeypatch.setattr(store, VERBS[call], fault)
    answer = ask(call, **GOOD.get(call, {}))
    assert error_of(answer) == (500, call.rpartition("/")[2].upper() + "_FAILED") and "secret" not in answer.text


@pytest.mark.parametrize("call", ["people/retention", "funnel"])
def test_a_question_that_takes_too_long_says_what_to_do(ask, store, monkeypatch, call):
    def slow(*_):
        raise TooLong(20)

    monkeypatch.setattr(store, VERBS[call], slow)
    answer = ask(call, **GOOD[call])
    assert error_of(answer) == (503, "UNAVAILABLE") and "ask a shorter window" in answer.json["error"]["message"]


def test_one_heavy_question_at_a_time(app, ask, store, tenant, monkeypatch):
    """Meanwhile the others are answered; a second waits as long as the gate lets anybody wait."""
    refused = []

    def while_another_asks(*_):
        client, base = app.test_client(), f"/admin/projects/{tenant.project_id}/"

        def second() -> None:
            refused.append(client.get(base + "people/retention", query_string=SINCE, headers=tenant.bearer))
            refused.append(client.get(base + "people/count", query_string=SINCE, headers=tenant.bearer))

        other = Thread(target=second)
        other.start()
        other.join()
        return [0, 0]

    monkeypatch.setattr(store, "funnel", while_another_asks)
    assert ask("funnel", **GOOD["funnel"]).status_code == 200
    assert error_of(refused[0]) == (503, "UNAVAILABLE") and "funnel" in refused[0].json["error"]["message"]
    assert refused[1].status_code == 200
    assert ask("people/retention", **SINCE).status_code == 200


def test_where_events_go_after_some_days_the_oldest_period_has_no_row(client, tenant, store):
    today = now_ms() // DAY_MS
    come = [event(event_id=str(n), external_id=f"u{n}", install_id=f"d{n}", occurred_at=(today - n) * DAY_MS + 1)
            for n in range(9)]  # fmt: skip
    store.add(tenant.project.id, come)
    since = iso((today - 8) * DAY_MS)[:10]

    def cohorts() -> list[str]:
        url = f"/admin/projects/{tenant.project_id}/people/retention"
        asked = {"since": since, "until": iso(today * DAY_MS)[:10]}
        return [row["cohort"] for row in client.get(url, query_string=asked, headers=tenant.bearer).json["data"]]

    assert len(cohorts()) == 9
    store.keep(tenant.project.id, 5)
    assert cohorts() == [iso((today - n) * DAY_MS)[:10] for n in range(4, -1, -1)]
