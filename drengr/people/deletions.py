"""Amplitude's user deletion call: what is posted, and what it answers (contract 9)."""

from collections.abc import Iterable
from datetime import date
from itertools import groupby
from typing import NamedTuple

from drengr.events.event import id_text
from drengr.events.times import DAY_MS, day_text
from drengr.people.erasures import Erasure

MAX_IDS = 100
MAX_DAYS = 186  # six months
_TRUE = (True, "true", "True", 1, "1")


class BadDeletion(ValueError):
    """The call cannot be done; the text says why."""


class Deletion(NamedTuple):
    """Whom a call wants to be forgotten."""

    user_ids: tuple[str, ...]
    numbers: tuple[int, ...]  # amplitude_ids: numbers of people
    requester: str | None
    ignores_unknown: bool


def deletion_of(posted: object) -> Deletion:
    """What the members of a body, JSON or a form, ask for. Raises BadDeletion."""
    if not isinstance(posted, dict):
        raise BadDeletion("the body must be an object with user_ids or amplitude_ids")
    users = [id_text(each) for each in _listed(posted.get("user_ids"))]
    numbers = [_number(each) for each in _listed(posted.get("amplitude_ids"))]
    if None in users:
        raise BadDeletion("user_ids: an id is text or an integer, and not blank")
    if not users and not numbers:
        raise BadDeletion("user_ids or amplitude_ids are missing")
    if len(users) + len(numbers) > MAX_IDS:
        raise BadDeletion(f"at most {MAX_IDS} ids in one call")
    requester = posted.get("requester")
    ignores = any(posted.get(name) in _TRUE for name in ("ignore_invalid_id", "ignore_invalid_ids"))
    named = tuple(dict.fromkeys(user for user in users if user is not None))
    return Deletion(named, tuple(dict.fromkeys(numbers)), str(requester)[:256] if requester else None, ignores)


def deletion_days(start: str | None, end: str | None) -> range:
    """The UTC days since 1970 from start_day to end_day, both inclusive. Raises BadDeletion."""
    try:
        first, last = (date.fromisoformat(text or "").toordinal() for text in (start, end))
    except ValueError:
        raise BadDeletion("start_day and end_day must be days such as 2026-11-24") from None
    if last < first:
        raise BadDeletion("end_day is before start_day")
    if last - first > MAX_DAYS:
        raise BadDeletion("start_day and end_day may be six months apart at most")
    epoch = date(1970, 1, 1).toordinal()
    return range(first - epoch, last - epoch + 1)


def shown_deletion(
    erased: Iterable[tuple[str | None, Erasure]], unknown: list[str | int], now_ms: int
) -> dict[str, object]:
    """What the call answers to its POST.

    erased  (the user id as posted, the receipt) of each
    """
    pairs = list(erased)
    at = pairs[0][1].erased_at if pairs else None
    shown: dict[str, object] = {
        "day": day_text((at or now_ms) // DAY_MS),
        "status": _status(receipt for _, receipt in pairs),
        "amplitude_ids": [_listed_id(receipt) | {"user_id": user} for user, receipt in pairs],
    }
    return shown | {"invalid_ids": unknown} if unknown else shown


def shown_deletions(erasures: Iterable[Erasure]) -> list[dict[str, object]]:
    """What the call answers to its GET: a row a day, the oldest first; it names no user."""
    rows = sorted(erasures, key=lambda erasure: erasure.id or 0)
    days = [(day, list(group)) for day, group in groupby(rows, key=lambda erasure: (erasure.erased_at or 0) // DAY_MS)]
    return [
        {"day": day_text(day), "status": _status(group), "amplitude_ids": [_listed_id(receipt) for receipt in group]}
        for day, group in days
    ]


def _listed(value: object) -> list[object]:
    if value is None:
        return []
    return value if isinstance(value, list) else [value]


def _number(value: object) -> int:
    text = str(value) if isinstance(value, (int, str)) and not isinstance(value, bool) else ""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise BadDeletion("amplitude_ids must be numbers, as usersearch gives them")
    return int(text)


def _status(erasures: Iterable[Erasure]) -> str:
    return "done" if all(erasure.status == "done" for erasure in erasures) else "submitted"


def _listed_id(receipt: Erasure) -> dict[str, object]:
    day = day_text((receipt.erased_at or 0) // DAY_MS)
    return {"amplitude_id": receipt.number, "requested_on_day": day, "requester": receipt.requester}
