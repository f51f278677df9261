"""Which event ids are here already, asked ahead of an import (contract 12)."""

from collections.abc import Sequence

from drengr.store.sqlite.database import Database
from drengr.store.sqlite.packing import packed_event_id

_AT_ONCE = 500  # parameters of a statement


def known_event_ids(database: Database, project_id: int, event_ids: Sequence[str]) -> int:
    """How many of these ids, all different, the project has an event with."""
    known = 0
    for begun in range(0, len(event_ids), _AT_ONCE):
        some = [packed_event_id(event_id) for event_id in event_ids[begun : begun + _AT_ONCE]]
        places = ", ".join("?" * len(some))
        counted = f"SELECT count(*) FROM semantic_events WHERE project_id = ? AND event_id IN ({places})"
        known += database.read(counted, (project_id, *some))[0][0]
    return known
