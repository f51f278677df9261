"""What is asked about people and names, read from a query string (contract 8)."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

from drengr.admin.questions import (
    MAX_LIMIT,
    PageQuery,
    cursor_position,
    limit_of,
    open_window,
    page_query,
    single_values,
    window,
)
from drengr.admin.words import BadSlot
from drengr.events.times import DAY_MS
from drengr.people.periods import Period, first_day_of, last_day_of
from drengr.people.questions import (
    FunnelQuery,
    NamesQuery,
    PeopleCountQuery,
    PeopleQuery,
    RetentionQuery,
    Seen,
    Who,
)

MAX_DAYS = 366
PERIODS = ("day", "week")
MIN_STEPS, MAX_STEPS = 2, 8
DEFAULT_WITHIN_DAYS = 7
MIN_BEGINNING = 2  # characters of an id

PEOPLE_PARAMETERS = ("query", "since", "until", "limit", "cursor")
PERSON_PARAMETERS = ("external_id", "install_id")
PERSON_PAGE_PARAMETERS = (*PERSON_PARAMETERS, "event_name", "since", "until", "limit", "cursor")
COUNT_PARAMETERS = ("since", "until", "event_name", "group_by")
RETENTION_PARAMETERS = ("since", "until", "period")
FUNNEL_PARAMETERS = ("step", "within", "since", "until")
NAMES_PARAMETERS = ("query", "limit", "cursor")
PROPERTIES_PARAMETERS = ("event_name",)

_OF_ALL_TIMES = -(2**62)
_LONGEST_CURSOR = 3000  # characters; gunicorn takes 4,094 of a request's first line
_LONGEST_NAME = 2000  # bytes of a name in a cursor
_LAST_CHARACTER = "\U0010ffff"

Arguments = Mapping[str, Sequence[str]]  # every value of every parameter, in their order


def people_query(arguments: Arguments, now_ms: int) -> PeopleQuery:
    """A page of the list of people.

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_RANGE, INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    asked = single_values(arguments, PEOPLE_PARAMETERS)
    since, until = open_window(asked)
    limit = limit_of(asked)
    before = Seen(*cursor_position(asked["cursor"])) if "cursor" in asked else None
    query = asked.get("query")
    if query is not None and len(query) < MIN_BEGINNING:
        raise BadSlot("INVALID_FILTER", f"query must have at least {MIN_BEGINNING} characters of an id's beginning")
    return PeopleQuery(limit, before, query, since, until)


def person_asked(arguments: Arguments, now_ms: int) -> Who:
    """Whom one person's call means. Raises BadSlot INVALID_FILTER."""
    return _who(single_values(arguments, PERSON_PARAMETERS))


def person_page_query(arguments: Arguments, now_ms: int) -> tuple[Who, PageQuery]:
    """(the person, a page of their events of all times).

    Raises  BadSlot INVALID_SINCE, INVALID_UNTIL, INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER
    """
    who = _who(single_values(arguments, PERSON_PAGE_PARAMETERS))
    page = page_query({name: words for name, words in arguments.items() if name not in PERSON_PARAMETERS}, now_ms)
    return who, page if "since" in arguments else page._replace(since=_OF_ALL_TIMES)


def people_count_query(arguments: Arguments, now_ms: int) -> PeopleCountQuery:
    """A count of different people.

    Raises  BadSlot MISSING_SINCE, INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE, INVALID_GROUP_BY,
            INVALID_FILTER
    """
    asked = single_values(arguments, COUNT_PARAMETERS, required="since")
    since, until = window(asked, now_ms, MAX_DAYS)
    group_by = asked.get("group_by")
    if group_by not in (None, *get_args(Period)):
        raise BadSlot("INVALID_GROUP_BY", "group_by must be day, week or month")
    chosen: Period | None = group_by  # type: ignore[assignment]  # it is one of them
    return PeopleCountQuery(since, until, asked.get("event_name"), chosen)


