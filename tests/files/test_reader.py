"""Bytes of a file → rows, however they are cut into pieces, packed or spoilt."""

import gzip
import io
import json
import struct
import zipfile

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drengr.events.event import Unreadable
from drengr.files.broken import BrokenFile
from drengr.files.reader import FileReader, Limits

LIMITS = Limits(line_bytes=10_000, file_bytes=50_000_000, zip_members=20, ratio=200)
TEXT = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0"), max_size=8)
NUMBERS = st.integers(-(2**60), 2**60) | st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=10,
)


def pieces_of(data: bytes, size: int = 65_536):
    return (data[start : start + size] for start in range(0, len(data), size))


def read(data: bytes, hint: str = "", size: int = 65_536, limits: Limits = LIMITS, kind=lambda header: "text", skip=0):
    """(rows with None for an unreadable one, how many data files)"""
    reader = FileReader(limits, kind, skip)
    rows = []

    def seekable(pieces):
        yield io.BytesIO(b"".join(pieces))

    for batch in reader.batches(pieces_of(data, size), hint, seekable):
        assert len(batch.rows) == len(batch.places)
        rows += [None if isinstance(row, Unreadable) else row for row in batch.rows]
    return rows, reader.files


def rows_of(data: bytes, hint: str = "", **how) -> list:
    return read(data, hint, **how)[0]


def zipped(members: dict[str, bytes], method=zipfile.ZIP_DEFLATED) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", method) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


class Pipe(io.BytesIO):
    """Cannot be wound back: a zip written to it tells each file's size behind the file."""

    def seekable(self) -> bool:
        return False

    def seek(self, *_: int) -> int:
        raise io.UnsupportedOperation


def streamed(members: dict[str, bytes]) -> bytes:
    """As Amplitude's server sends it."""
    file = Pipe()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in members.items():
            archive.writestr(name, data)
    return file.getvalue()


def ndjson(rows) -> bytes:
    return b"".join(json.dumps(row).encode() + b"\n" for row in rows)


ROWS = [{"event": f"e{n}", "properties": {"n": n, "s": 'a"}],[{\\'}} for n in range(50)]
CSV = b'event,properties.n,properties.s\r\ne0,0,"a""}],[{\\"\r\n'

SAME_LINES = b'{"a":0}\n' * 1_400_000

SHAPES = {
    "ndjson": ndjson(ROWS),
    "ndjson without the last newline": ndjson(ROWS)[:-1],
    "ndjson with CRLF": ndjson(ROWS).replace(b"\n", b"\r\n"),
    "ndjson with blank lines": ndjson(ROWS).replace(b"\n", b"\n\n \t\r\n"),
    "array on one line": json.dumps(ROWS).encode(),
    "array, indented": json.dumps(ROWS, indent=2).encode(),
    "array, one element a line": b"[\n" + ndjson(ROWS).replace(b"\n", b",\n")[:-2] + b"\n]\n",
    "objects, indented, one after the other": "\n".join(json.dumps(row, indent=1) for row in ROWS).encode(),
}


@pytest.mark.parametrize("size", [1, 7, 65_536])
@pytest.mark.parametrize("shape", SHAPES)
def test_json_in_every_shape_gives_the_same_rows(shape, size):
    data = SHAPES[shape]
    for packed in (data, b"\xef\xbb\xbf" + data, gzip.compress(data), gzip.compress(b"\xef\xbb\xbf" + data)):
        assert rows_of(packed, size=size) == ROWS


def test_utf_16_as_powershell_writes_it():
    assert rows_of(ndjson(ROWS).decode().encode("utf-16")) == ROWS
    assert rows_of(b"\xfe\xff" + ndjson(ROWS).decode().encode("utf-16-be"), size=3) == ROWS


def test_a_single_object_on_one_line_or_many():
    assert rows_of(b'{"a":1}') == [{"a": 1}]
    assert rows_of(b'{\n "a": 1\n}\n') == [{"a": 1}]


@given(st.lists(JSON, max_size=8), st.integers(1, 60))
def test_any_array_is_cut_at_its_elements_wherever_the_pieces_end(values, size):
    assert rows_of(json.dumps(values, ensure_ascii=False).encode(), size=size) == values


@given(st.lists(st.dictionaries(st.text(max_size=5), JSON, max_size=3), max_size=8), st.integers(1, 60))
def test_any_ndjson_is_cut_at_its_lines_wherever_the_pieces_end(values, size):
    data = "\n".join(json.dumps(value) for value in values).encode()
    assert len(rows_of(data, "application/x-ndjson", size=size)) == len(values)


@given(st.binary(max_size=300), st.sampled_from(["", "text/csv", "application/x-ndjson"]), st.integers(1, 50))
def test_any_bytes_give_rows_or_one_clear_error(data, hint, size):
    try:
        rows_of(data, hint, size=size)
    except BrokenFile as broken:
        assert str(broken)


