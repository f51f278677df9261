"""The file of `drengr tombstones save`: who was erased, as hashes, kept apart from the database (contract 13).

NDJSON. The first line names the database and tells which key its hashes were made with, the last one counts the others:
a file that was cut off is told from a whole one.
"""

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal, NamedTuple

import orjson

_WHAT = "tombstones"
_KINDS = ("person", "event", "floor")


class Tombstone(NamedTuple):
    """One thing that a project takes no more."""

    kind: Literal["person", "event", "floor"]
    hash: bytes  # of the person's id or the event_id; of a floor: empty
    value: int  # person: erased_at, epoch ms; event: 1 when its person was erased; floor: earlier events are looked up


FIRST = Tombstone("person", b"", 0)  # no tombstone is before it


class Origin(NamedTuple):
    """The database that tombstones are of."""

    database_id: str
    key_check: str  # equal keys, equal checks


class Saved(NamedTuple):
    """One line."""

    project: str  # uuid
    number: int  # the project's own in its database: the hashes hang on it
    tombstone: Tombstone


class NotTombstones(ValueError):
    """The file is none of these, or was cut off."""


def first_line(origin: Origin) -> bytes:
    """What a file begins with."""
    return _line({"drengr": _WHAT, "database": origin.database_id, "key": origin.key_check})


def lines(project: str, number: int, tombstones: Sequence[Tombstone]) -> bytes:
    """The lines of some tombstones of one project."""
    whose = {"project": project, "number": number}
    return b"".join(_line({**whose, "kind": kind, "hash": data.hex(), "value": at}) for kind, data, at in tombstones)


def last_line(count: int) -> bytes:
    """What a file with so many tombstones ends with."""
    return _line({"end": count})


def origin_of(first: bytes) -> Origin:
    """Of which database a file is that begins with this line. Raises NotTombstones."""
    row = _row(first)
    if row.get("drengr") != _WHAT:
        raise NotTombstones("`drengr tombstones save` did not make it")
    return Origin(str(row.get("database")), str(row.get("key")))


def read(rest: Iterable[bytes]) -> Iterator[Saved]:
    """What stands in the lines after the first. Raises NotTombstones, at the end when it was cut off."""
    for count, line in enumerate(rest):
        row = _row(line)
        if row.get("end") == count:
            return
        try:
            if row["kind"] not in _KINDS:
                break
            kept = Tombstone(row["kind"], bytes.fromhex(row["hash"]), int(row["value"]))
            yield Saved(str(row["project"]), int(row["number"]), kept)
        except (KeyError, TypeError, ValueError):
            break
    raise NotTombstones("it is not whole, or no file of tombstones")


def _line(row: dict[str, object]) -> bytes:
    return orjson.dumps(row, option=orjson.OPT_APPEND_NEWLINE)


def _row(line: bytes) -> dict[str, Any]:
    try:
        row = orjson.loads(line)
    except orjson.JSONDecodeError:
        row = None
    if not isinstance(row, dict):
        raise NotTombstones("it is not whole, or no file of tombstones")
    return row
