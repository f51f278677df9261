"""Who came back (contract 8): for each period, the people who were there, and those of them who were new."""

import sqlite3
from collections.abc import Iterator

from drengr.people.cohorts import cohorts
from drengr.people.periods import first_day_of
from drengr.people.questions import RetentionQuery
from drengr.people.results import Cohort
from drengr.people.sets import People
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.deadlines import deadline
from drengr.store.sqlite.people.day_sets import everybody_of_days

_AT_ONCE = 1 << 20  # people: a year of days is then 96 MB

_DAYS = "SELECT DISTINCT day FROM day_people WHERE project_id = ? AND day >= ? AND day <= ?"
_LAST_NUMBER = "SELECT ifnull(max(id), 0) FROM persons"

Periods = dict[int, tuple[People, People]]  # by first day: who was there, who was new


def retention(database: Database, project_id: int, query: RetentionQuery) -> list[Cohort]:
    """A row for each period that has people whose first event lies in it. Raises TooLong past the deadline."""
    with database.snapshot() as connection, deadline(connection) as check:
        window = project_id, query.first_day, query.last_day
        days = [row[0] for row in connection.execute(_DAYS, window)]
        last_number = connection.execute(_LAST_NUMBER).fetchone()[0]
        counted: list[tuple[int, int, int]] = []
        for low in range(0, last_number + 1, _AT_ONCE) if days else ():
            for row in _counted(_periods(connection, project_id, query, days, low)):
                check()
                counted.append(row)
        return cohorts(query, counted)


def _periods(
    connection: sqlite3.Connection, project_id: int, query: RetentionQuery, days: list[int], low: int
) -> Periods:
    """Of the people whose numbers begin at `low`."""
    periods: Periods = {}
    part = (1 << _AT_ONCE) - 1
    for day, there, new in everybody_of_days(connection, project_id, days):
        period = first_day_of(day, query.period)
        there_before, new_before = periods.get(period, (0, 0))
        periods[period] = there_before | there >> low & part, new_before | new >> low & part
    return periods


def _counted(periods: Periods) -> Iterator[tuple[int, int, int]]:
    """(period of the first event, later period, people who were there in both)."""
    for first_day, (_, new) in periods.items():
        for later, (there, _) in periods.items():
            if new and later >= first_day:
                yield first_day, later, (new & there).bit_count()
