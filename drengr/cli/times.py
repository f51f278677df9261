"""Times as people type them."""

import re
from datetime import UTC, datetime, timedelta

import click

from drengr.admin.words import instant_ms, rest_of_day_ms
from drengr.events.times import BadTime, iso_text

_AGO = re.compile(r"(\d{1,6})\s*([smhdw])", re.ASCII)
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
