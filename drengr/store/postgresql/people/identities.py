"""The pairs of ids that events have, found or made in the transaction that stores the events (contract 8, 13).

Nothing is remembered from one transaction to the next. What is found is locked FOR KEY SHARE, which keeps nobody
waiting but who wants to remove it: no identity goes away under an event that is being stored.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from psycopg import errors

from drengr.people.questions import folded
from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection, Statement
from drengr.store.postgresql.people.keys import device_hash, ids_key, person_key

Pair = tuple[int, str | None, str | None]  # project, install_id, external_id
_Person = tuple[int, bytes, bool]  # project, person_key, is_device
_Identity = tuple[int, bytes]  # project, ids_key

_FIND = """
SELECT project_id, ids_key, id FROM identities WHERE project_id = ANY(?::bigint[]) AND ids_key = ANY(?::bytea[])
FOR KEY SHARE
"""
_MAKE = """
INSERT INTO identities (project_id, ids_key, install_id, external_id, device_id, user_id)
SELECT * FROM unnest(?::bigint[], ?::bytea[], ?::text[], ?::text[], ?::bigint[], ?::bigint[])
ON CONFLICT (project_id, ids_key) DO NOTHING RETURNING project_id, ids_key, id
"""
_FIND_PERSONS = """
SELECT k.project_id, k.person_key, k.is_device, k.id
FROM unnest(?::bigint[], ?::bytea[], ?::boolean[]) AS asked (project_id, person_key, is_device)
JOIN persons AS k USING (project_id, person_key, is_device) FOR KEY SHARE OF k
"""
_MAKE_PERSONS = """
INSERT INTO persons (project_id, person_key, is_device, person)
SELECT * FROM unnest(?::bigint[], ?::bytea[], ?::boolean[], ?::text[])
ON CONFLICT (project_id, person_key, is_device) DO NOTHING RETURNING project_id, person_key, is_device, id
"""
_KEY_IF_MARKED = """
SELECT key FROM hash_key WHERE EXISTS (SELECT FROM shared_devices WHERE project_id = ANY(?::bigint[]))
"""
_MARKED = """
UPDATE persons SET is_shared = true FROM unnest(?::bigint[], ?::bigint[], ?::bytea[]) AS asked (id, project_id, device)
JOIN shared_devices USING (project_id, device) WHERE persons.id = asked.id
"""
_DROP = "DELETE FROM identities WHERE id = ANY(?::bigint[])"
_DROP_PERSONS = """
DELETE FROM persons AS k WHERE id = ANY(?::bigint[])
  AND NOT EXISTS (SELECT FROM identities WHERE device_id = k.id OR user_id = k.id)
