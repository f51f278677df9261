"""What is answered about people and names (contract 8): plain values, the same from every store."""

from typing import Literal, NamedTuple

MOST_DEVICES = 20
SAMPLE_EVENTS = 10_000  # of one name, newest first


class Person(NamedTuple):
    """One person, and what there is of them now."""

    number: int  # stable as long as the person has events; Amplitude's amplitude_id
    kind: Literal["user", "device"]
    id: str  # a canonical UUID in lower case, every other as sent
    first_seen_at: int  # epoch ms of occurred_at
    last_seen_at: int  # likewise
    events: int
    devices: tuple[str, ...]  # of a user: at most 20 that nobody else used, but its own id; of a device: itself


class PeopleCounted(NamedTuple):
    """Distinct people; buckets, if asked for, are (first UTC day of it, or its hour, since 1970; people), ascending."""

    total: int
    buckets: list[tuple[int, int]] | None


class Cohort(NamedTuple):
    """The people whose first event of all time lies in one period."""

    first_day: int  # UTC day since 1970, the first of the period
    people: int
    returned: tuple[int, ...]  # how many had an event in the next period, and in each later one


class NameSummary(NamedTuple):
    """One event name of a project, and what there is of it now."""

    event_name: str
    label: str  # a spelling as one of its events was sent
    events: int
    first_seen_at: int  # epoch ms of occurred_at
    last_seen_at: int  # likewise
    people: int | None  # distinct, of the 30 UTC days that end with the query's `today`; None: not counted


class NameSample(NamedTuple):
    """The newest events of one name, to tell its properties from."""

    events: int  # how many are in the sample
    bags: list[tuple[str, str]]  # (dims, measures) as stored, JSON objects
