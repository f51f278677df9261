"""Erasures: a person's tombstone, and the receipt (contract 9). The events themselves go as every removal does."""

from typing import Any, NamedTuple

from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import floors, removal_rows
from drengr.store.sql import Reader, Statements

_RECEIPT = """
INSERT INTO erasures (project_id, kind, person, number, events, devices, shared_devices, erased_at, erased_by,
                      requester, removal_id)
VALUES (?, ?, ?, ?, 0, ?, ?, ?, ?, ?, ?) RETURNING id
"""
_RECEIPTS = """
SELECT id, kind, person, events, devices, erased_at, removal_id, erased_by, shared_devices, number, requester
FROM erasures WHERE project_id = ? AND id < ? ORDER BY id DESC LIMIT ?
"""
_ERASING = "INSERT INTO erasing (removal_id, is_named, identity_id) VALUES (?, ?, ?)"
_AFTER_ALL = 2**62


class Begun(NamedTuple):
    """An erasure whose tombstone is there."""

    receipt: int  # its number
    removal: int  # likewise
    user: str | None  # of a device: who has the rest of its events


class Found(NamedTuple):
    """What there is of somebody who is to be erased."""

    number: int | None  # the person's; None: nobody has the id
    identities: list[tuple[int, int]]  # (whether it has a user id, its number)
    events: int
    devices: list[str]  # whose anonymous events go along, but a user's own id
    shared_devices: int
    user: str | None = None  # of a device: the user who has its anonymous events


def would_erase(connection: Statements, project_id: int, who: Who, found: Found, by: By) -> Erasure:
    """What an erasure would be; nothing is written."""
    person = floors.Hashes.of(connection, project_id).person(who).hex()
    return Erasure(
        None, who.kind, person, found.events, len(found.devices), found.shared_devices, None, "dry_run", by, found.user,
        found.number,
    )  # fmt: skip


def begin(
    connection: Statements,
    project_id: int,
    who: Who,
    found: Found,
    by: By,
    requester: str | None,
    *,
    erased_at: int,
    bound: int,
    condition: dict[str, Any] | None = None,
) -> Begun:
    """The tombstone, the receipt and what is to go, in the caller's transaction.

    bound, condition  of the removal
    """
    gone = [who, *(Who("device", device) for device in found.devices)]
    if who.kind == "user":  # its id in the device's column means the same person
        gone.append(Who("device", who.id))
    floors.entomb(connection, project_id, gone, erased_at)
    removal_id = removal_rows.begin(connection, project_id, "erased", bound, condition, began_at=erased_at)
    connection.executemany(_ERASING, [(removal_id, *identity) for identity in found.identities])
    person = floors.Hashes.of(connection, project_id).person(who)
    counted = len(found.devices), found.shared_devices
    receipt = connection.execute(
        _RECEIPT, (project_id, who.kind, person, found.number, *counted, erased_at, by, requester, removal_id)
    ).fetchall()
    return Begun(receipt[0][0], removal_id, found.user)


def erasures(database: Reader, project_id: int, limit: int, before: int | None = None) -> list[Erasure]:
    """The receipts of a project, newest first, those before a number."""
    rows = database.read(_RECEIPTS, (project_id, _AFTER_ALL if before is None else before, limit))
    return [_receipt(row) for row in rows]


def _receipt(row: tuple[Any, ...]) -> Erasure:
    number, kind, person, events, devices, erased_at, removal_id, by, shared, person_number, requester = row
    return Erasure(
        number, kind, bytes(person).hex(), events, devices, shared, erased_at,
        "done" if removal_id is None else "running", by, None, person_number, requester,
    )  # fmt: skip
