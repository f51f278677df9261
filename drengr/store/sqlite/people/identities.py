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

_AT_ONCE = 50  # ids looked up by one statement

_FIND = """
SELECT id, person_id FROM identities
WHERE project_id = ? AND ifnull(install_id, x'') = ifnull(?, x'') AND ifnull(external_id, x'') = ifnull(?, x'')
"""
_MAKE = """
INSERT INTO identities (id, project_id, install_id, external_id, device_id, user_id, person_id)
VALUES (?, ?, ?, ?, ?, ?, ?)
"""
_FIND_PERSONS = f"""
SELECT is_device, person, id FROM persons
WHERE project_id = ? AND is_device IN (0, 1) AND person IN ({", ".join("?" * _AT_ONCE)})
"""
_MAKE_PERSON = "INSERT INTO persons (id, project_id, is_device, person, user_id, is_shared) VALUES (?, ?, ?, ?, ?, ?)"
_LAST_NUMBER = """
SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name = '{0}'), 0), ifnull((SELECT max(id) FROM {0}), 0))
"""
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
        missing = []
        for pair in set(pairs):
            found = connection.execute(_FIND, pair).fetchone()
            if found:
                self[pair], self.person_of[found[0]] = found
            else:
                missing.append(pair)
        if missing:
            self._make(connection, missing)

    def _make(self, connection: sqlite3.Connection, pairs: list[Pair]) -> None:
        (last,) = connection.execute(_LAST_NUMBER.format("identities")).fetchone()
        persons = _Persons(connection, pairs)
        made = []
        pairs.sort(key=_is_anonymous)  # a device's user, and whom its id means, come before
        for number, pair in enumerate(pairs, last + 1):
            device_id, user_id, person_id = persons.of(pair)
            self[pair], self.person_of[number] = number, person_id
            made.append((number, *pair, device_id, user_id, person_id))
        connection.executemany(_MAKE_PERSON, persons.made)
        connection.executemany(_MAKE, made)
        self.new = [row[0] for row in made]
        self.new_persons = {row[0] for row in persons.made}
        self.unsettled = persons.unsettled


class _Persons:
    """Users and devices of new pairs: those there are, and those to be made."""

    def __init__(self, connection: sqlite3.Connection, pairs: list[Pair]) -> None:
        self.made: list[tuple[int, int, int, str | bytes, int | None, bool]] = []  # rows of _MAKE_PERSON
        self.unsettled: set[int] = set()
        self._last: int = connection.execute(_LAST_NUMBER.format("persons")).fetchone()[0]
        self._marks = Marks(connection)
        self._user_of: dict[int, int | None] = {}  # of new devices
        self._there: dict[tuple[int, int, str | bytes], int] = {}  # by project, is_device, name
        names: dict[int, set[str | bytes]] = {}
        for project_id, *ids in pairs:
            names.setdefault(project_id, set()).update(folded_id(each) for each in ids if each is not None)
        for project_id, some in names.items():
            padded = [*some, *[None] * (-len(some) % _AT_ONCE)]
            for start in range(0, len(padded), _AT_ONCE):
                those = padded[start : start + _AT_ONCE]
                for is_device, name, number in connection.execute(_FIND_PERSONS, (project_id, *those)):
                    self._there[project_id, is_device, name] = number

    def of(self, pair: Pair) -> tuple[int | None, int | None, int | None]:
        """(device, user, whose the events are) of a new pair."""
        project_id, install_id, external_id = pair
        device_id = user_id = person_id = None
        if external_id is not None:
            user_id = person_id = self._user(project_id, folded_id(external_id))
        if install_id is not None:
            name = folded_id(install_id)
            device_id = self._device(project_id, name, user_id)
            if user_id is None:
                person_id = self._owner(project_id, device_id, name)
        return device_id, user_id, person_id

    def _user(self, project_id: int, name: str | bytes) -> int:
        number = self._there.get((project_id, 0, name))
        if number is None:
            number = self._new(project_id, 0, name)
            namesake = self._there.get((project_id, 1, name))
            if namesake is not None:  # it is this user that its install_id means
                self.unsettled.add(namesake)
        return number

    def _device(self, project_id: int, name: str | bytes, user_id: int | None) -> int:
        number = self._there.get((project_id, 1, name))
        if number is None:
            is_shared = self._marks.has(project_id, name)
            only_user = None if is_shared else user_id
            number = self._new(project_id, 1, name, only_user, is_shared)
            self._user_of[number] = only_user
        elif number not in self._user_of or user_id not in (None, self._user_of[number]):
            self.unsettled.add(number)
        return number

    def _owner(self, project_id: int, device_id: int, name: str | bytes) -> int:
        """Whose a new anonymous identity is."""
        if device_id in self.unsettled:
            return device_id
        return self._there.get((project_id, 0, name)) or self._user_of[device_id] or device_id

    def _new(
        self, project_id: int, is_device: int, name: str | bytes, user_id: int | None = None, is_shared: bool = False
    ) -> int:
        number = self._there[project_id, is_device, name] = self._last + len(self.made) + 1
        self.made.append((number, project_id, is_device, name, user_id, is_shared))
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
