"""What every store can do about events that are to go (contract 9), and the statements that are the same on both."""

from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol

import orjson

from drengr.admin.deletions import DeletionQuery
from drengr.events.event import Event
from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import projects, removal_rows, removing, sessions
from drengr.store.clock import now_ms
from drengr.store.floors import Refused
from drengr.store.names import name_code
from drengr.store.results import Project
from drengr.store.sql import Reader, Statements

_KEEPING = "SELECT keep_days, is_stopped FROM floors WHERE project_id = ?"
_KEEP = """
INSERT INTO floors (project_id, keep_days, is_stopped, looked_up_before, has_admin_ids) VALUES (?, ?, 0, 0, 0)
ON CONFLICT (project_id) DO UPDATE SET keep_days = excluded.keep_days, checked_at = NULL, is_stopped = 0
"""
_UNDER_WAY = """
SELECT r.id, p.name, r.why, r.began_at, r.worked_at, r.events, r.condition
FROM removals AS r JOIN projects AS p ON p.id = r.project_id
ORDER BY r.id
"""
_WOULD_EXPIRE = "SELECT count(*) FROM semantic_events WHERE project_id = ? AND occurred_at < ?"
_WOULD_DELETE = """
SELECT count(*) FROM semantic_events AS e JOIN origins AS o ON o.id = e.origin_id
WHERE e.project_id = ? AND e.occurred_at >= ? AND e.occurred_at <= ?{filters}
"""


class Keeping(NamedTuple):
    """How long a project keeps events."""

    days: int | None  # None: for ever
    is_stopped: bool  # the clock jumped: nothing expires until it is said again


class UnderWay(NamedTuple):
    """A removal that is not done."""

    id: int
    project: str
    why: str  # erased | undone | deleted
    began_at: int  # epoch ms
    worked_at: int  # epoch ms, about when somebody worked on it last; 0: nobody has begun
    events: int  # gone so far
    is_of_all: bool = False  # the project itself goes too


class RemovalStore(Protocol):
    """The verbs about events that go. Every one of them raises StoreError when the database cannot do it now."""

    def would_erase(self, project_id: int, who: Who, by: By) -> Erasure:
        """What an erasure would take; nothing is written."""

    def erase(
        self, project_id: int, who: Who, by: By, requester: str | None = None, patience_s: float = 5.0
    ) -> Erasure:
        """Nothing of this person that occurred before this moment is taken any more, and what is here goes.

        patience_s  how long to wait for the last event to be gone; the service goes on with what is left
        """

    def erasures(self, project_id: int, limit: int, before: int | None = None) -> list[Erasure]:
        """The receipts, newest first; before: only those with a smaller number."""

    def would_delete(self, project_id: int, query: DeletionQuery) -> int:
        """How many events a deletion would take."""

    def delete_events(self, project_id: int, query: DeletionQuery) -> int:
        """These events are to go: the number of the removal, for `go_on_removing`."""

    def delete_project(self, project: Project) -> int:
        """Everything the project has is to go, and then the project: the number of the removal, for `go_on_removing`.
        Its keys and sessions end now.
        """

    def keeping(self, project_id: int) -> Keeping:
        """How long the project keeps events."""

    def would_expire(self, project_id: int, days: int) -> int:
        """How many events are older than that now."""

    def keep(self, project_id: int, days: int | None) -> None:
        """Events that occurred more than so many days ago go, and are not taken any more; None: all are kept."""

    def would_refuse(self, project_id: int, events: Sequence[Event]) -> Refused:
        """Which of the events are not taken now: those of people who were erased, and older ones than are kept."""

    def go_on_removing(self, seconds: float, only: int | None = None) -> bool:
        """Let go of what is to go, for about so long; whether nothing is left that this process has to do.

        only  the number of one removal; None: all of them, and what is older than is kept
        """

    def under_way(self) -> list[UnderWay]:
        """The removals that are not done, oldest first."""

    def copies(self) -> list[str]:
        """Where copies lie that Drengr itself made, and that may still hold what was removed."""

    def leaves_traces(self) -> bool:
        """Whether an erasure leaves a few copies of ids in unused parts of the file until `drengr db compact`."""


def keeping(database: Reader, project_id: int) -> Keeping:
    """See RemovalStore."""
    found = database.read(_KEEPING, (project_id,))
    return Keeping(found[0][0], bool(found[0][1])) if found else Keeping(None, False)


def keep(connection: Statements, project_id: int, days: int | None) -> None:
    """See RemovalStore."""
    connection.execute(_KEEP, (project_id, days))


def would_expire(database: Reader, project_id: int, days: int) -> int:
    """See RemovalStore."""
    return int(database.read(_WOULD_EXPIRE, (project_id, removing.oldest(days)))[0][0])


def would_delete(database: Reader, project_id: int, query: DeletionQuery) -> int:
    """See RemovalStore."""
    condition = condition_of(database, project_id, query)
    if condition is None:
        return 0
    filters, values = removal_rows.filters(condition)
    span = condition.get("since", removal_rows.EVER), condition.get("until", removal_rows.NEVER)
    return int(database.read(_WOULD_DELETE.format(filters=filters), (project_id, *span, *values))[0][0])


def condition_of(database: Reader, project_id: int, query: DeletionQuery) -> dict[str, Any] | None:
    """The query as a row of removals holds it; None when no event can be meant."""
    condition: dict[str, Any] = {}
    if query.event_name is not None:
        condition["name_id"] = name_code(database, project_id, query.event_name)
        if condition["name_id"] is None:
            return None
    parts = {"source": query.source, "since": query.since, "until": query.until}
    return condition | {name: value for name, value in parts.items() if value is not None}


def delete_events(connection: Statements, project_id: int, condition: dict[str, Any] | None, bound: int) -> int:
    """See RemovalStore; in the caller's transaction."""
    nothing = {"name_id": 0}
    wanted = nothing if condition is None else condition
    return removal_rows.begin(connection, project_id, "deleted", bound, wanted, began_at=now_ms())


def delete_project(connection: Statements, project: Project) -> int:
    """The number of the removal that takes everything the project has, in the caller's transaction.

    Its keys, sessions and links end now, and so does what is being imported.
    """
    now, key = now_ms(), (project.id,)
    revoke = f"UPDATE api_keys AS k SET revoked_at = ? WHERE k.project_id = ? AND {projects.STILL_GOOD}"
    connection.execute(revoke, (now, *key, now))
    sessions.end_of_project(connection, project.id)
    connection.execute("UPDATE imports SET undone_at = ? WHERE project_id = ? AND undone_at IS NULL", (now, *key))
    connection.execute("DELETE FROM import_progress WHERE project_id = ?", key)
    return removal_rows.begin_of_all(connection, project.id)


def under_way(database: Reader) -> list[UnderWay]:
    """See RemovalStore."""
    rows = database.read(_UNDER_WAY)
    return [UnderWay(*row[:-1])._replace(is_of_all=removal_rows.is_of_all(orjson.loads(row[-1]))) for row in rows]
