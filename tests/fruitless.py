"""Files that hold no event, and what is said of each: the same over HTTP and by command (contract 5)."""

import gzip
import io
import json
import zipfile
from dataclasses import dataclass, field
from pathlib import Path

from tests.conftest import shared_data

MAPPING = {
    "event_name_field": "whta", "timestamp_field": "at", "timestamp_unit": "seconds", "user_id_field": "uid",
    "anon_id_field": "did",
}  # fmt: skip
_MIXPANEL = '{"event":"a","properties":{"time":1780315200,"distinct_id":"d","$insert_id":"i%d"}}\n'


@dataclass(frozen=True)
class Fruitless:
    """One file; `words` are in what is said of it."""

    data: bytes
    words: tuple[str, ...]
    source: str = "amplitude"
    name: str = "export.json"
    skipped: int = 0
    mapping: dict[str, str] = field(default_factory=dict)


def _zip(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.json", data)
    return file.getvalue()


def _report(name: str) -> bytes:
    return shared_data("reports", name).read_bytes()


_NO_ROW = ("there is not a single row in it",)
_HEADER = b"event_type,event_time,device_id,$insert_id\n"

FRUITLESS = {
    "nothing": Fruitless(b"", _NO_ROW),
    "blank lines": Fruitless(b"\n\n \n", _NO_ROW),
    "an empty array": Fruitless(b"[]", _NO_ROW),
    "an empty array, with line ends": Fruitless(b"[\n]\n", _NO_ROW),
    "a header alone": Fruitless(_HEADER, _NO_ROW, name="export.csv"),
    "a header alone, named otherwise": Fruitless(_HEADER, _NO_ROW),
    "nothing, packed": Fruitless(gzip.compress(b""), _NO_ROW, name="export.json.gz"),
    "nothing in a zip": Fruitless(_zip(b""), _NO_ROW, name="export.zip"),
    "an error answer": Fruitless(b'{"error":"rate limited"}', ("not one of its 1 rows", "error answer"), skipped=1),
    "an error answer over lines": Fruitless(
        b'{\n  "error": {\n    "code": 429\n  }\n}\n', ("not one of its 1 rows", "`error`"), skipped=1
    ),
    "an error page": Fruitless(b"<!DOCTYPE html>\n<html><body>Too many requests</body></html>\n", ("a web page",)),
    "an error page with commas": Fruitless(b"<html><p>Sorry, too many</p></html>", ("a web page",), name="a.csv"),
    "text for people": Fruitless(
        b"# Title\n\nSome words.\nMore words.\n", ("not one of its 3 rows", "not readable as JSON"), skipped=3
    ),
    "another vendor's rows": Fruitless(
        "".join(_MIXPANEL % number for number in range(30)).encode(),
        ("not one of its 30 rows", "not of source amplitude", "look like mixpanel"),
        skipped=30,
    ),
    "another vendor's rows in CSV": Fruitless(
        b"uuid,event,timestamp,distinct_id\nu,a,2026-06-01,d\n", ("look like posthog",), name="a.csv", skipped=1
    ),
    "a mapping with a typo": Fruitless(
        b'{"what":"a","at":1780315200,"uid":"u"}\n', ("`whta`", "the fields found are `what`, `at`, `uid`"),
        source="generic", mapping=MAPPING, skipped=1,
    ),
    "a page of an API": Fruitless(
        _report("33-posthog-page.json"), ("the rows lie under `results`",), source="posthog", skipped=1
    ),
    "columns with other names": Fruitless(
        _report("32-posthog-ui.csv"), ("`*.distinct_id`", "`*.timestamp`"), source="posthog", name="a.csv", skipped=1
    ),
}  # fmt: skip


def written(folder: Path, file: Fruitless) -> tuple[Path, list[str]]:
    """(the file in this folder, the words of the command that say how it is read)."""
    path = folder / file.name
    path.write_bytes(file.data)
    words = ["--source", file.source]
    return path, [*words, "--mapping", json.dumps(file.mapping)] if file.mapping else words
