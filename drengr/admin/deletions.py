"""Which events are to be deleted, and how long events may be kept (contract 9)."""

from typing import NamedTuple

MOST_KEPT_DAYS = 36_600


class DeletionQuery(NamedTuple):
    """Those of a project that pass every filter given."""

    event_name: str | None = None  # as stored
    source: str | None = None
    since: int | None = None  # occurred_at, epoch ms, inclusive
    until: int | None = None  # likewise
