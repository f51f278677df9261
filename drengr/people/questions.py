"""What is asked about people and names (contract 8)."""

from typing import Literal, NamedTuple

from drengr.admin.words import is_uuid

LONGEST_QUESTION_S = 20.0  # of a funnel or a retention, on every store


def folded(text: str) -> str:
    """The id by which people are told apart: a canonical UUID in lower case, any other as it is (contract 8).

    >>> folded("00000000-0000-0000-0000-0000000000FF"), folded("User_7")
    ('00000000-0000-0000-0000-0000000000ff', 'User_7')
    """
    return text.lower() if is_uuid(text) else text


class Who(NamedTuple):
    """One person as somebody names them.

    A user is the person of the events with that external_id. A device is the person of the anonymous events of that
    install_id: the user whose it is, if it is one user's.
    """

    kind: Literal["user", "device"]
    id: str  # in whatever case it was given; two spellings of a canonical UUID are one id


class Seen(NamedTuple):
    """A place in the list of people, which is ordered by last_seen_at and number, both descending."""

    last_seen_at: int  # epoch ms
    number: int


class PeopleQuery(NamedTuple):
    """A page of the list: the `limit` people seen last before a place."""

    limit: int
    before: Seen | None = None  # None: from the top
    query: str | None = None  # the id, or its beginning, literally; a whole canonical UUID in every case
    since: int | None = None  # of last_seen_at, epoch ms, inclusive
    until: int | None = None  # likewise


class PeopleCountQuery(NamedTuple):
    """How many different people had an event in the window."""

    since: int  # epoch ms, inclusive
    until: int  # likewise
    event_name: str | None = None
    group_by: Literal["hour", "day", "week", "month"] | None = None  # hours: of a window of few days


class RetentionQuery(NamedTuple):
    """Who came back: cohorts of the periods from `first_day` to `last_day`, both of whole periods (widened already)."""

    first_day: int  # UTC day since 1970: the first of its period
    last_day: int  # the last of its period
    period: Literal["day", "week"]


class FunnelQuery(NamedTuple):
    """How many people did the steps one after the other."""

    since: int  # epoch ms, inclusive: of the first step
    until: int  # likewise
    steps: tuple[str, ...]  # event names, 2 to 8
    within_ms: int  # from the first step to the last, inclusive


class NamesQuery(NamedTuple):
    """A page of the list of names: most events first, then by name."""

    limit: int
    today: int  # UTC day since 1970; people are those of the 30 days that end with it
    after: tuple[int, str] | None = None  # (events, event_name) of the last row before; None: from the top
    query: str | None = None  # the beginning of the name
    counts_people: bool = True
    most_read: int | None = None  # events that may be read for it; where it takes more, people are not counted
