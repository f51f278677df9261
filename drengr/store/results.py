"""What a store answers: plain values, the same from every store."""

from typing import NamedTuple

from drengr.events.times import DAY_MS, HOUR_MS, iso_text


class Project(NamedTuple):
    """One tenant."""

    id: int
    uuid: str
    name: str


class NewProject(NamedTuple):
    """A project just made, with its first keys in full: the only time they are seen."""

    project_id: str
    publishable_key: str
    secret_key: str


class Key(NamedTuple):
    """One key as lists show it."""

    id: int
    project: str
    kind: str
    hint: str
    created_at: int  # epoch ms
    revoked_at: int | None  # epoch ms


class Added(NamedTuple):
    """What became of the events of one write."""

    inserted: int
    duplicates: int


class Counted(NamedTuple):
    """What a count found; buckets are (key, events), in the contract's order, when they were asked for."""

    total: int
    buckets: list[tuple[str, int]] | None


class Progress(NamedTuple):
    """How far one file has come."""

    rows: int
    imported: int
    skipped: int
    duplicates: int
    reasons: str  # JSON array


class WrongTotal(NamedTuple):
    """A total that is not the number of its events."""

    unit: str  # "hour" | "day"
    project_id: int
    name_id: int
    number: int  # of the hour or the day since 1970
    kept: int  # what the total says
    counted: int  # what it ought to say
    project: str
    event_name: str

    def __str__(self) -> str:
        when = iso_text(self.number * HOUR_MS)[:16] if self.unit == "hour" else iso_text(self.number * DAY_MS)[:10]
        counted = "events" if self.unit == "hour" else "sum of its hours"
        return (
            f'{self.unit} {when}, project {self.project}, event "{self.event_name}":'
            f" total {self.kept}, {counted} {self.counted}"
        )
