"""Events that go: everything that counts them follows in the same transaction (contract 9, 10, 13).

Rows are locked in the order of write.py, and identities and persons last, without waiting: whoever stores an event with
one of them now is let go first, and the caller's transaction is tried again (Database.run).
"""

from collections import Counter
from collections.abc import Iterable
from typing import Literal

from drengr.events.outcomes import door_of
from drengr.events.times import DAY_MS
from drengr.store.entries import Entries
from drengr.store.postgresql import arrays, ledger
from drengr.store.postgresql.connections import Connection
from drengr.store.postgresql.people.unused import alone, drop_unused
from drengr.store.postgresql.totals import COUNTED

_REMOVE = f"""
WITH going AS (
  SELECT project_id, dedup_key FROM semantic_events WHERE id = ANY(?::bigint[]) ORDER BY 1, 2 FOR UPDATE
), gone AS (
  DELETE FROM semantic_events AS e USING going AS g WHERE (e.project_id, e.dedup_key) = (g.project_id, g.dedup_key)
  RETURNING e.project_id, e.name_id, e.occurred_at, e.received_at, e.origin_id, e.identity_id
), {COUNTED.format(rows="gone", events="-count(*)")}
SELECT g.project_id, g.received_at, o.source, g.identity_id FROM gone AS g JOIN origins AS o ON o.id = g.origin_id
"""


def remove(connection: Connection, ids: Iterable[int], why: Literal["erased", "expired", "undone", "deleted"]) -> int:
    """How many events of these ids there were; they are gone, in the caller's transaction.

    Totals, ledger and people are those of the events that are left. Slices of some hundreds hold others up least.
    Raises  LockNotAvailable when somebody stores an event of these very people at this moment: try again
    """
    alone(connection)
    slots = connection.slot, connection.slot
    going = connection.execute(_REMOVE, (arrays.numbers(ids), *slots)).fetchall()
    entries = Entries()
    for key, events in Counter((row[0], row[1] // DAY_MS, door_of(row[2])) for row in going).items():
        entries.add_named(key, {f"removed_{why}": events})
    if statement := ledger.addition(entries, connection.slot):
        connection.execute(statement)
    drop_unused(connection, {row[3] for row in going})
    return len(going)
