"""Which stretch of time a room shows, and the one before that it is compared with. Pure."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta
from typing import Literal, NamedTuple

from drengr.admin.questions import MAX_DAYS, count_query
from drengr.admin.words import BadSlot
from drengr.events.times import DAY_MS, HOUR_MS, day_text, iso_text

RANGES = {"24h": "24 hours", "7d": "7 days", "30d": "30 days", "90d": "90 days"}
PARAMETERS = ("range", "since", "until")

Unit = Literal["hour", "day"]

_EPOCH = date(1970, 1, 1)
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_WEEKDAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
_BEFORE_DAYS = 30
_MOST_HOURS = 48  # that are bars of their own


class Period(NamedTuple):
    """A stretch of time in whole hours or days of UTC, the last of which may not be over."""

    since: int  # epoch ms, inclusive
    until: int  # likewise
    now: int
    name: str | None  # one of RANGES; None: somebody's own since and until

    @property
    def unit(self) -> Unit:
        """What a bar stands for."""
        return "hour" if self.until - self.since < _MOST_HOURS * HOUR_MS else "day"

    @property
    def unit_ms(self) -> int:
        """How long a bar is."""
        return HOUR_MS if self.unit == "hour" else DAY_MS

    @property
    def units(self) -> range:
        """The numbers of its hours or days since 1970."""
        return range(self.since // self.unit_ms, self.until // self.unit_ms + 1)

    @property
    def days(self) -> range:
        """The numbers of its days since 1970."""
        return range(self.since // DAY_MS, self.until // DAY_MS + 1)

    @property
    def is_unfinished(self) -> bool:
        """Whether now lies in its last hour or day."""
        return self.now // self.unit_ms == self.until // self.unit_ms

    @property
    def length_ms(self) -> int:
        """How far back the same hour or day of the stretch before lies."""
        return DAY_MS if self.name == "24h" else len(self.days) * DAY_MS

    @property
    def before(self) -> "Period":
        """The stretch before it, as long as what of this one has passed: like is compared with like."""
        return Period(self.since - self.length_ms, self.until - self.length_ms, self.now, None)

    @property
    def words(self) -> str:
        """As a sentence calls it: 18,204 events *in 7 days*."""
        if self.name:
            return f"in {RANGES[self.name]}"
        first, last = day_text(self.days[0]), day_text(self.days[-1])
        return f"on {first}" if first == last else f"from {first} to {last}"

    @property
    def words_before(self) -> str:
        """As a sentence calls the stretch before it."""
        if self.name:
            return f"the {RANGES[self.name]} before"
        days = len(self.days)
        return "the day before" if days == 1 else f"the {days} days before"

    @property
    def parameters(self) -> dict[str, str]:
        """Of an address that shows it again."""
        if self.name:
            return {"range": self.name}
        return {"since": day_text(self.days[0]), "until": day_text(self.days[-1])}

    def label(self, number: int) -> str:
        """What an hour or a day is called in figures.

        >>> Period(0, DAY_MS - 1, 0, None).label(13), Period(0, 9 * DAY_MS, 0, None).label(13)
        ('1970-01-01 13:00', '1970-01-14')
        """
        text = iso_text(number * self.unit_ms)
        return text[:10] if self.unit == "day" else f"{text[:10]} {text[11:16]}"

    def short(self, number: int) -> str:
        """What it is called on an axis.

        >>> Period(0, DAY_MS - 1, 0, None).short(13), Period(0, 9 * DAY_MS, 0, None).short(13)
        ('13:00', '14 Jan')
        """
        return short_day(number) if self.unit == "day" else iso_text(number * HOUR_MS)[11:16]

    def spoken(self, number: int) -> str:
        """What it is called in a sentence.

        >>> [Period(0, days * DAY_MS - 1, 0, None).spoken(6) for days in (1, 7, 8)]
        ['at 06:00', 'on Wednesday 7', 'on Wednesday 7 Jan']
        """
        if self.unit == "hour":
            return f"at {self.short(number)}"
        day = _EPOCH + timedelta(number)
        is_plain = len(self.days) <= len(_WEEKDAYS)  # beyond, there may be two of that number
        return f"on {_WEEKDAYS[day.weekday()]} {day.day if is_plain else short_day(number)}"


def period(
    arguments: Mapping[str, str], now_ms: int, default: str = "7d", max_days: int = MAX_DAYS
) -> Period:
    """The stretch that a room's address asks for, by default one of RANGES.

    Raises  BadSlot INVALID_FILTER, INVALID_SINCE, INVALID_UNTIL, INVALID_RANGE, RANGE_TOO_LARGE
    """
    if "since" in arguments or "until" in arguments:
        if "range" in arguments:
            raise BadSlot("INVALID_FILTER", "range and since are two ways to say one thing; give one of them")
        window: Mapping[str, Sequence[str]] = {
            name: (arguments[name],) for name in ("since", "until") if name in arguments
        }
        query = count_query(window, now_ms, max_days)
        until = min(query.until, now_ms) if query.since <= now_ms else query.until  # of today, what has passed
        return Period(query.since, until, now_ms, None)
    chosen = arguments.get("range", default)
    if chosen not in RANGES:
        raise BadSlot("INVALID_FILTER", f"range must be one of {', '.join(RANGES)}")
    if chosen == "24h":
        return Period((now_ms // HOUR_MS - 23) * HOUR_MS, now_ms, now_ms, chosen)
    days = int(chosen.removesuffix("d"))
    return Period((now_ms // DAY_MS - days + 1) * DAY_MS, now_ms, now_ms, chosen)


def reaching(moment: int, now_ms: int) -> Period:
    """The shortest of RANGES in which this time lies; the 30 days up to its own where none reaches so far.

    >>> reaching(50 * DAY_MS, 80 * DAY_MS).name, reaching(50 * DAY_MS, 79 * DAY_MS).name
    ('90d', '30d')
    >>> reaching(50 * DAY_MS, 900 * DAY_MS).parameters
    {'since': '1970-01-22', 'until': '1970-02-20'}
    """
    for name in RANGES:
        found = period({"range": name}, now_ms)
        if moment >= found.since:
            return found
    day = moment // DAY_MS
    return Period((day - _BEFORE_DAYS + 1) * DAY_MS, (day + 1) * DAY_MS - 1, now_ms, None)


def today(now_ms: int) -> Period:
    """The UTC day that it is."""
    return Period(now_ms // DAY_MS * DAY_MS, now_ms, now_ms, None)


def short_day(day: int) -> str:
    """
    >>> short_day(20_783)
    '26 Nov'
    """
    found = _EPOCH + timedelta(day)
    return f"{found.day} {_MONTHS[found.month - 1]}"
