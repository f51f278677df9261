"""Rows of `removals`: how a removal begins and ends, and which events its condition means (contract 9)."""

from typing import Any, NamedTuple

import orjson

from drengr.store.clock import now_ms
from drengr.store.sql import Statements

EVER, NEVER = -(2**62), 2**62  # epoch ms, and ids: before and after all
_PROJECT = "project"  # in a condition: all of it
_ENTOMBED = "entombed"  # likewise: whatever the project's tombstones forbid
_UNSEEN = "unseen"  # likewise: the id after which are the events that could not be seen when the erasure began


class Removal(NamedTuple):
    """One row of removals."""

    id: int
    project_id: int
    why: str
    began_at: int  # epoch ms
    bound: int  # see drengr.store.removing.Parts.bound
    condition: dict[str, Any]
    worked_at: int  # epoch ms

    @property
    def is_of_all(self) -> bool:
        """Whether the project itself goes too."""
        return is_of_all(self.condition)

    @property
    def unseen_after(self) -> int | None:
        """All events that transactions stored which were under way when the erasure began have larger ids."""
        return self.condition.get(_UNSEEN)

    @property
    def is_of_entombed(self) -> bool:
        """Whether it takes whatever the project's tombstones forbid."""
        return bool(self.condition.get(_ENTOMBED))


def is_of_all(condition: dict[str, Any]) -> bool:
    """Whether a removal of this condition takes the project itself too."""
    return bool(condition.get(_PROJECT))


def of_unseen(after: int) -> dict[str, Any]:
    """The condition of an erasure, see Removal.unseen_after."""
    return {_UNSEEN: after}


def filters(condition: dict[str, Any]) -> tuple[str, list[Any]]:
    """(SQL that an event `e` of origin `o` must meet besides project and time, its parameters)."""
    words, values = "", []
    for column, member in (("e.name_id", "name_id"), ("o.source", "source")):
        if member in condition:
            words += f" AND {column} = ?"
            values.append(condition[member])
    return words, values


def begin(
    connection: Statements,
    project_id: int,
    why: str,
    bound: int,
    condition: dict[str, Any] | None = None,
    *,
    began_at: int,
) -> int:
    """The number of a new removal, in the caller's transaction."""
    row = project_id, why, began_at, bound, orjson.dumps(condition or {}).decode()
    made = connection.execute(
        "INSERT INTO removals (project_id, why, began_at, bound, condition, events, worked_at)"
        " VALUES (?, ?, ?, ?, ?, 0, 0) RETURNING id",
        row,
    )
    return int(made.fetchall()[0][0])


def begin_of_all(connection: Statements, project_id: int) -> int:
    """The number of the removal of a whole project, in the caller's transaction; events that still come go too."""
    return begin(connection, project_id, "deleted", NEVER, {_PROJECT: True}, began_at=now_ms())


def begin_of_entombed(connection: Statements, project_id: int) -> int:
    """The number of the removal of whatever the project's tombstones forbid, in the caller's transaction."""
    return begin(connection, project_id, "erased", NEVER, {_ENTOMBED: True}, began_at=now_ms())


def end(connection: Statements, removal: Removal) -> bool:
    """Whether nothing is left to be done, in the caller's transaction."""
    if removal.is_of_all:
        return _end_project(connection, removal.project_id)
    connection.execute("UPDATE erasures SET removal_id = NULL WHERE removal_id = ?", (removal.id,))
    connection.execute("DELETE FROM erasing WHERE removal_id = ?", (removal.id,))
    connection.execute("DELETE FROM removals WHERE id = ?", (removal.id,))
    return True


def _end_project(connection: Statements, project_id: int) -> bool:
    if connection.execute("SELECT 1 FROM semantic_events WHERE project_id = ? LIMIT 1", (project_id,)).fetchall():
        return False  # stored a moment ago, by a request that was under way when its key was revoked
    others = "SELECT id FROM removals WHERE project_id = ?"
    connection.execute(f"DELETE FROM erasing WHERE removal_id IN ({others})", (project_id,))
    for table in ("ledger_days", "problems", "removals"):  # of refusals that were counted after the rest went
        connection.execute(f"DELETE FROM {table} WHERE project_id = ?", (project_id,))
    connection.execute("DELETE FROM projects WHERE id = ?", (project_id,))
    return True


def for_ever(connection: Statements, ids: list[int], removal: Removal | None) -> list[tuple[str, int, str]]:
    """Those of the events whose repeats are refused whatever their time: (event_id, occurred_at, source).

    The admin door promises each id once for ever; of an erased person, those stamped later than the erasure. What an
    import brought may be imported again, Drengr's own export of the admin door's events too.
    """
    if removal is not None and (removal.why == "undone" or removal.is_of_all):
        return []
    places = ", ".join("?" * len(ids))
    later = removal.began_at if removal is not None and removal.why == "erased" else NEVER
    found = connection.execute(
        "SELECT event_id, occurred_at, source FROM events"
        f" WHERE id IN ({places}) AND event_id IS NOT NULL AND (source = 'admin' OR occurred_at >= ?)",
        (*ids, later),
    )
    return [(row[0], row[1], row[2]) for row in found.fetchall()]
