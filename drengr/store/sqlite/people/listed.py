"""The list of people, seen last first (contract 8).

Nobody keeps when each person was seen last: the days are walked from the newest, and a day's rows are those of the
people who were there. Whoever was there on a later day was listed with it.
"""

import re
import sqlite3
from collections.abc import Iterator
from typing import Any

import orjson

from drengr.admin.words import is_uuid
from drengr.events.times import DAY_MS
from drengr.people.questions import PeopleQuery, Seen, folded
from drengr.people.results import Person
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import packed_id
from drengr.store.sqlite.people.found import person_with

_MOST_FOUND = 20_000  # ids that begin alike, to ask each when it was seen; of more, the days bring the newest soon
_FEW_DAYS = 3  # to walk through before it is worked out on which the others were seen last
_FIRST_TIME, _LAST_TIME, _AFTER_ALL = -(2**62), 2**62, 2**63 - 1

_PREVIOUS_DAY = "SELECT max(day) FROM day_people WHERE project_id = ? AND day < ?"
# The people of a day less those who came back: on a later day they have been away for as long as it is between the two.
_LAST_DAYS = """
WITH back AS (
  SELECT day - gap AS day, sum(people) AS people FROM day_people WHERE project_id = :project_id AND gap > 0 GROUP BY 1)
SELECT d.day FROM (
  SELECT day, sum(people) AS people FROM day_people WHERE project_id = :project_id AND day < :day GROUP BY day) AS d
LEFT JOIN back ON back.day = d.day
WHERE d.people > ifnull(back.people, 0) ORDER BY d.day DESC
"""
_SEEN_ON = """
SELECT d.last_at, d.person_id FROM person_days AS d
WHERE d.project_id = :project_id AND d.day = :day AND d.last_at >= :since
  AND (d.last_at < :last_at OR d.last_at = :last_at AND d.person_id < :number)
  AND NOT EXISTS (SELECT 1 FROM person_days AS n INDEXED BY person_days_by_person
                  WHERE n.person_id = d.person_id AND n.day > d.day)
  AND {filters}
ORDER BY d.last_at DESC, d.person_id DESC LIMIT :limit
"""
_IS_ONE_OF = "EXISTS (SELECT 1 FROM persons AS k WHERE k.id = d.person_id AND ({ranges}))"
_SEEN_OF = """
SELECT d.last_at, d.person_id FROM json_each(:numbers) AS found
CROSS JOIN person_days AS d ON d.person_id = found.value AND d.project_id = :project_id
  AND d.day = (SELECT max(n.day) FROM person_days AS n INDEXED BY person_days_by_person WHERE n.person_id = found.value)
WHERE d.last_at >= :since AND (d.last_at < :last_at OR d.last_at = :last_at AND d.person_id < :number)
ORDER BY d.last_at DESC, d.person_id DESC LIMIT :limit
"""
_WITH_IDS = "SELECT id FROM persons AS k WHERE k.project_id = ? AND k.is_device IN (0, 1) AND {range} LIMIT ?"
_RANGE = "k.person >= ? AND k.person < ?"
_UUID_FORM = "00000000-0000-0000-0000-000000000000"
_UUID_BEGINNING = re.compile("[0-9a-f-]{1,36}")

Range = tuple[str | bytes, str | bytes]  # of packed ids; the end is excluded


def people(database: Database, project_id: int, query: PeopleQuery) -> list[Person]:
    """A page of the people of the project, seen last first."""
    with database.snapshot() as connection:
        found = [person_with(connection, number) for _, number in _seen(connection, project_id, query)]
        return [person for person in found if person is not None]


def _seen(connection: sqlite3.Connection, project_id: int, query: PeopleQuery) -> list[tuple[int, int]]:
    """(last_seen_at, number) of the people on the page."""
    last = query.before or Seen(_LAST_TIME, _AFTER_ALL)
    if query.until is not None:
        last = min(last, Seen(query.until, _AFTER_ALL))
    asked: dict[str, Any] = {
        "project_id": project_id, "last_at": last.last_seen_at, "number": last.number,
        "since": _FIRST_TIME if query.since is None else query.since,
    }  # fmt: skip
    if query.query is None:
        return _walked(connection, asked, query.limit, "true")
    ranges = beginnings(query.query)
    numbers: list[int] = []
    for within in ranges:
        statement = _WITH_IDS.format(range=_RANGE)
        numbers += (row[0] for row in connection.execute(statement, (project_id, *within, _MOST_FOUND + 1)))
    if len(numbers) <= _MOST_FOUND:
        asked |= {"numbers": orjson.dumps(numbers).decode(), "limit": query.limit}
        return connection.execute(_SEEN_OF, asked).fetchall()
    names = [(f"low_{number}", f"high_{number}") for number in range(len(ranges))]
    for name, within in zip(names, ranges, strict=True):
        asked |= zip(name, within, strict=True)
    one_of = " OR ".join(f"k.person >= :{low} AND k.person < :{high}" for low, high in names)
    return _walked(connection, asked, query.limit, _IS_ONE_OF.format(ranges=one_of))


def _walked(
    connection: sqlite3.Connection, asked: dict[str, Any], limit: int, filters: str
) -> list[tuple[int, int]]:
    found: list[tuple[int, int]] = []
    for day in _days_before(connection, asked["project_id"], asked["last_at"] // DAY_MS + 1):
        if len(found) == limit or (day + 1) * DAY_MS <= asked["since"]:
            break
        asked |= {"day": day, "limit": limit - len(found)}
        found += connection.execute(_SEEN_ON.format(filters=filters), asked)
    return found


def _days_before(connection: sqlite3.Connection, project_id: int, day: int) -> Iterator[int]:
    """The days on which somebody was seen last, the newest first; of the first few, all that have people."""
    for _ in range(_FEW_DAYS):
        (found,) = connection.execute(_PREVIOUS_DAY, (project_id, day)).fetchone()
        if found is None:
            return
        day = found
        yield day
    asked = {"project_id": project_id, "day": day}
    yield from (row[0] for row in connection.execute(_LAST_DAYS, asked).fetchall())


def beginnings(text: str) -> list[Range]:
    """Where the packed ids lie that begin with the text, or are it.

    >>> beginnings("user_")
    [('user_', 'user`')]
    >>> [(low.hex()[:6], high.hex()[:6]) for low, high in beginnings("00a") if isinstance(low, bytes)]
    [('00a000', '00afff')]
    """
    ranges: list[Range] = [(text, after_all_beginning_with(text))]
    wanted = folded(text)
    filled = wanted + _UUID_FORM[len(wanted) :]
    if _UUID_BEGINNING.fullmatch(wanted) and is_uuid(filled):
        low, high = packed_id(filled), packed_id(wanted + _UUID_FORM[len(wanted) :].replace("0", "f"))
        assert isinstance(low, bytes) and isinstance(high, bytes)
        ranges.append((low, high + b"\0"))
    return ranges


def after_all_beginning_with(text: str) -> str | bytes:
    """What comes after every text that begins with this one."""
    shortened = text.rstrip("\U0010ffff")
    if not shortened:
        return b""  # the first blob comes after all texts
    following = ord(shortened[-1]) + 1
    return shortened[:-1] + chr(0xE000 if following == 0xD800 else following)
