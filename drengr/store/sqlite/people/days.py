"""On which days people were there: person_days, and day_people which counts them (contract 8)."""

import sqlite3
from collections import Counter
from collections.abc import Iterable, Mapping

from drengr.events.times import DAY_MS
from drengr.store.sqlite.people.day_sets import EVERYBODY, drop

Part = tuple[int, int, int]  # of the events of one day: how many, the first's and the last's occurred_at
ALL_EVENTS = 2**63 - 1
_FEW_IDENTITIES = 300  # to look at each of them; past that the day is walked through

_GROW = """
UPDATE person_days SET events = events + ?, first_at = min(first_at, ?), last_at = max(last_at, ?)
WHERE project_id = ? AND day = ? AND person_id = ?
"""
_NEIGHBOURS = """
SELECT (SELECT max(day) FROM person_days WHERE person_id = :person_id AND day < :day),
  (SELECT min(day) FROM person_days WHERE person_id = :person_id AND day > :day)
"""
_PUT = """
INSERT INTO person_days (project_id, day, person_id, events, first_at, last_at, previous_day)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FOLLOWS = "UPDATE person_days SET previous_day = ? WHERE project_id = ? AND day = ? AND person_id = ?"
_DAY = """
SELECT events, first_at, last_at, previous_day FROM person_days WHERE project_id = ? AND day = ? AND person_id = ?
"""
_SHRINK = """
UPDATE person_days SET events = ?, first_at = ?, last_at = ? WHERE project_id = ? AND day = ? AND person_id = ?
"""
_DROP = "DELETE FROM person_days WHERE project_id = ? AND day = ? AND person_id = ?"
_ALL_DAYS = "SELECT day, events, first_at, last_at, previous_day FROM person_days WHERE person_id = ? ORDER BY day"
_EDGES_BY_IDENTITY = """
SELECT min(e.occurred_at), max(e.occurred_at)
FROM identities AS i INDEXED BY identities_by_person
CROSS JOIN semantic_events AS e INDEXED BY events_by_identity_and_time ON e.identity_id = i.id
WHERE i.person_id = :person_id AND e.occurred_at >= :start AND e.occurred_at < :end AND e.id <= :last_id
"""
_EDGE_BY_TIME = """
SELECT e.occurred_at FROM semantic_events AS e INDEXED BY events_by_time
CROSS JOIN identities AS i ON i.id = e.identity_id
WHERE e.project_id = :project_id AND e.occurred_at >= :start AND e.occurred_at < :end AND e.id <= :last_id
  AND i.person_id = :person_id
