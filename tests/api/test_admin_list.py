import base64
import json
from itertools import chain

import pytest

from drengr.admin import questions
from drengr.events.times import iso_text
from drengr.log import faults
from tests.admin import DAY_MS, HOUR_MS, USER, error_of, event, iso
from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores


def names(answer) -> list[str]:
    assert answer.status_code == 200, answer.text
    return [row["event_name"] for row in answer.json["data"]]


def cursor_of(words: object) -> str:
    text = words if isinstance(words, str) else json.dumps(words)
    return base64.urlsafe_b64encode(text.encode()).rstrip(b"=").decode()


def test_a_live_event_is_seen_with_dims_and_measures_merged(admin, client, tenant):
    sent = amplitude_event(insert_id="a-1", user_id=USER.upper(), session_id=17)
    client.post("/amplitude-ingest", json=envelope(tenant.publishable_key, sent))
    row = admin.page().json["data"][0]
    assert row.pop("id").isdecimal()
    assert row == {
        "app_user_id": USER.upper(),
        "event_name": "order_completed",
        "properties": {"_source_event_name": "Order Completed", "plan": "pro", "revenue": 42.5},
        "occurred_at": iso_text(NOW_MS - 60_000),
        "event_id": "a-1",
        "install_id": "8f6f2b34-1111-4222-8333-123456789012",
        "session_id": 17,
        "source": "amplitude_http",
        "received_at": iso_text(NOW_MS),
    }


def test_both_prefixes_answer_alike(admin, client, put, tenant):
    put(event())
    again = client.get(f"/v1/admin/projects/{tenant.project_id}/events", headers=tenant.bearer)
    assert again.json == admin.page().json and len(again.json["data"]) == 1


def test_an_empty_project_has_an_empty_page(empty):
    assert empty.page().json == {"data": [], "next_cursor": None}


def test_newest_comes_first_and_of_one_millisecond_the_last_stored(admin, put):
    put(event(event_name="first"), event(event_name="second"), event(event_name="newer", occurred_at=NOW_MS))
    assert names(admin.page()) == ["newer", "second", "first"]


@pytest.mark.parametrize(
    ("dims", "measures", "shown"),
    [
        ("{}", "{}", {}),
        ('{"a":"1"}', "{}", {"a": "1"}),
        ("{}", '{"n":9007199254740993}', {"n": 9007199254740993}),
        ('{"a":"}"}', '{"n":1.5}', {"a": "}", "n": 1.5}),
    ],
)
def test_properties_are_dims_and_measures_together(admin, put, dims, measures, shown):
    put(event(dims=dims, measures=measures))
    assert admin.page().json["data"][0]["properties"] == shown


def test_without_since_the_last_24_hours_are_shown(admin, put):
    put(event(event_name="edge", occurred_at=NOW_MS - DAY_MS), event(event_name="old", occurred_at=NOW_MS - DAY_MS - 1))
    assert names(admin.page()) == ["edge"]


def test_without_until_events_ahead_of_the_clock_are_shown_too(admin, put):
    put(event(occurred_at=NOW_MS + HOUR_MS))
    assert len(names(admin.page())) == 1


def test_since_and_until_are_inclusive_to_the_millisecond(admin, put):
    put(*(event(event_name=f"e{n}", occurred_at=NOW_MS + n) for n in range(5)))
    assert names(admin.page(since=iso(NOW_MS + 1), until=iso(NOW_MS + 3))) == ["e3", "e2", "e1"]


def test_until_before_since_is_an_empty_page(admin, put):
    put(event())
    assert names(admin.page(since=iso(NOW_MS), until=iso(NOW_MS - DAY_MS))) == []


def test_a_plus_that_arrives_as_a_space_is_an_offset(admin, client, put, tenant):
    put(event(event_name="in", occurred_at=1_776_952_931_000), event(event_name="out", occurred_at=1_776_952_930_999))
    for since in ("2026-04-23T16:02:11+02:00", "2026-04-23T16:02:11 0200", "2026-04-23%2016:02:11.000+02"):
        answer = client.get(f"{admin.url}?since={since}&until=2026-04-24", headers=tenant.bearer)
        assert names(answer) == ["in"], since