def retention_query(arguments: Arguments, now_ms: int) -> RetentionQuery:
    """Cohorts of whole days or weeks.

    Raises  BadSlot MISSING_SINCE, INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE, INVALID_PERIOD,
            INVALID_FILTER
    """
    asked = single_values(arguments, RETENTION_PARAMETERS, required="since")
    since, until = window(asked, now_ms, MAX_DAYS)
    period = asked.get("period", PERIODS[0])
    if period not in PERIODS:
        raise BadSlot("INVALID_PERIOD", f"period must be {' or '.join(PERIODS)}")
    chosen: Literal["day", "week"] = period  # type: ignore[assignment]  # it is one of them
    return RetentionQuery(
        first_day_of(since // DAY_MS, chosen), last_day_of(until // DAY_MS, chosen), chosen
    )


def funnel_query(arguments: Arguments, now_ms: int) -> FunnelQuery:
    """A funnel; `step` comes once a step.

    Raises  BadSlot MISSING_SINCE, INVALID_SINCE, INVALID_UNTIL, RANGE_TOO_LARGE, INVALID_RANGE, INVALID_STEP,
            INVALID_WITHIN, INVALID_FILTER
    """
    others = {name: words for name, words in arguments.items() if name != "step"}
    asked = single_values(others, FUNNEL_PARAMETERS, required="since")
    since, until = window(asked, now_ms, MAX_DAYS)
    steps = tuple(arguments.get("step", ()))
    if not MIN_STEPS <= len(steps) <= MAX_STEPS or "" in steps:
        raise BadSlot("INVALID_STEP", f"step must come {MIN_STEPS} to {MAX_STEPS} times, each with an event name")
    within = asked.get("within", str(DEFAULT_WITHIN_DAYS))
    if not (within.isascii() and within.isdecimal() and len(within) < 9 and 1 <= int(within) <= MAX_DAYS):
        raise BadSlot("INVALID_WITHIN", f"within must be whole days, 1 to {MAX_DAYS}")
    return FunnelQuery(since, until, steps, int(within) * DAY_MS)


def names_query(arguments: Arguments, now_ms: int) -> NamesQuery:
    """A page of the list of names. Raises BadSlot INVALID_LIMIT, INVALID_CURSOR, INVALID_FILTER."""
    asked = single_values(arguments, NAMES_PARAMETERS)
    limit = limit_of(asked, MAX_LIMIT)
    after = names_place(asked["cursor"]) if "cursor" in asked else None
    return NamesQuery(limit, now_ms // DAY_MS, after, asked.get("query"))


def name_asked(arguments: Arguments, now_ms: int) -> str:
    """Of which name the properties are asked for. Raises BadSlot MISSING_EVENT_NAME, INVALID_FILTER."""
    return single_values(arguments, PROPERTIES_PARAMETERS, required="event_name")["event_name"]


def names_cursor(events: int, event_name: str) -> str:
    """The cursor that goes on after this name: base64url of `events:event_name`, unpadded.

    Only the admin door takes longer names than a URL has room for: of those that begin alike and have equally many
    events the next page leaves some out.
    """
    words = event_name.encode()
    if len(words) > _LONGEST_NAME:
        words = words[:_LONGEST_NAME].decode(errors="ignore").encode() + _LAST_CHARACTER.encode()
    return urlsafe_b64encode(b"%d:%b" % (events, words)).rstrip(b"=").decode()


def names_place(text: str) -> tuple[int, str]:
    """The (events, event_name) that a cursor names.

    Raises  BadSlot INVALID_CURSOR

    >>> names_place(names_cursor(42, "order_completed"))
    (42, 'order_completed')
    """
    try:
        if not text.isascii() or len(text) > _LONGEST_CURSOR:
            raise ValueError(text)
        words = urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode()
        events, colon, name = words.partition(":")
        if not (colon and events.isascii() and events.isdecimal() and len(events) < 19) or "\0" in name:
            raise ValueError(text)
        return int(events), name
    except ValueError:
        raise BadSlot("INVALID_CURSOR", "cursor must be a next_cursor of an earlier page") from None


def _who(asked: Mapping[str, str]) -> Who:
    if ("external_id" in asked) == ("install_id" in asked):
        raise BadSlot("INVALID_FILTER", "give external_id or install_id, one of them")
    if "external_id" in asked:
        return Who("user", asked["external_id"])
    return Who("device", asked["install_id"])