@given(st.binary(max_size=200), st.integers(0, 400), st.integers(1, 50))
def test_a_damaged_archive_gives_rows_or_one_clear_error(noise, at, size):
    for good in (zipped({"a.json": ndjson(ROWS)}), gzip.compress(ndjson(ROWS))):
        try:
            rows = rows_of(good[:at] + noise + good[at + len(noise) :], size=size)
        except BrokenFile as broken:
            assert str(broken)
        else:
            assert len(rows) <= 500


def test_rows_that_cannot_be_read_keep_their_place():
    assert rows_of(b'{"a":1}\nnot json\n{"b":2\n{"c":3}\n') == [{"a": 1}, None, None, {"c": 3}]
    assert rows_of(b'damaged}\n{"a":1}\n') == [None, {"a": 1}]


def test_places_are_lines_blank_ones_included():
    reader = FileReader(LIMITS, lambda header: "text")
    batches = list(reader.batches([b'{"a":1}\n\n\n{"b":2}\n'], "", iter))
    assert [place for batch in batches for place in batch.places] == [1, 4]


@pytest.mark.parametrize("size", [100, 4096, 65_536])
@pytest.mark.parametrize("wrap", [b"%b\n", b"[%b,{}]", b'x,y\n1,"%b"\n'])
def test_a_row_that_is_too_long_is_one_unreadable_row(wrap, size):
    long = wrap % (b'{"a":"' + b"x" * 2_000_000 + b'"}')
    rows = rows_of(long, "text/csv" if wrap[:1] == b"x" else "", size=size)
    assert rows[0] is None
    assert rows[1:] in ([], [{}])


