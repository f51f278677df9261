from datetime import UTC, datetime

import pytest

from drengr.log import faults
from tests.admin import DAY_MS, HOUR_MS, error_of, event, iso
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp() * 1000)


def test_the_total_of_a_window(admin, put):
    put(event(), event(event_name="other"), event(occurred_at=NOW_MS - 8 * DAY_MS))
    assert admin.count(since=iso(NOW_MS - 7 * DAY_MS)).json == {"data": {"total": 2}}


def test_days_are_utc_ascending_and_never_empty(admin, put):
    put(
        *(
            event(occurred_at=ms(at))
            for at in ("2024-02-28T23:59:59.999", "2024-02-29", "2024-03-01", "2024-03-01T12:00")
        )
    )
    counted = admin.count(since="2024-02-28T23:59:59.999Z", until="2024-03-03", group_by="day").json["data"]
    assert counted == {
        "total": 4,
        "buckets": [
            {"key": "2024-02-28", "count": 1},
            {"key": "2024-02-29", "count": 1},
            {"key": "2024-03-01", "count": 2},
        ],
    }


def test_a_year_ends_between_two_days(admin, put):
    put(event(occurred_at=ms("2025-12-31T23:59:59.999")), event(occurred_at=ms("2026-01-01")))
    buckets = admin.count(since="2025-12-01", until="2026-01-01", group_by="day").json["data"]["buckets"]
    assert [bucket["key"] for bucket in buckets] == ["2025-12-31", "2026-01-01"]


def test_names_come_by_count_then_in_byte_order(admin, put):
    put(*(event(event_name=name) for name in ("b", "Z", "é", "a", "most", "most")))
    buckets = admin.count(since=iso(NOW_MS - HOUR_MS), group_by="event_name").json["data"]["buckets"]
    assert [(bucket["key"], bucket["count"]) for bucket in buckets] == [
        ("most", 2),
        ("Z", 1),
        ("a", 1),
        ("b", 1),
        ("é", 1),
    ]


@pytest.mark.parametrize("group_by", [None, "day", "event_name"])
def test_one_name_is_counted_alone_in_every_grouping(admin, put, group_by):
    put(event(event_name="a"), event(event_name="b"), event(event_name="a", occurred_at=NOW_MS - 3 * DAY_MS))
    asked = {"since": iso(NOW_MS - 10 * DAY_MS), "event_name": "a"} | ({"group_by": group_by} if group_by else {})
    counted = admin.count(**asked).json["data"]
    assert counted["total"] == 2
    expected = {
        None: None,
        "day": [{"key": "2026-11-17", "count": 1}, {"key": "2026-11-20", "count": 1}],
        "event_name": [{"key": "a", "count": 2}],
    }
    assert counted.get("buckets") == expected[group_by]


@pytest.mark.parametrize(
    ("group_by", "found"),
    [(None, {"total": 0}), ("day", {"total": 0, "buckets": []}), ("event_name", {"total": 0, "buckets": []})],
)
@pytest.mark.parametrize("name", [None, "order_completed", "never seen"])
def test_nothing_counts_as_zero(empty, group_by, found, name):
    asked = {"since": "2020-01-01", "until": "2020-02-01", "group_by": group_by, "event_name": name}
    assert empty.count(**{key: value for key, value in asked.items() if value}).json == {"data": found}


def test_both_bounds_are_inclusive_to_the_millisecond(admin, put):
    put(*(event(occurred_at=NOW_MS - 1000 + n) for n in range(5)))
    assert admin.count(since=iso(NOW_MS - 999), until=iso(NOW_MS - 997)).json["data"]["total"] == 3
    assert admin.count(since=iso(NOW_MS - 999), until=iso(NOW_MS - 999)).json["data"]["total"] == 1


def test_until_is_now_by_default(admin, put):
    put(event(occurred_at=NOW_MS), event(occurred_at=NOW_MS + 1))
    assert admin.count(since=iso(NOW_MS - 1)).json["data"]["total"] == 1


def test_exactly_90_days_pass_and_a_millisecond_more_does_not(empty):
    until = NOW_MS - DAY_MS
    assert empty.count(since=iso(until - 90 * DAY_MS), until=iso(until)).status_code == 200
    refused = empty.count(since=iso(until - 90 * DAY_MS - 1), until=iso(until))
    assert error_of(refused) == (400, "RANGE_TOO_LARGE")
    assert refused.json["error"]["details"] == {"max_days": 90, "requested_days": 91}


