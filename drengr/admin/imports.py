"""What was imported, as the admin door shows it (contract 9)."""

from collections.abc import Mapping, Sequence

from drengr.admin.questions import cursor_position, cursor_text, limit_of, single_values
from drengr.events.times import iso_text

PARAMETERS = ("limit", "cursor")


def imports_query(arguments: Mapping[str, Sequence[str]]) -> tuple[int, int | None]:
    """(how many imports, those before which number; None: from the newest) of a list's query string.

    Raises  BadSlot INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    asked = single_values(arguments, PARAMETERS)
    return limit_of(asked), cursor_position(asked["cursor"]).id if "cursor" in asked else None


def imports_cursor(number: int, received_at: int) -> str:
    """The cursor that continues the list after this import."""
    return cursor_text(received_at, number)


def shown_import(
    number: int,
    source: str,
    app_package: str | None,
    file: str | None,
    received_at: int,
    imported: int,
    skipped: int,
    duplicates: int,
    undone_at: int | None,
) -> dict[str, object]:
    """One import as a row of the list; times epoch ms."""
    return {
        "number": number,
        "source": source,
        "app_package": app_package,
        "file": file,
        "received_at": iso_text(received_at),
        "imported": imported,
        "skipped": skipped,
        "duplicates": duplicates,
        "undone_at": None if undone_at is None else iso_text(undone_at),
    }
