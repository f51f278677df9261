"""What the admin door's GETs ask: time windows, filters, cursor (contract 6)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import orjson

from drengr.admin.words import BadSlot, instant_ms, is_uuid, rest_of_day_ms
from drengr.events.times import DAY_MS, BadTime, iso_text

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_DAYS = 90
GROUPS = ("day", "event_name")
PAGE_PARAMETERS = ("since", "until", "event_name", "user_id", "external_id", "install_id", "source", "limit", "cursor")
COUNT_PARAMETERS = ("since", "until", "event_name", "group_by")

# The others are filters.
_WITH_CODE = {"since", "until", "limit", "cursor", "group_by", "period", "within", "step"}

# A default `until` is the server's now, later than the now that a client took its 90 days from.
_SLACK_MS = 60_000
# A later page's default window would have moved on, and rows that the first page's window held would be missed at its
# old edge. The cursor holds no window, so that edge rests: whoever pages for longer than this names a `since`.
_PAGING_MS = 15 * 60_000
_AFTER_ALL_MS = 2**62
_LARGEST_ID = 2**63 - 1
_CURSOR = re.compile("[A-Za-z0-9_-]{1,400}")
_NUMBER = re.compile("[0-9]{1,18}")
_ID = re.compile("[0-9]{1,19}")


class Position(NamedTuple):
    """A place in the log, which is ordered by occurred_at and id."""

    occurred_at: int  # epoch ms
    id: int


class PageQuery(NamedTuple):
    """A page of the log: the newest `limit` events before a position that pass every filter given."""

    since: int  # epoch ms, inclusive
    before: Position
    limit: int
    event_name: str | None = None
    user_id: str | None = None
    external_id: str | None = None
    install_id: str | None = None
    source: str | None = None


class CountQuery(NamedTuple):
    """A count over a window of at most 90 days."""

    since: int  # epoch ms, inclusive
    until: int  # epoch ms, inclusive
    event_name: str | None = None
    group_by: str | None = None  # one of GROUPS; "hour", which only the page asks for


def page_query(arguments: Mapping[str, Sequence[str]], now_ms: int) -> PageQuery:
    """What the list's query string asks for.

    arguments  every value of every parameter, in their order
    Raises     BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    asked = single_values(arguments, PAGE_PARAMETERS)
    since = instant(asked, "since")
    until = instant(asked, "until")
    limit = limit_of(asked)
    before = Position(_AFTER_ALL_MS if until is None else until + rest_of_day_ms(asked["until"]) + 1, 0)
    if "cursor" in asked:
        before = min(before, cursor_position(asked["cursor"]))
    if since is None:
        since = now_ms - DAY_MS - (_PAGING_MS if "cursor" in asked else 0)
    user_id = asked.get("user_id")
    if user_id is not None and not is_uuid(user_id):
        raise BadSlot("INVALID_FILTER", "user_id must be a UUID")
    return PageQuery(
        since,
        before,
        limit,
        asked.get("event_name"),
        user_id and user_id.lower(),
        asked.get("external_id"),
        asked.get("install_id"),
        asked.get("source"),
    )


def count_query(
    arguments: Mapping[str, Sequence[str]], now_ms: int, max_days: int | None = MAX_DAYS
) -> CountQuery:
    """What the count's query string asks for.

    arguments  every value of every parameter, in their order
    max_days   longest window; None: any, for whoever asks the own file
    Raises     BadSlot MISSING_SINCE, INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE, INVALID_GROUP_BY,
               INVALID_FILTER
    """
    asked = single_values(arguments, COUNT_PARAMETERS, required="since")
    since, until = window(asked, now_ms, max_days)
    group_by = asked.get("group_by")
    if group_by is not None and group_by not in GROUPS:
        raise BadSlot("INVALID_GROUP_BY", "group_by must be day or event_name")
    return CountQuery(since, until, asked.get("event_name"), group_by)