@pytest.mark.parametrize("limit", [1, 2, 3, 7])
def test_pages_join_to_the_whole(admin, put, limit):
    put(*(event(occurred_at=NOW_MS - n // 3) for n in range(7)))
    whole = admin.page().json["data"]
    pages = list(admin.pages(limit=limit))
    assert list(chain(*pages)) == whole and len(whole) == 7
    assert all(len(page) == limit for page in pages[:-1])


def test_the_cursor_is_the_last_row_of_a_full_page(admin, put):
    put(*(event(occurred_at=NOW_MS - n) for n in range(3)))
    answer = admin.page(limit=2).json
    last = answer["data"][-1]
    cursor = answer["next_cursor"]
    assert "=" not in cursor
    assert base64.urlsafe_b64decode(cursor + "==") == b'{"ts":"%s","id":"%s"}' % (
        last["occurred_at"].encode(),
        last["id"].encode(),
    )
    assert admin.page(limit=3).json["next_cursor"] is not None  # full, though nothing follows
    assert admin.page(limit=4).json["next_cursor"] is None


def test_a_page_asked_for_later_still_holds_what_was_at_the_old_edge(admin, clock, put):
    put(event(event_name="edge", occurred_at=NOW_MS - DAY_MS), event(event_name="newer"))
    first = admin.page(limit=1).json
    clock.now_ms += 10 * 60_000
    assert names(admin.page(limit=1, cursor=first["next_cursor"])) == ["edge"]


def test_a_cursor_does_not_reach_past_until(admin, put):
    put(*(event(event_name=f"e{n}", occurred_at=NOW_MS + n) for n in range(5)))
    cursor = cursor_of({"ts": iso(NOW_MS + 4), "id": "999"})
    assert names(admin.page(cursor=cursor, until=iso(NOW_MS + 1))) == ["e1", "e0"]


def test_limit_is_100_by_default_and_1000_at_most(admin, put):
    put(*(event(occurred_at=NOW_MS - n) for n in range(1001)))
    assert len(names(admin.page())) == 100
    assert len(names(admin.page(limit=1000))) == 1000
    assert len(names(admin.page(limit=1001))) == 1000
    assert len(names(admin.page(limit="9" * 5000))) == 1000


FILTERS = {
    "event_name": "Ünïcode Näme",
    "user_id": USER,
    "external_id": "user 2",
    "install_id": "device_2",
    "source": "posthog",
}


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_picks_exactly_its_events(admin, put, name):
    column = "external_id" if name == "user_id" else name
    put(event(), event(**{column: FILTERS[name]}), event(**{column: FILTERS[name]}, app_package="com.x"), event())
    found = admin.page(**{name: FILTERS[name]}).json["data"]
    assert [row["id"] for row in found] == ["3", "2"]


@pytest.mark.parametrize("name", FILTERS)
def test_a_filter_that_nothing_matches_is_an_empty_page(admin, put, name):
    put(event())
    unknown = USER if name == "user_id" else "never seen"
    assert admin.page(**{name: unknown}).json == {"data": [], "next_cursor": None}


def test_all_filters_hold_at_once(admin, put):
    meant = event(event_name="n", external_id=USER, install_id="d", source="ga4", occurred_at=NOW_MS - 5)
    put(
        meant,
        *(meant._replace(**{field: "other"}) for field in ("event_name", "external_id", "install_id")),
        meant._replace(source="mixpanel"),
        meant._replace(occurred_at=NOW_MS - DAY_MS - 1),
    )
    asked = {"event_name": "n", "user_id": USER.upper(), "external_id": USER, "install_id": "d", "source": "ga4"}
    assert [row["id"] for row in admin.page(**asked).json["data"]] == ["1"]
    assert names(admin.page(**asked | {"external_id": "somebody else"})) == []


MIXED = USER[:8].upper() + USER[8:]


@pytest.mark.parametrize("asked", [USER, USER.upper(), MIXED], ids=["lower", "upper", "mixed"])
@pytest.mark.parametrize("name", ["user_id", "external_id", "install_id"])
def test_a_uuid_is_found_in_whatever_case_it_was_sent(admin, put, name, asked):
    """iOS sends UUIDs in upper case."""
    column = "install_id" if name == "install_id" else "external_id"
    put(*(event(event_name=each, **{column: each}) for each in (USER, USER.upper(), MIXED, "user_1")))
    assert sorted(names(admin.page(**{name: asked}))) == sorted([USER, USER.upper(), MIXED])


def test_two_spellings_of_one_uuid_are_one_person(admin, put):
    put(event(event_name="n", external_id=USER.upper()))
    assert names(admin.page(user_id=USER, external_id=USER.upper())) == ["n"]


def test_an_id_that_is_no_uuid_is_exact(admin, put):
    put(event(event_name="upper", external_id="ANNA"), event(event_name="lower", external_id="anna"))
    assert names(admin.page(external_id="anna")) == ["lower"]


@pytest.mark.parametrize("unknown", ["user", "group_by", "event-name", "Since", "step"])
def test_a_parameter_that_the_list_does_not_know_is_named(empty, unknown):
    refused = empty.page(**{unknown: "x"})
    assert error_of(refused) == (400, "INVALID_FILTER") and repr(unknown) in refused.json["error"]["message"]


CODES = {"since": "INVALID_SINCE", "until": "INVALID_UNTIL", "limit": "INVALID_LIMIT", "cursor": "INVALID_CURSOR"}


@pytest.mark.parametrize("name", questions.PAGE_PARAMETERS)
def test_a_parameter_that_comes_twice_or_empty_is_refused_by_its_own_code(empty, name):
    good = {"since": "2026-11-01", "until": "2026-11-02", "limit": "5", "user_id": USER}.get(name, "x")
    for values in ([good, good], [""], ["", good]):
        refused = empty.page(**{name: values})
        assert error_of(refused) == (400, CODES.get(name, "INVALID_FILTER")), values
        assert name in refused.json["error"]["message"]


def test_until_as_a_date_means_that_whole_day(admin, put):
    begin = questions.instant_ms("2026-11-20")
    put(*(event(event_name=f"e{n}", occurred_at=begin + n) for n in (-1, 0, DAY_MS - 1, DAY_MS)))
    assert names(admin.page(since="2026-11-20", until="2026-11-20")) == [f"e{DAY_MS - 1}", "e0"]
    assert names(admin.page(since="2026-11-20", until="2026-11-20T00:00")) == ["e0"]


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2026-13-01", "1795190400", "2026-04-23T25:00:00Z", "0001-01-01T00:00:00+01:00"]
)
@pytest.mark.parametrize("name", ["since", "until"])
def test_an_unreadable_bound_is_named(empty, name, text):
    assert error_of(empty.page(**{name: text})) == (400, f"INVALID_{name.upper()}")


@pytest.mark.parametrize("limit", ["0", "000", "-1", "+5", "1.5", "ten", "", "1e3", "٣"])
def test_a_limit_that_is_no_positive_integer_is_refused(empty, limit):
    assert error_of(empty.page(limit=limit)) == (400, "INVALID_LIMIT")


@pytest.mark.parametrize(
    "cursor",
    [
        "",
        "?",
        "abc",
        "e30",
        "é",
        "a" * 5000,
        cursor_of("[]"),
        cursor_of("[" * 200),
        cursor_of({"ts": iso(NOW_MS)}),
        cursor_of({"id": "1"}),
        cursor_of({"ts": iso(NOW_MS), "id": 1}),
        cursor_of({"ts": NOW_MS, "id": "1"}),
        cursor_of({"ts": "x", "id": "1"}),
        cursor_of({"ts": iso(NOW_MS), "id": "-1"}),
        cursor_of({"ts": iso(NOW_MS), "id": "9" * 19}),
        cursor_of({"ts": iso(NOW_MS), "id": "1"}) + "=",
    ],
)
def test_a_malformed_cursor_is_refused(empty, cursor):
    assert error_of(empty.page(cursor=cursor)) == (400, "INVALID_CURSOR")


@pytest.mark.parametrize("user_id", ["", "user_1", USER[:-1], USER + "0", USER.replace("-", ""), "{" + USER + "}"])
def test_a_user_id_that_is_no_uuid_is_refused(empty, user_id):
    assert error_of(empty.page(user_id=user_id)) == (400, "INVALID_FILTER")


def test_a_fault_of_the_database_is_a_500_that_hides_what_it_was(admin, store, caplog, monkeypatch):
    monkeypatch.setattr(faults, "filters", [])  # which let one line a second pass
    store.commits.run(lambda connection: connection.execute("ALTER TABLE origins RENAME TO gone"))
    answer = admin.page()
    assert error_of(answer) == (500, "LIST_FAILED")
    assert "origins" not in answer.text and "origins" in caplog.text
