"""How many people there were, who came back, and how far they came (contract 8)."""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from psycopg import errors

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.people import questions
from drengr.people.cohorts import cohorts
from drengr.people.funnels import names_of, reached
from drengr.people.periods import first_day_of, periods_between
from drengr.people.questions import FunnelQuery, PeopleCountQuery, RetentionQuery
from drengr.people.results import Cohort, PeopleCounted
from drengr.store.errors import Busy, TooLong
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.statistics import HASH_JOINS, expect_many

# Of an event, the number of the bucket that it lies in; buckets are given by where each begins, epoch ms.
_BUCKET = "width_bucket(e.occurred_at, ?::bigint[])"

_COUNT = """
SELECT count(*) FROM (
  SELECT DISTINCT w.person_id
  FROM (SELECT DISTINCT e.identity_id FROM semantic_events AS e
        WHERE {filters} AND e.occurred_at >= ? AND e.occurred_at <= ?) AS e
  JOIN identity_people AS w USING (identity_id) WHERE w.project_id = ? AND w.person_id IS NOT NULL) AS people
"""
_COUNT_BUCKETS = f"""
SELECT bucket, count(*) FROM (
  SELECT DISTINCT w.person_id, {_BUCKET} AS bucket
  FROM semantic_events AS e JOIN identity_people AS w USING (identity_id)
  WHERE {{filters}} AND e.occurred_at >= ? AND e.occurred_at <= ? AND w.project_id = ? AND w.person_id IS NOT NULL
) AS people
GROUP BY 1 ORDER BY 1
"""
# (period of a person's first event of all time, period of an event, people) by their numbers, from 1
_RETURNED = f"""
WITH firsts AS (
  SELECT w.person_id, min(e.first_at) AS occurred_at
  FROM identity_people AS w JOIN (
    SELECT identity_id, min(occurred_at) AS first_at FROM semantic_events WHERE project_id = ? GROUP BY 1) AS e
    USING (identity_id)
  WHERE w.project_id = ? AND w.person_id IS NOT NULL
  GROUP BY 1 HAVING min(e.first_at) >= ? AND min(e.first_at) < ?
), seen AS (
  SELECT DISTINCT w.person_id, {_BUCKET} AS period
  FROM semantic_events AS e JOIN identity_people AS w USING (identity_id)
  WHERE e.project_id = ? AND e.occurred_at >= ? AND e.occurred_at < ? AND w.project_id = ?
)
SELECT {_BUCKET}, seen.period, count(*) FROM firsts AS e JOIN seen USING (person_id) GROUP BY 1, 2
"""
_FUNNEL = """
SELECT w.person_id, e.occurred_at, n.number - 1
FROM unnest(?::bigint[]) WITH ORDINALITY AS n (name_id, number)
JOIN semantic_events AS e USING (name_id)
JOIN identity_people AS w USING (identity_id)
WHERE w.project_id = ? AND w.person_id IS NOT NULL AND e.occurred_at >= ? AND e.occurred_at <= ?
ORDER BY e.occurred_at, n.number
"""
_NAMES = """
SELECT n.id FROM unnest(?::text[]) WITH ORDINALITY AS asked (name, number)
LEFT JOIN event_names AS n ON n.project_id = ? AND n.name = asked.name ORDER BY asked.number
"""


def count_people(database: Database, project_id: int, query: PeopleCountQuery) -> PeopleCounted:
    """How many different people had an event in the window, and in each of its hours, days, weeks or months."""
    with database.snapshot() as connection:
        filters, value, name_id = "e.project_id = ?", project_id, None
        if query.event_name is not None:
            (name_id,) = _name_ids(connection, project_id, [query.event_name])
            if name_id is None:
                return PeopleCounted(0, [] if query.group_by else None)
            filters, value = "e.name_id = ?", name_id
        window = value, query.since, query.until, project_id
        expect_many(connection, project_id, name_id, query.since // DAY_MS, query.until // DAY_MS)
        total = connection.execute(_COUNT.format(filters=filters), window).fetchall()[0][0]
        if query.group_by is None:
            return PeopleCounted(total, None)
        buckets = _buckets(query)
        starts = arrays.numbers(start for start, _ in buckets)
        rows = connection.execute(_COUNT_BUCKETS.format(filters=filters), (starts, *window)).fetchall()
        return PeopleCounted(total, [(buckets[n - 1][1], people) for n, people in rows])


def _buckets(query: PeopleCountQuery) -> list[tuple[int, int]]:
    """(epoch ms where it begins, its number) of each bucket that the window touches."""
    if query.group_by is None:
        return []
    if query.group_by == "hour":
        return [(hour * HOUR_MS, hour) for hour in range(query.since // HOUR_MS, query.until // HOUR_MS + 1)]
    days = periods_between(query.since // DAY_MS, query.until // DAY_MS, query.group_by)
    return [(span.start * DAY_MS, first_day_of(span.start, query.group_by)) for span in days]


def retention(database: Database, project_id: int, query: RetentionQuery) -> list[Cohort]:
    """A row for each period that has people whose first event lies in it. Raises TooLong past 20 s."""
    periods = periods_between(query.first_day, query.last_day, query.period)
    starts = arrays.numbers(span.start * DAY_MS for span in periods)
    window = query.first_day * DAY_MS, (query.last_day + 1) * DAY_MS
    with _long_question(database) as connection:
        values = project_id, project_id, *window, starts, project_id, *window, project_id, starts
        connection.execute(HASH_JOINS)
        rows = connection.execute(_RETURNED, values).fetchall()
    return cohorts(query, ((periods[a - 1].start, periods[b - 1].start, people) for a, b, people in rows))


def funnel(database: Database, project_id: int, query: FunnelQuery) -> list[int]:
    """How many people reached each step. Raises TooLong past 20 s."""
    with _long_question(database) as connection:
        name_ids = _name_ids(connection, project_id, names_of(query))
        window = query.since, query.until + query.within_ms
        return reached(query, connection.stream(_FUNNEL, (arrays.numbers(name_ids), project_id, *window)))


def _name_ids(connection: Connection, project_id: int, names: Sequence[str]) -> list[int | None]:
    """The number of each name; None for one that the project does not have."""
    asked = [None if "\0" in name else name for name in names]  # which no stored text has
    return [row[0] for row in connection.execute(_NAMES, (arrays.texts(asked), project_id)).fetchall()]


@contextmanager
def _long_question(database: Database) -> Iterator[Connection]:
    """A connection that sees one state of the database, for a question with a deadline of its own."""
    deadline = time.monotonic() + questions.LONGEST_QUESTION_S
    try:
        with database.snapshot(questions.LONGEST_QUESTION_S, slow=True) as connection:
            yield connection
    except (errors.QueryCanceled, Busy):
        if time.monotonic() < deadline - 0.05:
            raise
        raise TooLong(questions.LONGEST_QUESTION_S) from None
