"""The pairs of ids that events have, found or made in the transaction that stores them (contract 8).

Nothing is remembered from one transaction to the next: the numbers are those of the file as it is now.
"""

import sqlite3
from collections.abc import Iterable

from drengr.store.sqlite.packing import folded_id
from drengr.store.sqlite.people.days import PersonDays
from drengr.store.sqlite.people.devices import settle
from drengr.store.sqlite.people.marks import Marks

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
_MAKE_PERSON = "INSERT INTO persons (project_id, is_device, person, user_id, is_shared) VALUES (?, ?, ?, ?, ?)"
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

    A new anonymous identity of a device that was known before is the device's, until `settle` has looked at the device.
    """

    def __init__(self, connection: sqlite3.Connection, pairs: Iterable[Pair]) -> None:
        self.person_of: dict[int, int | None] = {}  # by identity
        self.new: list[int] = []
        self.new_persons: set[int] = set()
        self.unsettled: set[int] = set()  # devices whose anonymous events may have become another person's
        self._connection = connection
        self._marks = Marks(connection)
        self._user_of: dict[int, int | None] = {}  # of new devices
        missing = []
        for pair in set(pairs):
            found = connection.execute(_FIND, pair).fetchone()
            if found:
                self[pair], self.person_of[found[0]] = found
            else:
                missing.append(pair)
        for pair in sorted(missing, key=_is_anonymous):  # a device's user, and whom its id means, come before
            self._make(pair)

    def _make(self, pair: Pair) -> None:
        project_id, install_id, external_id = pair
        device_id = user_id = person_id = None
        if external_id is not None:
            user_id = person_id = self._user(project_id, folded_id(external_id))
        if install_id is not None:
            name = folded_id(install_id)
            device_id = self._device(project_id, name, user_id)
            if user_id is None:
                person_id = self._owner(project_id, device_id, name)
        made = self._connection.execute(_MAKE, (*pair, device_id, user_id, person_id))
        number = int(made.lastrowid or 0)
        self[pair], self.person_of[number] = number, person_id
        self.new.append(number)

    def _user(self, project_id: int, name: str | bytes) -> int:
        number = self._found(project_id, name, is_device=False)
        if number is None:
            number = self._new(project_id, name, is_device=False)
            namesake = self._found(project_id, name, is_device=True)
            if namesake is not None:  # it is this user that its install_id means
                self.unsettled.add(namesake)
        return number

    def _device(self, project_id: int, name: str | bytes, user_id: int | None) -> int:
        number = self._found(project_id, name, is_device=True)
        if number is None:
            is_shared = self._marks.has(project_id, name)
            number = self._new(project_id, name, None if is_shared else user_id, is_device=True, is_shared=is_shared)
            self._user_of[number] = None if is_shared else user_id
        elif number not in self._user_of or user_id not in (None, self._user_of[number]):
            self.unsettled.add(number)
        return number

    def _owner(self, project_id: int, device_id: int, name: str | bytes) -> int:
        """Whose a new anonymous identity is."""
        if device_id in self.unsettled:
            return device_id
        return self._found(project_id, name, is_device=False) or self._user_of[device_id] or device_id

    def _found(self, project_id: int, name: str | bytes, *, is_device: bool) -> int | None:
        found = self._connection.execute(_FIND_PERSON, (project_id, is_device, name)).fetchone()
        return found and int(found[0])

    def _new(
        self,
        project_id: int,
        name: str | bytes,
        user_id: int | None = None,
        *,
        is_device: bool,
        is_shared: bool = False,
    ) -> int:
        made = self._connection.execute(_MAKE_PERSON, (project_id, is_device, name, user_id, is_shared))
        number = int(made.lastrowid or 0)
        self.new_persons.add(number)
        return number


def _is_anonymous(pair: Pair) -> bool:
    return pair[2] is None


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
