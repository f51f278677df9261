"""What the admin door's GETs ask: time windows, filters, cursor (contract 6)."""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from typing import NamedTuple

import orjson

from drengr.admin.words import BadSlot, instant_ms, is_uuid
from drengr.events.times import DAY_MS, BadTime, iso_text

DEFAULT_LIMIT = 100
MAX_LIMIT = 1000
MAX_DAYS = 90
GROUPS = ("day", "event_name")

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
    group_by: str | None = None  # one of GROUPS


def page_query(arguments: Mapping[str, str], now_ms: int) -> PageQuery:
    """What the list's query string asks for.

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    since = _instant(arguments, "since")
    until = _instant(arguments, "until")
    limit = _limit(arguments.get("limit"))
    before = Position(_AFTER_ALL_MS if until is None else until + 1, 0)
    if "cursor" in arguments:
        before = min(before, cursor_position(arguments["cursor"]))
    if since is None:
        since = now_ms - DAY_MS - (_PAGING_MS if "cursor" in arguments else 0)
    user_id = arguments.get("user_id")
    if user_id is not None and not is_uuid(user_id):
        raise BadSlot("INVALID_FILTER", "user_id must be a UUID")
    return PageQuery(
        since,
        before,
        limit,
        arguments.get("event_name"),
        user_id and user_id.lower(),
        arguments.get("external_id"),
        arguments.get("install_id"),
        arguments.get("source"),
    )


def count_query(arguments: Mapping[str, str], now_ms: int) -> CountQuery:
    """What the count's query string asks for.

    Raises  BadSlot MISSING_SINCE, INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE, INVALID_GROUP_BY
    """
    if not arguments.get("since", "").strip():
        raise BadSlot("MISSING_SINCE", "since is required")
    since = _instant(arguments, "since")
    until = _instant(arguments, "until")
    slack = _SLACK_MS if until is None else 0
    until = now_ms if until is None else until
    if until - since > MAX_DAYS * DAY_MS + slack:
        requested = -((since - until) // DAY_MS)  # rounded up
        raise BadSlot(
            "RANGE_TOO_LARGE", f"at most {MAX_DAYS} days can be counted", max_days=MAX_DAYS, requested_days=requested
        )
    if until < since:
        raise BadSlot("INVALID_RANGE", "until is before since")
    group_by = arguments.get("group_by")
    if group_by is not None and group_by not in GROUPS:
        raise BadSlot("INVALID_GROUP_BY", "group_by must be day or event_name")
    return CountQuery(since, until, arguments.get("event_name"), group_by)


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


def _instant(arguments: Mapping[str, str], name: str) -> int | None:
    if name not in arguments:
        return None
    try:
        return instant_ms(arguments[name])
    except BadTime:
        raise BadSlot(f"INVALID_{name.upper()}", f"{name} must be an ISO-8601 timestamp") from None


def _limit(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIMIT
    if not text.isascii() or not text.isdecimal() or not text.strip("0"):
        raise BadSlot("INVALID_LIMIT", "limit must be a positive integer")
    return min(int(text), MAX_LIMIT) if _NUMBER.fullmatch(text) else MAX_LIMIT
