"""Identities whose last event has gone, and the people that go with them (contract 8, 9)."""

from collections.abc import Iterable

from drengr.store.postgresql import arrays
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.people.keys import device_hash

_ONE_AT_A_TIME = 1146244467  # the lock's number: one more than that of schema.py
_ALONE = "SELECT pg_advisory_xact_lock(?)"
_HAS_NO_EVENT = "NOT EXISTS (SELECT FROM semantic_events WHERE identity_id = i.id)"
_LOCK = f"""
SELECT i.id FROM identities AS i WHERE i.id = ANY(?::bigint[]) AND {_HAS_NO_EVENT} ORDER BY i.id FOR UPDATE NOWAIT
"""
_UNUSED = f"""
SELECT i.id, i.device_id, i.user_id FROM identities AS i WHERE i.id = ANY(?::bigint[]) AND {_HAS_NO_EVENT}
"""
# Whoever has no other identity may go, and a device that has one user may be getting its second just now.
_LOCK_PERSONS = """
SELECT k.id FROM persons AS k
WHERE k.id = ANY(?::bigint[]) AND (
  NOT EXISTS (SELECT FROM identities WHERE (device_id = k.id OR user_id = k.id) AND id <> ALL(?::bigint[]))
  OR (k.is_device AND NOT k.is_shared AND 1 = (
    SELECT count(*) FROM (SELECT DISTINCT user_id FROM identities
      WHERE device_id = k.id AND user_id IS NOT NULL LIMIT 2) AS users)))
ORDER BY k.id FOR UPDATE NOWAIT
"""
_HAVING_TWO_USERS = """
SELECT k.id, k.project_id, k.person, (SELECT key FROM hash_key) FROM persons AS k
WHERE k.id = ANY(?::bigint[]) AND k.is_device AND NOT k.is_shared
  AND (SELECT min(user_id) FROM identities WHERE device_id = k.id)
    <> (SELECT max(user_id) FROM identities WHERE device_id = k.id)
ORDER BY k.id
"""
_MARK = "UPDATE persons SET is_shared = true WHERE id = ANY(?::bigint[])"
_REMEMBER = """
INSERT INTO shared_devices (project_id, device) SELECT * FROM unnest(?::bigint[], ?::bytea[]) AS m ORDER BY 1, 2
ON CONFLICT (project_id, device) DO NOTHING
"""
_DROP = "DELETE FROM identities WHERE id = ANY(?::bigint[])"
_DROP_PERSONS = """
DELETE FROM persons AS k WHERE id = ANY(?::bigint[])
  AND NOT EXISTS (SELECT FROM identities WHERE device_id = k.id)
  AND NOT EXISTS (SELECT FROM identities WHERE user_id = k.id)
"""


def alone(connection: Connection) -> None:
    """No other transaction removes events or people until the caller's ends: each might count on what another takes."""
    connection.execute(_ALONE, (_ONE_AT_A_TIME,))


def drop_unused(connection: Connection, identities: Iterable[int]) -> None:
    """Delete those of the identities that have no event, and the people who have no identity left.

    A device that has two users until now is marked: it stays its own, whatever becomes of them. The caller is `alone`.
    Raises  LockNotAvailable when somebody stores an event with one of them at this moment
    """
    locked = [row[0] for row in connection.execute(_LOCK, (arrays.numbers(identities),)).fetchall()]
    if not locked:
        return
    unused = connection.execute(_UNUSED, (arrays.numbers(locked),)).fetchall()  # what was committed meanwhile is seen
    going = arrays.numbers(row[0] for row in unused)
    devices = {row[1] for row in unused if row[1] is not None and row[2] is not None}
    persons = arrays.numbers({person for row in unused for person in row[1:] if person is not None})
    connection.execute(_LOCK_PERSONS, (persons, going))
    mark_shared(connection, devices)
    connection.execute(_DROP, (going,))
    connection.execute(_DROP_PERSONS, (persons,))


def mark_shared(connection: Connection, devices: Iterable[int]) -> None:
    """Those of the devices that have two users are their own for ever."""
    found = connection.execute(_HAVING_TWO_USERS, (arrays.numbers(devices),)).fetchall()
    if found:
        numbers, projects, names, keys = zip(*found, strict=True)
        hashes = arrays.blobs(map(device_hash, keys, names))
        connection.execute(_REMEMBER, (arrays.numbers(projects), hashes))
        connection.execute(_MARK, (arrays.numbers(numbers),))