def window(asked: Mapping[str, str], now_ms: int, max_days: int | None) -> tuple[int, int]:
    """Epoch ms of `since`, which is there, and of `until`, by default now; both inclusive.

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE
    """
    since = instant(asked, "since")
    until = instant(asked, "until")
    assert since is not None
    slack = _SLACK_MS if until is None else 0
    until = now_ms if until is None else until
    if max_days is not None and until - since > max_days * DAY_MS + slack:
        requested = -((since - until) // DAY_MS)  # rounded up
        raise BadSlot(
            "RANGE_TOO_LARGE", f"at most {max_days} days can be counted", max_days=max_days, requested_days=requested
        )
    until += rest_of_day_ms(asked.get("until", ""))
    if until < since:
        raise BadSlot("INVALID_RANGE", "until is before since")
    return since, until


def open_window(asked: Mapping[str, str]) -> tuple[int | None, int | None]:
    """Epoch ms of `since` and of `until`, both inclusive, None for one that is not asked for.

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_RANGE
    """
    since, until = instant(asked, "since"), instant(asked, "until")
    if until is not None:
        until += rest_of_day_ms(asked["until"])
        if since is not None and until < since:
            raise BadSlot("INVALID_RANGE", "until is before since")
    return since, until


def numbered_page(arguments: Mapping[str, Sequence[str]]) -> tuple[int, int | None]:
    """(how many rows, those before which number; None: from the newest) of a list whose rows are numbered.

    arguments  every value of every parameter, in their order
    Raises     BadSlot INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    asked = single_values(arguments, ("limit", "cursor"))
    return limit_of(asked), cursor_position(asked["cursor"]).id if "cursor" in asked else None


def single_values(
    arguments: Mapping[str, Sequence[str]], known: Sequence[str], required: str | None = None
) -> dict[str, str]:
    """The one value of each parameter: what a call does not know, and what could mean two things, is refused.

    Raises  BadSlot INVALID_FILTER that names an unknown parameter; the parameter's own code when it comes twice or is
            empty; MISSING_… when the required one is not there

    >>> single_values({"since": ["2026-11-01"], "limit": ["5"]}, PAGE_PARAMETERS)
    {'since': '2026-11-01', 'limit': '5'}
    """
    for name in arguments:
        if name not in known:
            raise BadSlot("INVALID_FILTER", f"{name[:64]!r} is no parameter here; known are {', '.join(known)}")
    asked: dict[str, str] = {}
    for name in known:
        values = arguments.get(name, ())
        if name == required and not "".join(values).strip():
            raise BadSlot(f"MISSING_{name.upper()}", f"{name} is required")
        if not values:
            continue
        if len(values) > 1 or not values[0]:
            problem = "is empty" if len(values) == 1 else "is given more than once"
            raise BadSlot(_code_of(name), f"{name} {problem}")
        asked[name] = values[0]
    return asked


def _code_of(parameter: str) -> str:
    return f"INVALID_{parameter.upper()}" if parameter in _WITH_CODE else "INVALID_FILTER"


def cursor_text(occurred_at: int, event_id: int) -> str:
    """The cursor that continues after this row: base64url of {"ts":"…","id":"…"}, unpadded."""
    words = orjson.dumps({"ts": iso_text(occurred_at), "id": str(event_id)})
    return urlsafe_b64encode(words).rstrip(b"=").decode()


def cursor_position(text: str) -> Position:
    """The position that a cursor names.

    Raises  BadSlot INVALID_CURSOR

    >>> cursor_position(cursor_text(1776952931000, 42))
    Position(occurred_at=1776952931000, id=42)
    """
    try:
        if not _CURSOR.fullmatch(text):
            raise ValueError(text)
        words = orjson.loads(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
        if not _ID.fullmatch(words["id"]) or int(words["id"]) > _LARGEST_ID:
            raise ValueError(text)
        return Position(instant_ms(words["ts"]), int(words["id"]))
    except (BadTime, ValueError, TypeError, KeyError):
        raise BadSlot("INVALID_CURSOR", "cursor must be a next_cursor of an earlier page") from None


def instant(arguments: Mapping[str, str], name: str) -> int | None:
    """Epoch ms of a parameter; None when it is not there. Raises BadSlot."""
    if name not in arguments:
        return None
    try:
        return instant_ms(arguments[name])
    except BadTime:
        raise BadSlot(f"INVALID_{name.upper()}", f"{name} must be an ISO-8601 timestamp") from None


def limit_of(asked: Mapping[str, str], default: int = DEFAULT_LIMIT) -> int:
    """How many rows a page has. Raises BadSlot INVALID_LIMIT."""
    text = asked.get("limit")
    if text is None:
        return default
    if not text.isascii() or not text.isdecimal() or not text.strip("0"):
        raise BadSlot("INVALID_LIMIT", "limit must be a positive integer")
    return min(int(text), MAX_LIMIT) if _NUMBER.fullmatch(text) else MAX_LIMIT