def test_what_was_read_before_the_damage_is_given():
    packed = gzip.compress(ndjson({"n": n, "random": hash((n, "x"))} for n in range(50_000)))
    reader = FileReader(LIMITS, lambda header: "text")
    read_rows = 0
    with pytest.raises(BrokenFile, match="ends in the middle"):
        for batch in reader.batches(pieces_of(packed[: len(packed) // 2]), "", iter):
            read_rows += len(batch.rows)
    assert 10_000 < read_rows < 50_000


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (gzip.compress(b'{"a":1}\n')[:-9], "gzip data ends in the middle"),
        (gzip.compress(b'{"a":1}\n') + b"garbage", "gzip data is damaged"),
        (gzip.compress(ndjson(ROWS))[:40] + b"\0" * 40, "gzip data is damaged"),
        (gzip.compress(gzip.compress(b"{}")), "archive inside a gzip"),
        (gzip.compress(zipped({"a": b"{}"})), "archive inside a gzip"),
        (b'[{"a":1},{"b":', "ends in the middle"),
        (b"\x00\x01\x02\xff" * 100, "none of zip, gzip"),
        (b"\x7fELF\x02\x01\x01" + b"\0" * 50, "none of zip, gzip"),
        (zipped({"a.json": ndjson(ROWS)})[:-30], "cut off"),
        (zipped({"a.json": ndjson(ROWS)})[:100], "cut off"),
        (zipped({"a.zip": zipped({"b.json": b"{}"})}), "zip inside a zip"),
        (zipped({"../../etc/passwd": b"{}"}), "outside of the zip"),
        (zipped({"/etc/passwd": b"{}"}), "outside of the zip"),
        (zipped({"a/..\\b": b"{}"}), "outside of the zip"),
        (zipped({"C:\\x.json": b"{}"}), "outside of the zip"),
        (zipped({f"{n}.json": b"{}" for n in range(21)}), "more than 20 files"),
        (zipped({"a.json": ndjson(ROWS)}, zipfile.ZIP_BZIP2), "another method"),
        (zipped({"a.json": SAME_LINES}), "zip bomb"),
        (gzip.compress(SAME_LINES), "zip bomb"),
        (zipped({"a.json.gz": gzip.compress(SAME_LINES)}, zipfile.ZIP_STORED), "zip bomb"),
    ],
)
def test_a_file_that_cannot_be_read_is_refused_by_name(data, words):
    with pytest.raises(BrokenFile, match=words):
        rows_of(data)


def test_an_encrypted_member_is_refused():
    data = bytearray(zipped({"a.json": b"{}"}))
    struct.pack_into("<H", data, data.index(b"PK\x01\x02") + 8, 1)
    with pytest.raises(BrokenFile, match="encrypted"):
        rows_of(bytes(data))


def test_a_zip_whose_files_overlap_is_refused():
    data = zipped({"a.json": bytes(range(256)) * 40, "b.json": b"{}"}, zipfile.ZIP_STORED)
    second = data.rindex(b"PK\x01\x02")
    forged = bytearray(data)
    struct.pack_into("<LL", forged, second + 20, 10_240, 10_240)
    with pytest.raises(BrokenFile, match="overlap"):
        rows_of(bytes(forged))


def test_a_list_of_files_that_would_fill_the_memory_is_refused_unread():
    data = bytearray(zipped({"a.json": b"{}"}))
    struct.pack_into("<L", data, data.index(b"PK\x05\x06") + 12, 500_000_000)
    with pytest.raises(BrokenFile, match="more than 20 files"):
        rows_of(bytes(data))


def test_a_file_over_the_limit_ends_where_the_limit_is():
    small = Limits(line_bytes=1000, file_bytes=5000, zip_members=5, ratio=1000)
    for data in (ndjson(ROWS * 10), gzip.compress(ndjson(ROWS * 10)), zipped({"a": ndjson(ROWS * 10)})):
        with pytest.raises(BrokenFile, match="DRENGR_MAX_FILE_BYTES"):
            rows_of(data, limits=small, size=512)


def test_every_file_of_a_zip_is_read_and_litter_is_not():
    members = {
        "1/": b"",
        "1/a.json.gz": gzip.compress(ndjson(ROWS[:20])),
        "1/b.json": json.dumps(ROWS[20:30]).encode(),
        "1/c.jsonl": ndjson(ROWS[30:]),
        "1/empty.json": b"",
        "__MACOSX/._a": b"\0\1\2",
        ".DS_Store": b"\0\1\2",
    }
    assert read(zipped(members)) == (ROWS, 4)
    assert read(zipped({}))[0] == []


def test_gzip_members_one_after_the_other_and_padding():
    half = len(SHAPES["ndjson"]) // 2
    data = gzip.compress(SHAPES["ndjson"][:half]) + gzip.compress(b"") + gzip.compress(SHAPES["ndjson"][half:])
    for size in (1, 10, 65_536):
        assert rows_of(data, size=size) == ROWS
        assert rows_of(data + b"\0" * 600, size=size) == ROWS


@pytest.mark.parametrize("skip", [0, 1, 49, 50, 51, 99, 100, 200])
def test_rows_to_be_skipped_are_counted_over_all_files(skip):
    data = zipped({"a.json": json.dumps(ROWS).encode(), "b.json.gz": gzip.compress(ndjson(ROWS))})
    assert rows_of(data, skip=skip, size=100) == (ROWS + ROWS)[skip:]


KINDS = {"p": "json", "p.n": "property", "p.s": "property", "p.x": "property"}


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("event,p.n\na,1\n", [{"event": "a", "p": {"n": 1}}]),
        ("event,p.n\r\na,1e3\r\n", [{"event": "a", "p": {"n": 1000.0}}]),
        ("event,p.n\na,1e999\n", [{"event": "a", "p": {"n": float("inf")}}]),
        ("event,p.n\na,9223372036854775807\n", [{"event": "a", "p": {"n": 2**63 - 1}}]),
        ("event,p.n\na,007\n", [{"event": "a", "p": {"n": "007"}}]),
        ("event,p.n\na,NaN\n", [{"event": "a", "p": {"n": "NaN"}}]),
        ("event,p.n\n1.5,-0.5\n", [{"event": "1.5", "p": {"n": -0.5}}]),
        ("event,p.n\na,\n,1\n", [{"event": "a"}, {"p": {"n": 1}}]),
        ("event,p\na,\"{\"\"n\"\":1,\"\"l\"\":[2]}\"\n", [{"event": "a", "p": {"n": 1, "l": [2]}}]),
        ("event,p,p.x\na,\"{\"\"n\"\":1}\",2\n", [{"event": "a", "p": {"n": 1, "x": 2}}]),
        ("event,p.x,p\na,2,\"{\"\"n\"\":1,\"\"x\"\":9}\"\n", [{"event": "a", "p": {"n": 1, "x": 2}}]),
        ("event,p,p.x\na,text,2\n", [{"event": "a", "p": "text", "p.x": 2}]),
        ("event,p\na,{broken\n", [{"event": "a", "p": "{broken"}]),
        ('event,note\n"two\nlines","a, ""b"""\n', [{"event": "two\nlines", "note": 'a, "b"'}]),
        ("event,x\n\na,1\n,\n \nb,2\n", [{"event": "a", "x": "1"}, {"event": "b", "x": "2"}]),
        ("event,x\na,1,extra,cells\nb\nc,1,,\n", [None, {"event": "b"}, {"event": "c", "x": "1"}]),
        ("event,,x\na,gone,1\n", [{"event": "a", "x": "1"}]),
        ("event,x\na\0b,1\n", [{"event": "ab", "x": "1"}]),
        (" event , x\na,1\n", [{"event": "a", "x": "1"}]),
        ("event,x\n", []),
        ("event,p.n\na,99999999999999999999\n", [{"event": "a", "p": {"n": "99999999999999999999"}}]),
    ],
)  # fmt: skip
def test_a_record_of_a_csv_is_a_row(text, rows):
    for data in (text.encode(), b"\xef\xbb\xbf" + text.encode()):
        for size in (1, 65_536):
            assert rows_of(data, "text/csv", size=size, kind=lambda header: KINDS.get(header, "text")) == rows


def test_csv_is_told_by_its_first_line_and_by_its_name():
    assert rows_of(b"a,b\n1,2\n") == [{"a": "1", "b": "2"}]
    assert rows_of(b"a\n1\n", "x/y.CSV.gz") == [{"a": "1"}]
    assert rows_of(zipped({"x.csv": b"a\n1\n"})) == [{"a": "1"}]


def test_a_quote_that_is_never_closed_costs_rows_not_memory():
    rows = rows_of(b'a,b\n1,"open\n' + b"x,y\n" * 10_000, "text/csv")
    assert None in rows
