"""Who came back (contract 8): cohorts from counts of people by the day of their first event."""

from collections import Counter
from collections.abc import Iterable

from drengr.people.periods import first_day_of
from drengr.people.questions import RetentionQuery
from drengr.people.results import Cohort


def cohorts(query: RetentionQuery, counted: Iterable[tuple[int, int, int]]) -> list[Cohort]:
    """A row for each period that has people whose first event lies in it.

    counted  (day of the first event of all time, first day of a period, people with that first day who have an event
             in that period), each pair of days any number of times; what lies outside the query does not count

    >>> day_by_day = RetentionQuery(10, 12, "day")
    >>> cohorts(day_by_day, [(10, 10, 5), (11, 11, 2), (10, 11, 4), (10, 12, 1), (9, 12, 7)])
    [Cohort(first_day=10, people=5, returned=(4, 1)), Cohort(first_day=11, people=2, returned=(0,))]
    """
    people: Counter[tuple[int, int]] = Counter()
    for first_day, period, number in counted:
        people[first_day_of(first_day, query.period), period] += number
    starts = [
        day for day in range(query.first_day, query.last_day + 1) if first_day_of(day, query.period) == day
    ]
    return [
        Cohort(start, people[start, start], tuple(people[start, later] for later in starts[number:]))
        for number, start in enumerate(starts, 1)
        if people[start, start]
    ]
