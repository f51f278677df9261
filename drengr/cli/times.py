"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

import click

from drengr.admin.words import instant_ms, rest_of_day_ms
from drengr.events.times import BadTime, iso_text

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])", re.ASCII)
_SPAN = re.compile(r"(\d{1,6})\s*([smhd])|0", re.ASCII)
_LONGEST = timedelta(days=3650)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


class Time(click.ParamType):
    """`7d`, `90m` and the like before now, or an ISO-8601 time; the value is ISO-8601, a date stays one."""

    name = "TIME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """The moment as the admin API takes it."""
        try:
            if match := _AGO.fullmatch(value.strip()):
                ago = timedelta(**{_UNITS[match[2]]: int(match[1])})
                return (datetime.now(UTC) - ago).isoformat(timespec="milliseconds")
            moment = iso_text(instant_ms(value))
            return value.strip() if rest_of_day_ms(value) else moment
        except (BadTime, OverflowError):
            self.fail(f"{value!r} is neither like 7d, 12h or 90m nor an ISO-8601 time", param, ctx)


class Span(click.ParamType):
    """`90s`, `30m`, `24h`, `7d` or `0`; the value is milliseconds, at most ten years."""

    name = "TIME"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> int:
        """Milliseconds."""
        match = _SPAN.fullmatch(value.strip())
        span = timedelta(**{_UNITS[match[2]]: int(match[1])}) if match and match[2] else timedelta()
        if match is None or span > _LONGEST:
            self.fail(f"{value!r} is not like 90s, 30m, 24h or 7d, nor 0; at most 3650d", param, ctx)
        return int(span.total_seconds()) * 1000
