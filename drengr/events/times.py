"""Any vendor's timestamp in, epoch milliseconds UTC out (contract 3.4, 5)."""

import math
import re
from datetime import UTC, datetime, timedelta, tzinfo
from decimal import Decimal

OLDEST_MS = 946_684_800_000  # 2000-01-01T00:00:00Z
DAY_MS = 86_400_000
HOUR_MS = 3_600_000
NEWEST_AHEAD_MS = DAY_MS  # devices' clocks run ahead

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)
_ISO = re.compile(
    r"(\d{4}-\d\d-\d\d)(?:[Tt ](\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?) ?(?:([Zz]|UTC)|([+-]\d\d(?::?\d\d)?))?)?", re.ASCII
)
_NUMBER = re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,3})?", re.ASCII)
_PER_MS = {"seconds": (1000, 1), "ms": (1, 1), "us": (1, 1000)}

UNITS = ("iso8601", *_PER_MS)


class BadTime(ValueError):
    """The value cannot be read as a time in the unit asked for."""


def epoch_ms(value: object, unit: str, zone: tzinfo = UTC) -> int:
    """Epoch milliseconds, UTC, of a vendor's timestamp; parts of a millisecond are dropped.

    value   ISO-8601 text for "iso8601", else a number or numeric text
    unit    "iso8601" | "seconds" | "ms" | "us"
    zone    of ISO-8601 text that names none
    Raises  BadTime when unreadable; the window of contract 3.4 is not looked at
    Source  contract 3.4, 5

    >>> epoch_ms("2026-06-01 12:00:00.123456", "iso8601")
    1780315200123
    >>> epoch_ms("1780315200.5", "seconds")
    1780315200500
    """
    return _iso_ms(value, zone) if unit == "iso8601" else _number_ms(value, *_PER_MS[unit])


def ms_of_wall_clock(ms: int, zone: tzinfo) -> int:
    """Epoch ms, UTC, of a clock in the zone whose reading was counted as if it were UTC's (Mixpanel before 2023).

    What the clock showed twice (it was put back) is the first of the two; what it never showed (it was put forward)
    counts as before the change. A day that no calendar has stays as it is, outside the window of contract 3.4.

    >>> from zoneinfo import ZoneInfo
    >>> iso_text(ms_of_wall_clock(1_655_283_600_000, ZoneInfo("America/Los_Angeles")))  # 09:00 there
    '2022-06-15T16:00:00.000Z'
    """
    if zone is UTC:
        return ms
    try:
        return ((_EPOCH + timedelta(milliseconds=ms)).replace(tzinfo=zone) - _EPOCH) // _MILLISECOND
    except OverflowError:
        return ms


def time_text(value: object) -> str:
    """The raw timestamp as the derived dedup id has it: a whole number in decimal digits, however it was written.

    BigQuery writes one event_timestamp as a number, as text of digits, and through a DOUBLE column as below.

    >>> time_text("1.760000001123456E15"), time_text(1760000001123456.0), time_text(1655283600.5)
    ('1760000001123456', '1760000001123456', '1655283600.5')
    """
    text = str(value)
    if text.isdecimal() and text.isascii() and text[0] != "0":
        return text
    if not _NUMBER.fullmatch(text.strip()):
        return text
    number, parts = Decimal(text).as_integer_ratio()  # exact, where a float would round 19 digits
    return str(number) if parts == 1 else text


def in_window(ms: int, now_ms: int) -> bool:
    """Whether the time is one that contract 3.4 calls valid: 2000-01-01 … now + 1 day."""
    return OLDEST_MS <= ms <= now_ms + NEWEST_AHEAD_MS


def iso_text(ms: int) -> str:
    """The time as the admin API writes it.

    >>> iso_text(1776952931000)
    '2026-04-23T14:02:11.000Z'
    """
    return (_EPOCH + timedelta(milliseconds=ms)).isoformat(timespec="milliseconds")[:23] + "Z"


def day_text(day: int) -> str:
    """A UTC day by its number since 1970.

    >>> day_text(20_783)
    '2026-11-26'
    """
    return iso_text(day * DAY_MS)[:10]


def _iso_ms(value: object, zone: tzinfo) -> int:
    match = _ISO.fullmatch(value.strip()) if isinstance(value, str) and len(value) <= 100 else None
    if match is None:
        raise BadTime(value)
    day, clock, utc, offset = match.groups()
    try:
        if zone is UTC or utc or offset:
            moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}{offset or '+00:00'}")
        else:
            moment = datetime.fromisoformat(f"{day}T{clock or '00:00'}").replace(tzinfo=zone)
    except ValueError as error:
        raise BadTime(value) from error
    return (moment - _EPOCH) // _MILLISECOND


def _number_ms(value: object, times: int, over: int) -> int:
    if isinstance(value, str):
        text = value.strip()
        if not _NUMBER.fullmatch(text):
            raise BadTime(value)
        value = int(text) if text.lstrip("+-").isdigit() else float(text)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise BadTime(value)
    if isinstance(value, int):
        return value * times // over
    ms = value * times / over
    if not math.isfinite(ms):  # 1e306 seconds
        raise BadTime(value)
    return math.floor(round(ms, 3))
