"""Contract 8, retention and buckets: whole periods, cohorts by the first event of all time, a number a later period."""

from datetime import date, timedelta

from drengr.people.cohorts import cohorts
from drengr.people.periods import date_of, first_day_of, periods_between
from drengr.people.questions import RetentionQuery
from drengr.people.results import Cohort


def test_weeks_and_months_begin_where_the_calendar_says():
    for day in (*range(-800, 800), *range(20_000, 20_800)):
        meant = date(1970, 1, 1) + timedelta(days=day)
        assert date_of(day) == meant
        assert date_of(first_day_of(day, "week")) == date.fromisocalendar(*meant.isocalendar()[:2], 1)
        assert date_of(first_day_of(day, "month")) == meant.replace(day=1)
        assert first_day_of(day, "day") == day


def test_the_periods_of_a_window_are_cut_at_its_edges():
    assert periods_between(5, 5, "month") == [range(5, 6)]
    assert periods_between(3, 12, "week") == [range(3, 4), range(4, 11), range(11, 13)]
    assert periods_between(4, 10, "week") == [range(4, 11)]
    assert periods_between(30, 59, "month") == [range(30, 31), range(31, 59), range(59, 60)]


def test_there_is_one_number_for_each_later_period():
    query = RetentionQuery(4, 24, "week")
    counted = [(4, 4, 3), (6, 4, 1), (4, 18, 2), (24, 18, 5)]
    assert cohorts(query, counted) == [Cohort(4, 4, (0, 2)), Cohort(18, 5, ())]


def test_a_period_without_new_people_has_no_row():
    assert cohorts(RetentionQuery(1, 3, "day"), [(0, 0, 4), (0, 2, 4)]) == []
