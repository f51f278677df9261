"""Query strings about people → questions (contract 8); their errors are seen at the door, in api/test_people.py."""

from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drengr.events.times import DAY_MS
from drengr.people import asked
from drengr.people.periods import first_day_of, last_day_of
from drengr.people.questions import NamesQuery, RetentionQuery, Who
from drengr.people.shown import period_key

NOW = int(datetime(2027, 1, 3, 10, tzinfo=UTC).timestamp() * 1000)  # a Sunday, the last day of 2026-W53


def day(text: str) -> int:
    return (date.fromisoformat(text) - date(1970, 1, 1)).days


@pytest.mark.parametrize(
    ("period", "since", "until", "first", "last"),
    [
        ("day", "2026-12-30T23:59:59Z", "2027-01-01T00:00:00Z", "2026-12-30", "2027-01-01"),
        ("week", "2026-12-30", "2027-01-01", "2026-12-28", "2027-01-03"),
        ("week", "2026-12-27", None, "2026-12-21", "2027-01-03"),
        ("week", "2027-01-03", "2027-01-04", "2026-12-28", "2027-01-10"),
    ],
)
def test_retention_is_widened_to_whole_periods(period, since, until, first, last):
    words = {"since": [since], "period": [period]} | ({"until": [until]} if until else {})
    assert asked.retention_query(words, NOW) == RetentionQuery(day(first), day(last), period)


# From 0001-02-01 on: the calendar has the month before too.
@given(number=st.integers(-719_131, 2_932_800), period=st.sampled_from(["day", "week", "month"]))
def test_a_period_begins_and_ends_where_the_calendar_says(number, period):
    first, last = first_day_of(number, period), last_day_of(number, period)
    assert first <= number <= last
    keys = [period_key(each, period) for each in (first, number, last)]
    assert len(set(keys)) == 1
    assert first == last_day_of(first - 1, period) + 1 and first_day_of(last + 1, period) == last + 1


@pytest.mark.parametrize(
    ("text", "key"),
    [("2026-12-28", "2026-W53"), ("2027-01-03", "2026-W53"), ("2027-01-04", "2027-W01"), ("2024-12-30", "2025-W01")],
)
def test_a_week_is_named_with_its_own_year(text, key):
    assert period_key(day(text), "week") == key


def test_a_funnel_keeps_its_steps_in_order():
    words = {"since": ["2026-12-01"], "step": ["b", "a", "b"], "within": ["3"]}
    query = asked.funnel_query(words, NOW)
    assert (query.steps, query.within_ms) == (("b", "a", "b"), 3 * DAY_MS)
    assert asked.funnel_query(words | {"within": ["366"]}, NOW).within_ms == 366 * DAY_MS
    assert (query.since, query.until) == (day("2026-12-01") * DAY_MS, NOW)


def test_a_date_as_until_is_its_whole_day_and_the_range_is_checked_before():
    words = {"since": ["2026-01-01"], "until": ["2027-01-02"]}  # 366 days and the rest of the last one
    assert asked.people_count_query(words, NOW).until == day("2027-01-03") * DAY_MS - 1


def test_one_person_s_events_are_of_all_times():
    who, page = asked.person_page_query({"install_id": ["d"], "limit": ["5"]}, NOW)
    assert who == Who("device", "d") and page.since < -(2**61) and page.before.occurred_at > 2**61 and page.limit == 5
    _, page = asked.person_page_query({"external_id": ["u"], "since": ["2026-12-01"]}, NOW)
    assert page.since == day("2026-12-01") * DAY_MS and page.external_id is None


def test_names_are_a_thousand_by_default_and_of_the_last_30_days():
    assert asked.names_query({}, NOW) == NamesQuery(1000, NOW // DAY_MS, None, None)
    assert asked.names_query({"limit": ["7"], "query": ["%"]}, NOW) == NamesQuery(7, NOW // DAY_MS, None, "%")


names = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=3000)


@given(events=st.integers(1, 2**53), name=names)
def test_a_cursor_of_names_holds_its_place(events, name):
    cursor = asked.names_cursor(events, name)
    assert len(cursor) < 3000 and asked.names_place(cursor)[0] == events
    found = asked.names_place(cursor)[1]
    assert found == name or (len(name.encode()) > 2000 and name.encode() < found.encode())
