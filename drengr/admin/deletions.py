"""Which events are to be deleted (contract 9)."""

from typing import NamedTuple


class DeletionQuery(NamedTuple):
    """Those of a project that pass every filter given."""

    event_name: str | None = None  # as stored
    source: str | None = None
    since: int | None = None  # occurred_at, epoch ms, inclusive
    until: int | None = None  # likewise
