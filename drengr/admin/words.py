"""What posted events and questions share: the request that ends, UUIDs, times (contract 6)."""

import re
from typing import TypeGuard

from drengr.events.times import DAY_MS, BadTime, epoch_ms, iso_text

_UUID = re.compile("[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}", re.IGNORECASE)
_DATE = re.compile(r"\s*\d{4}-\d\d-\d\d\s*", re.ASCII)
# An unescaped + in a query string arrives as a space: since=2026-04-23T14:02:11+02:00
_PLUS_LOST = re.compile(r"(\d{4}-\d\d-\d\d[Tt ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) (\d\d(?::?\d\d)?)", re.ASCII)


class BadSlot(Exception):
    """This admin request ends: the contract's code, a sentence, and what goes into `details`."""

    def __init__(self, code: str, message: str, **details: object) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.details = details


def is_uuid(value: object) -> TypeGuard[str]:
    """Whether the value is a UUID in its canonical 8-4-4-4-12 form, of any version, in any case."""
    return isinstance(value, str) and _UUID.fullmatch(value) is not None


def instant_ms(value: object) -> int:
    """Epoch ms of ISO-8601 text that lies within the years 1 to 9999 UTC, also with a space for an offset's `+`.

    Raises  BadTime

    >>> instant_ms("2026-04-23T16:02:11 02:00") == instant_ms("2026-04-23T14:02:11Z")
    True
    """
    if isinstance(value, str) and (match := _PLUS_LOST.fullmatch(value.strip())):
        value = "+".join(match.groups())
    ms = epoch_ms(value, "iso8601")
    try:
        iso_text(ms)
    except OverflowError as error:  # 0001-01-01T00:00+01:00 lies in the year 0
        raise BadTime(value) from error
    return ms


def rest_of_day_ms(until: str) -> int:
    """What is added to `until` to make it inclusive: a date without a time means that whole day.

    >>> rest_of_day_ms("2026-11-23"), rest_of_day_ms("2026-11-23T00:00")
    (86399999, 0)
    """
    return DAY_MS - 1 if _DATE.fullmatch(until) else 0