def test_requested_days_are_rounded_up(empty):
    asked = empty.count(since=iso(NOW_MS - 100 * DAY_MS), until=iso(NOW_MS))
    assert asked.json["error"]["details"]["requested_days"] == 100
    asked = empty.count(since=iso(NOW_MS - 100 * DAY_MS - 1), until=iso(NOW_MS))
    assert asked.json["error"]["details"]["requested_days"] == 101


def test_a_minute_of_slack_when_until_is_the_servers_now(empty):
    assert empty.count(since=iso(NOW_MS - 90 * DAY_MS - 60_000)).status_code == 200
    assert error_of(empty.count(since=iso(NOW_MS - 90 * DAY_MS - 60_001))) == (400, "RANGE_TOO_LARGE")


def test_until_as_a_date_means_that_whole_day(admin, put):
    """A day of `until=2026-11-20` counted nothing of it."""
    put(event(occurred_at=ms("2026-11-20")), event(occurred_at=ms("2026-11-20T23:59:59.999")))
    put(event(occurred_at=ms("2026-11-21")))
    assert admin.count(since="2026-11-20", until="2026-11-20").json["data"]["total"] == 2
    assert admin.count(since="2026-11-20T12:00", until="2026-11-20").json["data"]["total"] == 1
    assert admin.count(since="2026-11-20", until="2026-11-20T00:00:00Z").json["data"]["total"] == 1


def test_the_rest_of_that_day_does_not_count_against_the_90_days(empty):
    assert empty.count(since="2026-08-22", until="2026-11-20").status_code == 200
    assert error_of(empty.count(since="2026-08-21", until="2026-11-20")) == (400, "RANGE_TOO_LARGE")


def test_a_filter_that_the_count_does_not_know_is_refused(admin, put):
    """It was ignored, and everything was counted."""
    put(event())
    refused = admin.count(since="2026-11-01", external_id="user_1")
    assert error_of(refused) == (400, "INVALID_FILTER") and "external_id" in refused.json["error"]["message"]


@pytest.mark.parametrize(
    ("asked", "code"),
    [
        ({"since": ["2026-11-01", "2026-11-02"]}, "INVALID_SINCE"),
        ({"since": ""}, "MISSING_SINCE"),
        ({"since": "2026-11-01", "until": ["2026-11-02", "2026-11-03"]}, "INVALID_UNTIL"),
        ({"since": "2026-11-01", "group_by": ["day", "day"]}, "INVALID_GROUP_BY"),
        ({"since": "2026-11-01", "event_name": ["a", "b"]}, "INVALID_FILTER"),
        ({"since": "2026-11-01", "event_name": ""}, "INVALID_FILTER"),
        ({}, "MISSING_SINCE"),
        ({"since": " "}, "MISSING_SINCE"),
        ({"until": "x", "group_by": "week"}, "MISSING_SINCE"),
        ({"since": "x", "until": "x"}, "INVALID_SINCE"),
        ({"since": "2026-11-01", "until": ""}, "INVALID_UNTIL"),
        ({"since": "2026-11-02", "until": "2026-11-01"}, "INVALID_RANGE"),
        ({"since": "2026-11-22"}, "INVALID_RANGE"),
        ({"since": "2026-11-01", "group_by": "week"}, "INVALID_GROUP_BY"),
        ({"since": "2026-11-01", "group_by": ""}, "INVALID_GROUP_BY"),
        ({"since": "0001-01-01", "until": "9999-12-31"}, "RANGE_TOO_LARGE"),
    ],
)
def test_what_cannot_be_counted_is_named(empty, asked, code):
    assert error_of(empty.count(**asked)) == (400, code)


def test_a_fault_of_the_database_is_a_500_that_hides_what_it_was(admin, store, caplog, monkeypatch):
    monkeypatch.setattr(faults, "filters", [])  # which let one line a second pass
    store.commits.run(lambda connection: connection.execute("ALTER TABLE day_totals RENAME TO gone"))
    answer = admin.count(since=iso(NOW_MS - 5 * DAY_MS))
    assert error_of(answer) == (500, "COUNT_FAILED")
    assert "day_totals" not in answer.text and "day_totals" in caplog.text
