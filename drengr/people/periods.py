"""Days of UTC in days, ISO weeks and months (contract 8). A day is a number: days since 1970-01-01."""

from datetime import date
from itertools import pairwise
from typing import Literal

Period = Literal["day", "week", "month"]

_EPOCH = date(1970, 1, 1).toordinal()
_FIRST_MONDAY = 4  # 1970-01-05


def first_day_of(day: int, period: Period) -> int:
    """The first day of the period that a day lies in. Weeks begin on Monday.

    >>> [first_day_of(20_783, period) for period in ("day", "week", "month")]  # 2026-11-26, a Thursday
    [20783, 20780, 20758]
    """
    if period == "week":
        return day - (day - _FIRST_MONDAY) % 7
    if period == "month":
        return date_of(day).replace(day=1).toordinal() - _EPOCH
    return day


def last_day_of(day: int, period: Period) -> int:
    """The last day of the period that a day lies in.

    >>> [last_day_of(20_783, period) for period in ("day", "week", "month")]
    [20783, 20786, 20787]
    """
    if period == "week":
        return first_day_of(day, "week") + 6
    if period == "month":
        return first_day_of(first_day_of(day, "month") + 31, "month") - 1
    return day


def date_of(day: int) -> date:
    """The date that a day's number means; the nearest there is, for a day that no calendar has.

    >>> date_of(0), date_of(20_783)
    (datetime.date(1970, 1, 1), datetime.date(2026, 11, 26))
    """
    return date.fromordinal(min(max(day + _EPOCH, 1), date.max.toordinal()))


def periods_between(first_day: int, last_day: int, period: Period) -> list[range]:
    """The periods from that of `first_day` to that of `last_day`: each as the range of its days, within the window.

    >>> periods_between(0, 11, "week")
    [range(0, 4), range(4, 11), range(11, 12)]
    """
    starts = [day for day in range(first_day + 1, last_day + 1) if first_day_of(day, period) == day]
    edges = [first_day, *starts, last_day + 1]
    return [range(start, end) for start, end in pairwise(edges)]