"""


def question(pairs: Iterable[Pair]) -> Statement:
    """What finds those of these pairs that are known."""
    return _question(sorted({(pair[0], ids_key(*pair[1:])) for pair in set(pairs)}))


class Identities:
    """The numbers of pairs in one transaction; what is new is made.

    found  what the question answered
    """

    def __init__(self, connection: Connection, pairs: Iterable[Pair], found: Iterable[tuple[Any, ...]]) -> None:
        self._connection = connection
        self._new: set[int] = set()
        self._new_persons: list[int] = []
        keys = {pair: (pair[0], ids_key(*pair[1:])) for pair in set(pairs)}
        pair_of = {key: pair for pair, key in keys.items()}
        known = _numbers(found)
        numbers = _found_or_made(sorted(pair_of), self._find, lambda missing: self._make(missing, pair_of), known)
        self.numbers: dict[Pair, int] = {pair: numbers[key] for pair, key in keys.items()}

    def drop_unused(self, used: Iterable[int]) -> None:
        """Take back what was made in vain: of repeats, whose first copy stays with the ids that it has."""
        unused = self._new.difference(used)
        if unused:
            self._connection.execute(_DROP, (arrays.numbers(unused),))
            self._connection.execute(_DROP_PERSONS, (arrays.numbers(self._new_persons),))

    def _find(self, keys: Sequence[_Identity]) -> dict[_Identity, int]:
        return _numbers(self._connection.execute(*_question(keys)))

    def _make(self, keys: Sequence[_Identity], pair_of: dict[_Identity, Pair]) -> dict[_Identity, int]:
        pairs = [pair_of[key] for key in keys]
        devices = [None if pair[1] is None else (pair[0], folded(pair[1]), True) for pair in pairs]
        users = [None if pair[2] is None else (pair[0], folded(pair[2]), False) for pair in pairs]
        persons = self._persons(who for who in (*devices, *users) if who is not None)
        columns = (
            arrays.numbers(pair[0] for pair in pairs),
            arrays.blobs(key for _, key in keys),
            arrays.texts(pair[1] for pair in pairs),
            arrays.texts(pair[2] for pair in pairs),
            *(arrays.numbers(who and persons[who] for who in side) for side in (devices, users)),
        )
        made = _numbers(self._connection.execute(_MAKE, columns))
        self._new.update(made.values())
        return made

    def _persons(self, wanted: Iterable[tuple[int, str, bool]]) -> dict[tuple[int, str, bool], int]:
        keys: dict[_Person, tuple[int, str, bool]] = {(who[0], person_key(who[1]), who[2]): who for who in wanted}
        known = self._find_persons(sorted(keys)) if keys else {}
        numbers = _found_or_made(
            sorted(keys), self._find_persons, lambda missing: self._make_persons(missing, keys), known
        )
        return {who: numbers[key] for key, who in keys.items()}

    def _find_persons(self, keys: Sequence[_Person]) -> dict[_Person, int]:
        return _by_key(self._connection.execute(_FIND_PERSONS, _columns(keys)).fetchall())

    def _make_persons(self, keys: Sequence[_Person], who: dict[_Person, tuple[int, str, bool]]) -> dict[_Person, int]:
        names = arrays.texts(who[key][1] for key in keys)
        made = _by_key(self._connection.execute(_MAKE_PERSONS, (*_columns(keys), names)).fetchall())
        self._new_persons += made.values()
        self._mark([(number, key[0], who[key][1]) for key, number in made.items() if key[2]])
        return made

    def _mark(self, devices: list[tuple[int, int, str]]) -> None:
        """Devices that come back, after all their events were removed, keep their mark: (person, project, device)."""
        projects = arrays.numbers({project for _, project, _ in devices})
        found = self._connection.execute(_KEY_IF_MARKED, (projects,)).fetchall() if devices else []
        for (key,) in found:
            numbers, owners, names = zip(*devices, strict=True)
            hashes = arrays.blobs(device_hash(key, name) for name in names)
            self._connection.execute(_MARKED, (arrays.numbers(numbers), arrays.numbers(owners), hashes))


def _question(keys: Sequence[_Identity]) -> Statement:
    return Statement(_FIND, (arrays.numbers({project for project, _ in keys}), arrays.blobs(key for _, key in keys)))


def _numbers(rows: Iterable[tuple[Any, ...]]) -> dict[_Identity, int]:
    return {(project, key): number for project, key, number in rows}


def _found_or_made(
    keys: Sequence[Any], find: Callable[[Any], Any], make: Callable[[Any], Any], known: dict[Any, int]
) -> dict[Any, int]:
    """The number of each key. What is missing is made in the order of the keys, so that writers wait in no circle.

    Raises  LockNotAvailable when what another transaction made meanwhile has been removed again: to make it now would
            not be in that order
    """
    numbers = dict(known)
    for step in (make, find):
        if missing := [key for key in keys if key not in numbers]:
            numbers |= step(missing)
    if any(key not in numbers for key in keys):
        raise errors.LockNotAvailable
    return numbers


def _columns(keys: Sequence[_Person]) -> tuple[str, str, str]:
    projects, hashes, kinds = zip(*keys, strict=True)
    return arrays.numbers(projects), arrays.blobs(hashes), arrays.truths(kinds)


def _by_key(rows: Iterable[tuple[Any, ...]]) -> dict[_Person, int]:
    return {(project, key, is_device): number for project, key, is_device, number in rows}
