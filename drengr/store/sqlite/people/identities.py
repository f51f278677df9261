"""The pairs of ids that events have, found or made in the transaction that stores them (contract 8).

Nothing is remembered from one transaction to the next: the numbers are those of the file as it is now.
"""

import sqlite3
from collections.abc import Iterable

from drengr.store.sqlite.packing import folded_id
from drengr.store.sqlite.people.days import PersonDays
from drengr.store.sqlite.people.devices import settle
from drengr.store.sqlite.people.marks import was_shared

Id = str | bytes | None  # packed
Pair = tuple[int, Id, Id]  # project, install_id, external_id

_FIND = """
SELECT id, person_id FROM identities
WHERE project_id = ? AND ifnull(install_id, x'') = ifnull(?, x'') AND ifnull(external_id, x'') = ifnull(?, x'')
"""
_MAKE = """
INSERT INTO identities (project_id, install_id, external_id, device_id, user_id, person_id) VALUES (?, ?, ?, ?, ?, ?)
"""
_FIND_PERSON = "SELECT id FROM persons WHERE project_id = ? AND is_device = ? AND person = ?"
_MAKE_PERSON = "INSERT INTO persons (project_id, is_device, person, is_shared) VALUES (?, ?, ?, ?)"
_DROP_UNUSED = """
DELETE FROM identities WHERE id = ? AND NOT EXISTS (SELECT 1 FROM semantic_events WHERE identity_id = identities.id)
RETURNING device_id, user_id
"""
_NAMESAKES = """
SELECT d.id FROM persons AS u
CROSS JOIN persons AS d ON (d.project_id, d.is_device, d.person) = (u.project_id, 1, u.person)
WHERE u.id = ?
"""
_DROP_PERSON = """
DELETE FROM persons WHERE id = :id AND CASE WHEN is_device
  THEN NOT EXISTS (SELECT 1 FROM identities WHERE device_id = :id)
  ELSE NOT EXISTS (SELECT 1 FROM identities WHERE person_id = :id AND user_id = :id) END
"""


class Identities(dict[Pair, int]):
    """The number of each pair, in one transaction; what is new is made.

    An anonymous identity that is new is its device's, until `settle` has looked at the device.
    """

    def __init__(self, connection: sqlite3.Connection) -> None:
        self.person_of: dict[int, int | None] = {}  # by identity
        self.new: list[int] = []
        self.new_persons: set[int] = set()
        self.unsettled: set[int] = set()  # devices whose anonymous events may have become another person's
        self._connection = connection

    def __missing__(self, pair: Pair) -> int:
        found = self._connection.execute(_FIND, pair).fetchone()
        number, self.person_of[number] = found or self._made(*pair)
        self[pair] = number
        return number

    def _made(self, project_id: int, install_id: Id, external_id: Id) -> tuple[int, int | None]:
        device_id = user_id = None
        if install_id is not None:
            device_id = self._person(project_id, True, folded_id(install_id))
            self.unsettled.add(device_id)
        if external_id is not None:
            user_id = self._person(project_id, False, folded_id(external_id))
        person_id = device_id if user_id is None else user_id
        made = self._connection.execute(_MAKE, (project_id, install_id, external_id, device_id, user_id, person_id))
        number = int(made.lastrowid or 0)
        self.new.append(number)
        return number, person_id

    def _person(self, project_id: int, is_device: bool, person: Id) -> int:
        assert person is not None
        found = self._connection.execute(_FIND_PERSON, (project_id, is_device, person)).fetchone()
        if found:
            return int(found[0])
        is_shared = is_device and person is not None and was_shared(self._connection, project_id, person)
        made = self._connection.execute(_MAKE_PERSON, (project_id, is_device, person, is_shared))
        number = int(made.lastrowid or 0)
        self.new_persons.add(number)
        if not is_device:  # it may be what an install_id means
            self.unsettled.update(namesakes(self._connection, number))
        return number


def namesakes(connection: sqlite3.Connection, user_id: int) -> list[int]:
    """The device, if there is one, whose id is the user's."""
    return [row[0] for row in connection.execute(_NAMESAKES, (user_id,))]


def drop_unused(
    connection: sqlite3.Connection, identities: Iterable[int], days: PersonDays, unsettled: Iterable[int] = ()
) -> dict[int, int]:
    """Delete those of the identities that have no event, and the people who have no identity left.

    What that means for others is settled: a user who is gone leaves devices to whoever else had them.
    unsettled  other devices to look at
    What changed hands: identity → person.
    """
    dropped = [row for number in identities for row in connection.execute(_DROP_UNUSED, (number,)).fetchall()]
    devices = {device_id for device_id, _ in dropped if device_id is not None}
    users = {user_id for _, user_id in dropped if user_id is not None}
    touched = devices.union(unsettled, *(namesakes(connection, user_id) for user_id in users))
    given = settle(connection, touched, days)
    connection.executemany(_DROP_PERSON, [{"id": number} for number in devices | users])
    return given
