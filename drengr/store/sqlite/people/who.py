"""Which number a user or a device has (contract 8)."""

from drengr.store.sqlite.connections import Readable

_NUMBER = "SELECT id FROM persons WHERE project_id = ? AND is_device = ? AND person = ?"


def number_of(database: Readable, project_id: int, person: str | bytes | None, *, is_device: bool) -> int | None:
    """persons.id of exactly this user or device; None when it has no event.

    person  packed and folded
    """
    found = database.read(_NUMBER, (project_id, is_device, person))
    return found[0][0] if found else None
