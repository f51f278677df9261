"""The ledger's question, and its lines (contract 10)."""

from collections.abc import Mapping
from typing import NamedTuple

from drengr.admin.words import BadSlot, instant_ms
from drengr.events.times import DAY_MS, BadTime, day_text

DEFAULT_DAYS = 7
MAX_DAYS = 366
PARAMETERS = ("since", "until")


class LedgerQuery(NamedTuple):
    """Some UTC days, both ends included, as numbers since 1970."""

    first_day: int
    last_day: int


def ledger_query(arguments: Mapping[str, str], now_ms: int) -> LedgerQuery:
    """What the ledger's query string asks for; a time stands for its UTC day.

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_RANGE, RANGE_TOO_LARGE
    """
    last = _day(arguments, "until", now_ms // DAY_MS)
    first = _day(arguments, "since", last - DEFAULT_DAYS + 1)
    if last < first:
        raise BadSlot("INVALID_RANGE", "until is before since")
    if last - first >= MAX_DAYS:
        raise BadSlot(
            "RANGE_TOO_LARGE", f"at most {MAX_DAYS} days fit in one answer",
            max_days=MAX_DAYS, requested_days=last - first + 1,
        )  # fmt: skip
    return LedgerQuery(first, last)


def shown_day(day: int, door: str, counts: Mapping[str, int]) -> dict[str, object]:
    """One line as the API shows it; reasons that did not occur are left out.

    counts  by column of the ledger: received, stored, duplicates, dropped_…, changed_…, removed_…, refused_…
    """
    dropped, refused = _by(counts, "dropped_"), _by(counts, "refused_")
    return {
        "day": day_text(day),
        "door": door,
        "received": counts["received"],
        "stored": counts["stored"],
        "duplicates": counts["duplicates"],
        "dropped": sum(dropped.values()),
        "dropped_by": {reason: number for reason, number in dropped.items() if number},
        "refused": sum(refused.values()),
        "refused_by": {reason: number for reason, number in refused.items() if number},
        "changed": _by(counts, "changed_"),
        "removed": _by(counts, "removed_"),
    }


def _by(counts: Mapping[str, int], kind: str) -> dict[str, int]:
    return {name.removeprefix(kind): number for name, number in counts.items() if name.startswith(kind)}


def _day(arguments: Mapping[str, str], name: str, default: int) -> int:
    if name not in arguments:
        return default
    try:
        return instant_ms(arguments[name]) // DAY_MS
    except BadTime:
        raise BadSlot(f"INVALID_{name.upper()}", f"{name} must be an ISO-8601 time") from None
