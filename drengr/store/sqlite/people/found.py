"""One person: who is meant by an id or a number, and what there is of them (contract 8)."""

import sqlite3
from typing import Any

from drengr.people.questions import Who
from drengr.people.results import MOST_DEVICES, Person
from drengr.store.sqlite.connections import Readable
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import folded_id, packed_id, plain_id
from drengr.store.sqlite.people import who as who_is

# Whose the anonymous events of a device are, or would be.
_OF_DEVICE = """
SELECT coalesce(u.id, d.user_id, d.id) FROM persons AS d
LEFT JOIN persons AS u ON (u.project_id, u.is_device, u.person) = (d.project_id, 0, d.person)
WHERE d.id = ?
"""
_WHO = "SELECT is_device, person FROM persons WHERE id = ? AND project_id = ?"
_PERSON = """
SELECT k.id, k.is_device, k.person, min(d.first_at), max(d.last_at), sum(d.events)
FROM persons AS k CROSS JOIN person_days AS d INDEXED BY person_days_by_person ON d.person_id = k.id
WHERE k.id = ? GROUP BY k.id
"""
_DEVICES = f"""
SELECT DISTINCT d.person FROM identities AS i CROSS JOIN persons AS d ON d.id = i.device_id
WHERE i.person_id = ? AND d.user_id = i.person_id AND d.person <> ? LIMIT {MOST_DEVICES}
"""


def number_of(database: Readable, project_id: int, who: Who) -> int | None:
    """The number of exactly this user or device, a device that is one user's too; None when it was never seen."""
    return who_is.number_of(database, project_id, folded_id(packed_id(who.id)), is_device=who.kind == "device")


def person_number(database: Readable, project_id: int, who: Who) -> int | None:
    """The number of the person who is meant; None when nobody has events under this id."""
    number = number_of(database, project_id, who)
    if number is None or who.kind == "user":
        return number
    return int(database.read(_OF_DEVICE, (number,))[0][0])


def who_has(database: Readable, project_id: int, number: int) -> Who | None:
    """Whom a number means; None when it means nobody of this project."""
    found = database.read(_WHO, (number, project_id))
    return Who("device" if found[0][0] else "user", _shown(found[0][1])) if found else None


def person(database: Database, project_id: int, who: Who) -> Person | None:
    """That person; None when nobody has an event under this id."""
    with database.snapshot() as connection:
        number = person_number(database, project_id, who)
        return None if number is None else person_with(connection, number)


def person_with(connection: sqlite3.Connection, number: int) -> Person | None:
    """The person with this number; None when they have no event."""
    found = connection.execute(_PERSON, (number,)).fetchone()
    if found is None:
        return None
    _, is_device, packed, first_seen_at, last_seen_at, events = found
    if is_device:
        return Person(number, "device", _shown(packed), first_seen_at, last_seen_at, events, (_shown(packed),))
    devices = tuple(_shown(row[0]) for row in connection.execute(_DEVICES, (number, packed)))
    return Person(number, "user", _shown(packed), first_seen_at, last_seen_at, events, devices)


def _shown(packed: Any) -> str:
    return str(plain_id(packed))
