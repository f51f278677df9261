"""Who is to be erased, and what is told of it (contract 9)."""

from collections.abc import Sequence
from typing import Literal, NamedTuple

from drengr.admin.words import BadSlot
from drengr.events.event import id_text
from drengr.events.times import iso_text
from drengr.people.questions import Who

By = Literal["api", "command", "amplitude", "page"]
MEMBERS = ("external_id", "install_id", "dry_run")


class Erasure(NamedTuple):
    """One person who was erased, or would be: the receipt."""

    id: int | None  # None: a dry run
    kind: Literal["user", "device"]
    person: str  # keyed hash of the id, hex, different in each project
    events: int  # gone so far; of a dry run: that would go
    devices: int  # whose anonymous events went along
    shared_devices: int  # whose anonymous events stay, because somebody else used them too
    erased_at: int | None  # epoch ms
    status: Literal["done", "running", "dry_run"]
    by: By
    user: str | None = None  # of a device that is one user's: who has the rest of its events
    number: int | None = None  # the Person.number that it had
    requester: str | None = None  # as Amplitude's call names one


def erasure_query(posted: object) -> tuple[Who, bool]:
    """(who is to be erased, whether only the numbers are asked for).

    posted  the parsed body
    Raises  BadSlot INVALID_ERASURE
    """
    if not isinstance(posted, dict):
        raise BadSlot("INVALID_ERASURE", "the body must be a JSON object")
    for member in posted:
        if member not in MEMBERS:
            raise BadSlot("INVALID_ERASURE", f"{member[:64]!r} is no member here; known are {', '.join(MEMBERS)}")
    dry_run = posted.get("dry_run", False)
    if not isinstance(dry_run, bool):
        raise BadSlot("INVALID_ERASURE", "dry_run must be true or false")
    if ("external_id" in posted) == ("install_id" in posted):
        raise BadSlot("INVALID_ERASURE", "give exactly one of external_id and install_id")
    is_user = "external_id" in posted
    named = id_text(posted["external_id" if is_user else "install_id"])
    if named is None:
        raise BadSlot("INVALID_ERASURE", "an id is text or an integer, and not blank")
    return Who("user" if is_user else "device", named), dry_run


def shown_erasure(erasure: Erasure, copies: Sequence[str]) -> dict[str, object]:
    """The receipt as the API gives it to whoever erased.

    copies  where copies of the database lie that may still hold the person
    """
    shown: dict[str, object] = {
        "id": None if erasure.id is None else str(erasure.id),
        "events": erasure.events,
        "devices": erasure.devices,
        "shared_devices": erasure.shared_devices,
        "erased_at": None if erasure.erased_at is None else iso_text(erasure.erased_at),
        "status": erasure.status,
        "copies": list(copies),
    }
    if erasure.user is not None:
        shown["user"] = erasure.user
    return shown


def listed_erasure(erasure: Erasure) -> dict[str, object]:
    """The same as a row of the list."""
    assert erasure.id is not None and erasure.erased_at is not None  # only dry runs have neither
    return {
        "id": str(erasure.id),
        "kind": erasure.kind,
        "person": erasure.person,
        "events": erasure.events,
        "devices": erasure.devices,
        "erased_at": iso_text(erasure.erased_at),
        "status": erasure.status,
        "by": erasure.by,
    }
