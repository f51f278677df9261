"""Whose the anonymous events of a device are: its own, or a user's (contract 8)."""

import sqlite3
from collections.abc import Iterable

from drengr.store.sqlite.people.day_sets import drop_moved
from drengr.store.sqlite.people.days import PersonDays, parts
from drengr.store.sqlite.people.marks import device_hash, hash_key, mark_shared

_DEVICE = """
SELECT d.project_id, d.person, d.user_id, d.is_shared,
  (SELECT min(i.user_id) FROM identities AS i WHERE i.device_id = d.id AND i.user_id IS NOT NULL),
  (SELECT max(i.user_id) FROM identities AS i WHERE i.device_id = d.id AND i.user_id IS NOT NULL),
  (SELECT u.id FROM persons AS u WHERE (u.project_id, u.is_device, u.person) = (d.project_id, 0, d.person)
     AND EXISTS (SELECT 1 FROM identities AS i WHERE i.person_id = u.id AND i.user_id = u.id))
FROM persons AS d WHERE d.id = ?
"""
_KEEP = "UPDATE persons SET user_id = ?, is_shared = ? WHERE id = ?"
_ELSEWHERE = "SELECT person_id, id FROM identities WHERE device_id = ? AND user_id IS NULL AND person_id <> ?"
_GIVE = "UPDATE identities SET person_id = ? WHERE id = ?"
_TIMES = """
SELECT occurred_at FROM semantic_events INDEXED BY events_by_identity_and_time WHERE identity_id = ? AND id <= ?
"""


def settle(connection: sqlite3.Connection, devices: Iterable[int], days: PersonDays) -> dict[int, int]:
    """Decide for each device whose its anonymous events are, and give them to that person.

    It is the same whatever happened in which order: the identities that there are now decide, and the mark.
    What changed hands: identity → person.
    """
    given: dict[int, int] = {}
    for device in sorted(devices):
        project_id, name, user_id, was_shared, one, other, namesake = connection.execute(_DEVICE, (device,)).fetchone()
        is_shared = was_shared or int(one != other)
        only_user = None if is_shared else one
        if is_shared and not was_shared:
            mark_shared(connection, project_id, name)
        if (only_user, is_shared) != (user_id, was_shared):
            connection.execute(_KEEP, (only_user, is_shared, device))
        given |= _give(connection, project_id, device, namesake or only_user or device, days)
    return given


def _give(
    connection: sqlite3.Connection, project_id: int, device: int, person: int, days: PersonDays
) -> dict[int, int]:
    """Give the device's anonymous identities to the person, with their days."""
    owners: dict[int, list[int]] = {}
    for owner, identity in connection.execute(_ELSEWHERE, (device, person)).fetchall():
        owners.setdefault(owner, []).append(identity)
    for owner, identities in owners.items():
        connection.executemany(_GIVE, [(person, identity) for identity in identities])
        if owner == device:  # whose days are of nothing else
            moved = days.take_all(project_id, device)
        else:
            asked = (connection.execute(_TIMES, (identity, days.last_id)) for identity in identities)
            moved = parts(at for times in asked for (at,) in times)
            days.remove(project_id, owner, moved)
        days.add(project_id, person, moved)
        drop_moved(connection, project_id, identities, moved)
    return {identity: person for identities in owners.values() for identity in identities}


def keep_marks(connection: sqlite3.Connection) -> None:
    """Every device that ever had two users stays its own, where marks or devices have been put back."""
    key = hash_key(connection)
    marked = set(connection.execute("SELECT project_id, device FROM shared_devices"))
    unsettled = []
    devices = "SELECT id, project_id, person, is_shared FROM persons WHERE is_device"
    for device, project_id, name, is_shared in connection.execute(devices).fetchall():
        is_marked = (project_id, device_hash(key, name)) in marked
        if is_shared and not is_marked:
            mark_shared(connection, project_id, name)
        elif is_marked and not is_shared:
            connection.execute(_KEEP, (None, 1, device))
            unsettled.append(device)
    days = PersonDays(connection)
    settle(connection, unsettled, days)
    days.write()