ORDER BY e.occurred_at {order} LIMIT 1
"""
_SOME_IDENTITIES = "SELECT count(*) FROM (SELECT 1 FROM identities WHERE person_id = ? LIMIT ?)"
_MORE_PEOPLE = """
INSERT INTO day_people (project_id, day, gap, people) VALUES (?, ?, ?, ?)
ON CONFLICT (project_id, day, gap) DO UPDATE SET people = people + excluded.people
"""
_FEWER_PEOPLE = "UPDATE day_people SET people = people - ? WHERE project_id = ? AND day = ? AND gap = ?"
_NOBODY = "DELETE FROM day_people WHERE project_id = ? AND day = ? AND gap = ? AND people = 0"


def parts(times: Iterable[int]) -> dict[int, Part]:
    """What events at these times are to each day."""
    days: dict[int, Part] = {}
    for at in times:
        day = at // DAY_MS
        days[day] = joined(days.get(day), (1, at, at))
    return days


def joined(one: Part | None, other: Part) -> Part:
    """Both as one."""
    return (one[0] + other[0], min(one[1], other[1]), max(one[2], other[2])) if one else other


class PersonDays:
    """What one transaction does to the days of people; `write` at its end does it to the counts of people.

    last_id    events above it are in the file, but in nobody's days yet
    newcomers  people who have no days yet
    """

    def __init__(
        self, connection: sqlite3.Connection, last_id: int = ALL_EVENTS, newcomers: Iterable[int] = ()
    ) -> None:
        self.last_id = last_id
        self._connection = connection
        self._newcomers = set(newcomers)
        self._people: Counter[tuple[int, int, int]] = Counter()  # by project, day, gap

    def add_all(self, people: Mapping[tuple[int, int], Mapping[int, Part]]) -> None:
        """As add, for every (project, person)."""
        rows: list[tuple[int | None, ...]] = []
        for (project_id, person_id), days in people.items():
            if person_id in self._newcomers:
                rows += self._first_days(project_id, person_id, days)
            else:
                self.add(project_id, person_id, days)
        self._connection.executemany(_PUT, rows)

    def add(self, project_id: int, person_id: int, days: Mapping[int, Part]) -> None:
        """These events are the person's from now on."""
        if person_id in self._newcomers:
            self._connection.executemany(_PUT, self._first_days(project_id, person_id, days))
            return
        for day, part in days.items():
            key = project_id, day, person_id
            if self._connection.execute(_GROW, (*part, *key)).rowcount:
                continue
            where = {"person_id": person_id, "day": day}
            previous, following = self._connection.execute(_NEIGHBOURS, where).fetchone()
            self._put(*key, part, previous)
            if following is not None:
                self._follow(project_id, person_id, following, previous, day)

    def take_all(self, project_id: int, person_id: int) -> dict[int, Part]:
        """All days of a person, who has none from now on."""
        days: dict[int, Part] = {}
        for day, *part, previous in self._connection.execute(_ALL_DAYS, (person_id,)).fetchall():
            days[day] = (part[0], part[1], part[2])
            self._people[project_id, day, _gap(previous, day)] -= 1
        self._connection.executemany(_DROP, [(project_id, day, person_id) for day in days])
        return days

    def remove(self, project_id: int, person_id: int, days: Mapping[int, Part]) -> None:
        """These events are the person's no more: they have gone, or their identities have become another's."""
        for day, (events, first_at, last_at) in days.items():
            key = project_id, day, person_id
            had, first, last, previous = self._connection.execute(_DAY, key).fetchone()
            if had == events:
                self._drop(*key, previous)
                continue
            if first_at == first or last_at == last:
                first, last = self._edges(*key)
            self._connection.execute(_SHRINK, (had - events, first, last, *key))

    def write(self) -> None:
        """Count the people of the days that changed."""
        drop(self._connection, {(project_id, EVERYBODY, day) for project_id, day, _ in self._people})
        more = [(*key, people) for key, people in self._people.items() if people > 0]
        fewer = [(-people, *key) for key, people in self._people.items() if people < 0]
        if more:
            self._connection.executemany(_MORE_PEOPLE, more)
        if fewer:
            self._connection.executemany(_FEWER_PEOPLE, fewer)
            self._connection.executemany(_NOBODY, [row[1:] for row in fewer])
        self._people.clear()

    def _first_days(
        self, project_id: int, person_id: int, days: Mapping[int, Part]
    ) -> list[tuple[int | None, ...]]:
        """The rows of somebody who had no day before."""
        rows: list[tuple[int | None, ...]] = []
        previous = None
        for day in sorted(days):
            rows.append((project_id, day, person_id, *days[day], previous))
            self._people[project_id, day, _gap(previous, day)] += 1
            previous = day
        if days:
            self._newcomers.discard(person_id)
        return rows

    def _put(self, project_id: int, day: int, person_id: int, part: Part, previous: int | None) -> None:
        self._connection.execute(_PUT, (project_id, day, person_id, *part, previous))
        self._people[project_id, day, _gap(previous, day)] += 1

    def _drop(self, project_id: int, day: int, person_id: int, previous: int | None) -> None:
        self._connection.execute(_DROP, (project_id, day, person_id))
        self._people[project_id, day, _gap(previous, day)] -= 1
        _, following = self._connection.execute(_NEIGHBOURS, {"person_id": person_id, "day": day}).fetchone()
        if following is not None:
            self._follow(project_id, person_id, following, day, previous)

    def _follow(self, project_id: int, person_id: int, day: int, before: int | None, now: int | None) -> None:
        """The day comes after another one than before."""
        self._connection.execute(_FOLLOWS, (now, project_id, day, person_id))
        self._people[project_id, day, _gap(before, day)] -= 1
        self._people[project_id, day, _gap(now, day)] += 1

    def _edges(self, project_id: int, day: int, person_id: int) -> tuple[int, int]:
        """When the first and the last event of what is left of the day occurred."""
        where = {
            "project_id": project_id, "person_id": person_id, "last_id": self.last_id,
            "start": day * DAY_MS, "end": (day + 1) * DAY_MS,
        }  # fmt: skip
        (some,) = self._connection.execute(_SOME_IDENTITIES, (person_id, _FEW_IDENTITIES + 1)).fetchone()
        if some <= _FEW_IDENTITIES:
            first, last = self._connection.execute(_EDGES_BY_IDENTITY, where).fetchone()
            return first, last
        first, last = (
            self._connection.execute(_EDGE_BY_TIME.format(order=order), where).fetchone()[0]
            for order in ("ASC", "DESC")
        )
        return first, last


def _gap(previous: int | None, day: int) -> int:
    return 0 if previous is None else day - previous
