"""A file that holds no rows is told by its first bytes, with what to do (contract 5)."""

import gzip
import io
import json
import tarfile

import pytest

from drengr.files.foreign import foreign
from tests.files.test_damage import ROWS, TEXTS, read
from tests.files.test_reader import zipped


def tar() -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("a.json"))
    return file.getvalue()


FILES = {
    "zstd": (b"\x28\xb5\x2f\xfd" + bytes(range(100)), "zstd -d"),
    "bzip2": (b"BZh91AY&SY" + bytes(range(100)), "bzip2 -d"),
    "xz": (b"\xfd7zXZ\0\0\4" + bytes(range(100)), "xz -d"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "7z archive"),
    "Parquet": (b"PAR1\x15\4\x15", "it is Parquet: write it as NDJSON"),
    "Avro": (b"Obj\x01\4\x14avro.codec", "it is Avro"),
    "SQLite": (b"SQLite format 3\0\x10\0\1\1", "database of SQLite"),
    "PDF": (b"%PDF-1.7\n%\xb5\xb5\n", "it is a PDF"),
    "tar": (tar(), "tar archive"),
    "tar, packed": (gzip.compress(tar()), "tar archive"),
    "Excel": (zipped({"[Content_Types].xml": b"<Types/>", "xl/workbook.xml": b"<workbook/>"}), "save it as CSV"),
    "OpenOffice": (zipped({"content.xml": b"<x/>", "META-INF/manifest.xml": b"<x/>"}), "save it as CSV"),
    "JSONP": (f"cb([{','.join(TEXTS)}]);".encode(), "inside a call"),
    "JSONP, guarded": (f"/**/window.cb({TEXTS[0]})".encode(), "inside a call"),
    "a form": (b'--xyz\r\nContent-Disposition: form-data; name="file"\r\n\r\n' + TEXTS[0].encode(), "curl -T FILE"),
    "an event stream": ("".join(f"data: {text}\n\n" for text in TEXTS).encode(), "sed -n 's/^data: *//p'"),
    "an event stream with ids": (
        "".join(f"event: message\nid: {n}\ndata: {text}\n\n" for n, text in enumerate(TEXTS)).encode(), "event stream",
    ),
    "a log": ("".join(f"2026-11-20T16:00:00Z INFO [main] {text}\n" for text in TEXTS).encode(), "as in a log"),
    "docker's log": ("".join(f"web-1  | {text}\n" for text in TEXTS).encode(), "as in a log"),
    "tab-separated keys": ("".join(f"k{n}\t{text}\n" for n, text in enumerate(TEXTS)).encode(), "as in a log"),
}  # fmt: skip


@pytest.mark.parametrize("name", FILES)
def test_a_file_without_rows_is_named_with_what_to_do(name):
    data, words = FILES[name]
    for hint in ("", "text/csv", "x.ndjson"):
        good, skipped, error = read(data, hint)
        assert (good, skipped) == ([], {}) and words in error


@pytest.mark.parametrize(
    "text",
    [
        "", "{", "event_type,event_properties\nBuy,{}\n", 'a,b\nx,{"n":1}\ny,{"n":2}\n', 'Buy {"n":1}\n{"n":2}\n',
        "data:1,data:2\n1,2\n", "sum(price),name\n1,x\n", *TEXTS[:1], json.dumps(ROWS), "\n".join(TEXTS),
    ],
)  # fmt: skip
def test_what_may_hold_rows_is_not_taken_for_another_thing(text):
    assert foreign(text.encode()) is None
