"""A damaged row costs itself and nothing behind it: CSV, JSON however separated, gzip, zip (contract 5)."""

import gzip
import io
import json
import zipfile
import zlib
from pathlib import Path

import pytest

from drengr.events.event import Unreadable
from drengr.files.broken import BrokenFile
from drengr.files.reader import FileReader, Limits
from drengr.sources import amplitude
from tests.files.test_reader import pieces_of, streamed, zipped

REPORTS = Path(__file__).parents[1] / "data" / "reports"
LIMITS = Limits(line_bytes=1_000_000, file_bytes=50_000_000, zip_members=100, ratio=1000)


def read(data: bytes, hint: str = "", size: int = 65_536, limits: Limits = LIMITS):
    """(good rows, {place: reason} of the others, the error at the end or "")"""
    reader = FileReader(limits, lambda header: amplitude.column_kind(header, {}))
    good, skipped, error = [], {}, ""
    try:
        for rows, places in reader.batches(pieces_of(data, size), hint, lambda pieces: iter([io.BytesIO(data)])):
            for row, place in zip(rows, places, strict=True):
                if isinstance(row, Unreadable):
                    skipped[place] = row.reason
                else:
                    good.append(row)
    except BrokenFile as broken:
        error = str(broken)
    return good, skipped, error


def row(number: int) -> dict:
    return {
        "event_type": "Buy",
        "event_time": f"2025-10-09 08:00:{number % 60:02}",
        "$insert_id": f"k{number}",
        "event_properties": {"n": number, "items": [{"sku": 1}, {"sku": 2}, {"sku": 3}], "note": 'a, "b" {c}'},
    }


ROWS = [row(number) for number in range(40)]
TEXTS = [json.dumps(each) for each in ROWS]
HEADER = "event_type,event_time,device_id,$insert_id,event_properties.note\n"


def csv_line(number: int, note: str = "x") -> str:
    return f"Buy,2025-10-09 08:00:{number % 60:02},D{number},k{number},{note}\n"


def csv_of(notes: dict[int, str], rows: int = 100) -> bytes:
    return (HEADER + "".join(csv_line(number, notes.get(number, "x")) for number in range(rows))).encode()


def numbers(good: list[dict]) -> list[int]:
    return [int(each["$insert_id"][1:]) for each in good]


# The reports ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [1, 100, 65_536])
@pytest.mark.parametrize(
    ("name", "good", "skipped", "error"),
    [
        ("11-open-quote.csv", 99, {3: "a quote that is never closed"}, ""),
        ("13-concatenated.json", 5, {}, ""),
        ("35-mixpanel-terminated.ndjson", 2, {3: "the vendor ended this export early: rows are missing"}, "terminated"),
        ("41-null-markers.csv", 5, {}, ""),
        ("44-csv-more-cells.csv", 0, {2: "text after a closing quote"}, ""),
    ],
)
def test_a_report_is_read_as_its_list_says(name, good, skipped, error, size):
    found = read((REPORTS / name).read_bytes(), name, size)
    assert (len(found[0]), found[1]) == (good, skipped)
    assert error in found[2]
    assert bool(error) == bool(found[2])


# CSV ------------------------------------------------------------------------------------------------------------------

OPEN, GLUED = "a quote that is never closed", "text after a closing quote"


@pytest.mark.parametrize("size", [7, 1000, 65_536])
@pytest.mark.parametrize(
    ("notes", "lost"),
    [
        ({2: '"15 inch'}, {2: OPEN}),
        ({99: '"15 inch'}, {99: OPEN}),
        ({0: '"15 inch'}, {0: OPEN}),
        ({2: '"15 inch', 50: '"17 inch'}, {2: OPEN, 50: OPEN}),
        ({2: '"15 inch', 3: '"17 inch'}, {2: OPEN, 3: OPEN}),
        ({2: '"15 inch', 50: '17 inch"'}, {2: OPEN}),
        ({2: '"15 inch', 3: '17 inch"'}, {2: OPEN}),
        ({2: '"15"inch'}, {2: GLUED}),
        ({2: '"a" b', 3: '"c"d"'}, {2: GLUED, 3: GLUED}),
        ({2: "x,y"}, {2: "more cells than the header: 6 for 5"}),
        ({2: '{"plan":"pro","n":3}'}, {2: GLUED}),
        ({2: '"{\\"plan\\":\\"pro\\"}"'}, {2: GLUED}),
    ],
)
def test_a_damaged_quote_costs_its_row_alone(notes, lost, size):
    good, skipped, error = read(csv_of(notes), "text/csv", size)
    assert skipped == {number + 2: reason for number, reason in lost.items()}
    assert numbers(good) == [number for number in range(100) if number not in lost]
    assert error == ""


@pytest.mark.parametrize("size", [100, 65_536])
@pytest.mark.parametrize("lines", [2, 3, 1000, 20_000])
@pytest.mark.parametrize("line", ["some words", "so, it says", '{""a"": 1,', "", "1,2,3"])
def test_a_quoted_cell_with_line_breaks_of_any_length_is_one_row(line, lines, size):
    note = '"' + "\n".join([line] * lines) + '"'
    good, skipped, error = read(csv_of({1: note}, 4), "text/csv", size)
    assert (numbers(good), skipped, error) == ([0, 1, 2, 3], {}, "")
    assert good[1]["event_properties"]["note"] == note[1:-1].replace('""', '"')


def test_a_quoted_cell_with_line_breaks_in_any_column_is_one_row():
    for column in range(5):
        cells = ["Buy", "2025-10-09 08:00:01", "D1", "k1", "x"]
        cells[column] = f'"{cells[column]}\nand a line\nand more"'
        good, skipped, _ = read((HEADER + csv_line(0) + ",".join(cells) + "\n" + csv_line(2)).encode(), "text/csv", 10)
        assert (len(good), skipped) == (3, {})


def test_a_last_cell_that_breaks_once_in_a_file_where_all_is_quoted_is_one_row():
    lines = [",".join(f'"{cell}"' for cell in csv_line(number, "one\ntwo")[:-1].split(",")) for number in range(4)]
    good, skipped, _ = read((HEADER + "\n".join(lines)).encode(), "text/csv")
    assert (numbers(good), skipped) == ([0, 1, 2, 3], {})


def test_line_ends_of_another_kind_inside_a_record_of_many_lines_are_read():
    for note in ('"a\rb\nc\rd"', '"a\r\rb\nc,d\r,e\nf"', '"a\rb\nc\rd" x\ry'):
        good, skipped, _ = read(csv_of({1: note}, 4), "text/csv")
        assert [number for number in numbers(good) if number != 1] == [0, 2, 3]
        assert len(good) == 4 or skipped


@pytest.mark.parametrize("lines", [['{plan: x, "n": 1}'], ['"', '{""a"": 1}', '"'], ['"', "{}", '"']])
def test_a_line_between_braces_does_not_make_a_csv_json(lines):
    data = "event_properties,event_type,$insert_id\n" + "\n".join(lines) + ",Buy,k0\n,Buy,k1\n"
    assert numbers(read(data.encode(), "")[0])[-1] == 1
    assert "not readable as JSON" not in read(data.encode(), "text/csv")[1].values()


def test_a_quote_that_is_open_past_the_line_limit_costs_its_row_alone():
    limits = Limits(line_bytes=2000, file_bytes=10**7, zip_members=10, ratio=1000)
    good, skipped, _ = read(csv_of({3: '"open', 5_000: '"open'}, 10_000), "text/csv", 1000, limits)
    assert (len(good), skipped) == (9_998, {5: OPEN, 5_002: OPEN})


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_separator_and_line_end_are_told_by_the_header(separator, end):
    text = csv_of({3: '"two\nlines"'}, 10).decode().replace(",", separator).replace("\n", end)
    for hint in ("", "text/csv", "x.csv"):
        good, skipped, _ = read(text.encode(), hint, 9)
        assert (numbers(good), skipped) == (list(range(10)), {})
        assert good[3]["event_properties"]["note"] == f"two{end}lines"


def test_what_stands_for_nothing_is_absent():
    words = ["\\N", "NULL", "null", "None", "nan", "NaN", "Null", "NA", "N/A", "<NA>", "NaT", "(null)", "undefined"]
    lines = [f"Buy,{word},{word},{word}\n" for word in words]
    text = "event_type,user_id,event_time,event_properties.a\n" + "".join(lines)
    good, skipped, _ = read(text.encode(), "text/csv")
    assert skipped == {}
    assert good == [{"event_type": "Buy"}] + [
        {"event_type": "Buy", "event_properties": {"a": word}} for word in words[1:]
    ]


def test_a_bag_that_is_no_json_stays_text_for_a_note():
    text = "event_type,event_properties\nBuy,{'a': 1}\nBuy,\"{\"\"a\"\": 1}\"\n"
    assert [each["event_properties"] for each in read(text.encode(), "text/csv")[0]] == ["{'a': 1}", {"a": 1}]


# JSON -----------------------------------------------------------------------------------------------------------------

SEPARATED = {
    "nothing": "".join(TEXTS),
    "a blank": " ".join(TEXTS),
    "two on a line": "\n".join(a + b for a, b in zip(TEXTS[::2], TEXTS[1::2], strict=True)),
    "a comma at the end of the line": ",\n".join(TEXTS) + ",\n",
    "a comma alone": ",".join(TEXTS),
    "record marks": "".join(f"\x1e{text}\n" for text in TEXTS),
    "record marks without line ends": "".join(f"\x1e{text}" for text in TEXTS),
    "an array": json.dumps(ROWS),
    "an array of a row a line": "[\n" + ",\n".join(TEXTS) + "\n]\n",
    "an array, indented": json.dumps(ROWS, indent=2),
    "arrays one after the other": json.dumps(ROWS[:20]) + "\n" + json.dumps(ROWS[20:]),
    "lines": "\n".join(TEXTS),
    "objects over many lines": "\n".join(json.dumps(each, indent=1) for each in ROWS),
}


@pytest.mark.parametrize("size", [1, 1000, 65_536])
@pytest.mark.parametrize("hint", ["", "text/csv", "x.jsonl", "x.csv.gz", "application/json"])
@pytest.mark.parametrize("separated", SEPARATED)
def test_rows_are_read_whatever_separates_them_and_whatever_they_are_called(separated, hint, size):
    data = SEPARATED[separated].encode()
    assert read(data, hint, size) == (ROWS, {}, "")
    if size > 1:
        assert read(zipped({"a.csv": data, "b.jsonl": gzip.compress(data)}), hint, size) == (ROWS + ROWS, {}, "")


@pytest.mark.parametrize("mark", [";", ";\n", "\0", "\u2028", "\u00a0\n", "\ufeff", "\n\ufeff"])
def test_marks_of_other_writers_between_rows_lose_none(mark):
    assert read(mark.join(TEXTS).encode(), "", 1000) == (ROWS, {}, "")


def test_lines_and_an_array_behind_them_are_read():
    data = "\n".join(TEXTS[:20]) + "\n" + json.dumps(ROWS[20:]) + "\n"
    assert read(data.encode(), "", 1000) == (ROWS, {}, "")


def test_objects_over_many_lines_are_read_behind_one_on_its_own_line():
    data = "\n".join([TEXTS[0], *(json.dumps(each, indent=2) for each in ROWS[1:])])
    assert read(data.encode(), "", 1000) == (ROWS, {}, "")


def test_lines_of_json_text_are_no_csv():
    assert read("\n".join(map(json.dumps, TEXTS)).encode(), "") == (TEXTS, {}, "")


def test_the_line_limit_is_that_of_one_row():
    limits = Limits(line_bytes=500, file_bytes=10**7, zip_members=10, ratio=1000)
    for name in ("nothing", "a comma alone", "an array"):
        assert read(SEPARATED[name].encode(), "", 1000, limits) == (ROWS, {}, "")


DAMAGES = {
    "no quote at the end of a text": lambda text: text.replace('Buy"', "Buy"),
    "no quote at the beginning of a key": lambda text: text.replace('"event_type', "event_type"),
    "no brace at the end": lambda text: text[:-1],
    "no brace at the beginning": lambda text: text[1:],
    "a brace too many": lambda text: text + "}",
    "a brace too many inside": lambda text: text.replace('"note"', '}, "note"', 1),
    "a bracket too many inside": lambda text: text.replace('"note"', '], "note"', 1),
    "a bracket too few inside": lambda text: text.replace("]", "", 1),
    "an opening bracket too many": lambda text: text.replace("[", "[[", 1),
    "cut in the middle": lambda text: text[:60],
    "a comma too many": lambda text: text.replace(":", ":,", 1),
    "other bytes": lambda text: "\x07" * 20,
}


@pytest.mark.parametrize("at", [1, 20, 39])
@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("shape", ["lines", "array", "array of lines", "one after the other"])
def test_one_damaged_row_of_json_is_one_skipped_row(shape, damage, at):
    texts = [DAMAGES[damage](text) if number == at else text for number, text in enumerate(TEXTS)]
    joined = {
        "lines": "\n".join(texts) + "\n",
        "array": "[" + ", ".join(texts) + "]",
        "array of lines": "[\n" + ",\n".join(texts) + "\n]\n",
        "one after the other": "".join(texts),
    }[shape]
    for size in (50, 65_536):
        good, skipped, error = read(joined.encode(), "", size)
        assert numbers(good) == [number for number in range(40) if number != at]
        assert len(skipped) == 1
        assert error == "" or (shape == "one after the other" and at == 39)


@pytest.mark.parametrize("damage", ["cut", "quote", "gap"])
def test_brackets_inside_of_texts_do_not_take_the_next_row_along(damage):
    """Behind a damage what is inside of a text and what is outside change places."""
    rows = [row(number) | {"event_properties": {"note": '}},{ "a": [', "n": number}} for number in range(6)]
    others = [each for each in rows if each is not rows[2]]
    first, second, text, *behind = map(json.dumps, rows)
    for at in range(1, len(text)):
        damaged = {"cut": text[:at], "quote": text[:at] + '"' + text[at:], "gap": text[:at] + text[at + 1 :]}[damage]
        for size in (100, 65_536):
            good, _, error = read(f"[{','.join([first, second, damaged, *behind])}]".encode(), "", size)
            assert [each for each in good if each in others] == others, damaged
            assert error == ""


def test_a_damaged_element_longer_than_the_limit_does_not_end_the_array():
    limits = Limits(line_bytes=2000, file_bytes=10**7, zip_members=10, ratio=1000)
    texts = list(TEXTS)
    texts[5] = texts[5][:-1]
    good, skipped, error = read(("[" + ",".join(texts) + "]").encode(), "", 500, limits)
    assert (numbers(good), len(skipped), error) == ([n for n in range(40) if n != 5], 1, "")


# What the vendor cut short --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "line",
    ["terminated early", '"terminated early"\n', '{"error": "terminated early"}', '{"event": "a", "prterminated early'],
)
def test_an_export_that_ended_early_is_read_and_told(line):
    good, skipped, error = read(("\n".join(TEXTS) + "\n" + line).encode())
    assert good == ROWS
    assert list(skipped.values()) == ["the vendor ended this export early: rows are missing"]
    assert "terminated early" in error


def test_an_event_may_speak_of_what_terminated_early():
    rows = [{"event": "terminated early", "properties": {"why": "terminated early"}}] * 2
    assert read("\n".join(map(json.dumps, rows)).encode()) == (rows, {}, "")


# gzip and zip ---------------------------------------------------------------------------------------------------------

LINES = "".join(text + "\n" for text in TEXTS).encode()


@pytest.mark.parametrize("size", [1, 100, 65_536])
def test_a_damaged_gzip_keeps_every_row_before_the_damage(size):
    packed = gzip.compress(LINES)
    for cut in (20, 100, len(packed) // 2, len(packed) - 9, len(packed) - 4):
        lines = zlib.decompressobj(31).decompress(packed[:cut]).split(b"\n")
        good, skipped, error = read(packed[:cut], "", size)
        assert good == ROWS[: len(good)]
        assert len(good) >= len(lines) - 1
        assert len(good) + len(skipped) == len([line for line in lines if line])
        assert "ends in the middle" in error


@pytest.mark.parametrize("at", [-1, -6])
def test_a_gzip_whose_checksum_is_wrong_keeps_all_rows_and_those_of_the_members_behind(at):
    packed = bytearray(gzip.compress(LINES))
    packed[at] ^= 1
    for data, rows in ((bytes(packed), ROWS), (bytes(packed) + gzip.compress(LINES), ROWS + ROWS)):
        good, skipped, error = read(data)
        assert (good, skipped) == (rows, {})
        assert "checksum is wrong" in error


BAD_MEMBERS = {
    "a gzip header and nothing else": (b"\x1f\x8b\x08\0\0\0\0\0\0\3", "ends in the middle"),
    "a zip": (zipped({"x.json": LINES}), "zip inside a zip"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + bytes(range(32)) * 20, "none of zip, gzip"),
    "half a gzip": (gzip.compress(LINES)[:-20], "ends in the middle"),
    "half an array": (b'[{"a": 1}, {"a"', "ends in the middle"),
}


@pytest.mark.parametrize("bad", BAD_MEMBERS)
def test_a_bad_member_of_a_zip_is_named_and_those_behind_it_are_read(bad):
    data, why = BAD_MEMBERS[bad]
    good, _, error = read(zipped({"a.json": LINES, "bad.json.gz": data, "c.json.gz": gzip.compress(LINES)}))
    assert (good[:40], good[-40:]) == (ROWS, ROWS)
    assert error.startswith("1 of 3 files in the zip cannot be read to the end: 'bad.json.gz': ")
    assert why in error


def test_damaged_encrypted_and_foreign_members_are_named_each():
    data = bytearray(zipped({"a.json": LINES, "b.json": LINES, "c.json": LINES, "d.json": LINES}))
    infos = zipfile.ZipFile(io.BytesIO(data)).infolist()
    data[infos[0].header_offset + 200] ^= 0xFF  # inside the packed data
    data[infos[1].header_offset] = 0  # the mark of its header
    data[bytes(data).rindex(b"PK\x01\x02") + 8] |= 1  # encrypted
    good, _, error = read(bytes(data))
    assert good[-40:] == ROWS
    assert error.startswith("3 of 4 files")
    assert "'a.json': " in error and "'b.json': " in error and "'d.json': it is encrypted" in error


@pytest.mark.parametrize("flip", [1, 128, 255])
def test_no_damaged_byte_of_a_zip_s_list_of_files_loses_a_file_in_silence(flip):
    data = zipped({"a.json": LINES, "b.json": LINES, "c.json": LINES})
    for at in range(data.index(b"PK\x01\x02"), len(data)):
        good, _, error = read(data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :])
        assert good == ROWS * 3 or error


ZIPS = {
    "sizes in front": zipped,
    "sizes behind": streamed,
    "stored": lambda members: zipped(members, zipfile.ZIP_STORED),
}
THREE = {"a.json": LINES, "b.json.gz": gzip.compress(LINES), "c.json": LINES}


@pytest.mark.parametrize("made", ZIPS)
def test_a_zip_that_is_cut_anywhere_keeps_what_is_there(made):
    """A download that broke off has no list of files, which stands at the end."""
    data = ZIPS[made](THREE)
    starts = [info.header_offset for info in zipfile.ZipFile(io.BytesIO(data)).infolist()]
    whole, before = data.index(b"PK\x01\x02"), 0
    for cut in (*starts[1:], starts[2] + 200, whole - 20, whole, whole + 30, len(data) - 10):
        good, skipped, error = read(data[:cut])
        assert good == (ROWS * 3)[: len(good)] and len(skipped) <= 1
        assert len(good) >= 40 * sum(start < cut for start in [*starts[1:], whole]) and len(good) >= before
        assert error.startswith("the zip is cut off: its list of files, which stands at the end, is missing")
        before = len(good)
    assert before == 120


@pytest.mark.parametrize("made", ZIPS)
def test_a_zip_with_a_damaged_list_of_files_is_read_without_it(made):
    data = bytearray(ZIPS[made](THREE))
    data[bytes(data).index(b"PK\x01\x02") + 46 + 6 + 1] ^= 0xFF  # the mark of the second entry
    good, skipped, error = read(bytes(data))
    assert (good, skipped) == (ROWS * 3, {})
    assert error == (
        "the zip is damaged: its list of files cannot be read; 3 whole files were found without it, more may be missing"
    )


def test_in_a_zip_without_its_list_a_damage_costs_its_file_alone():
    for made in (zipped, streamed):
        data = bytearray(made({"a.json": LINES, "b.json": LINES, "c.json": LINES}))
        second = bytes(data).index(b"b.json")
        data[second + 200] ^= 0xFF
        cut = bytes(data)[: bytes(data).index(b"PK\x01\x02")]
        good, _, error = read(cut)
        assert (good[:40], good[-40:]) == (ROWS, ROWS)
        assert "2 whole files were found" in error and "1 of 3 files in the zip cannot be read" in error
        assert "'b.json': " in error


def test_what_looks_like_a_header_inside_a_file_is_none():
    """A zip that is stored in the zip, and text that holds its marks."""
    marks = b'{"event_type": "PK\x07\x08PK\x03\x04"}\n' * 3
    for made in (zipped, streamed, ZIPS["stored"]):
        data = made({"a.json": LINES, "b.zip": ZIPS["stored"]({"x.json": LINES}), "c.json": marks + LINES})
        good, skipped, error = read(data[: data.rindex(b"PK\x01\x02", 0, data.rindex(b"b.zip"))])
        assert len(good) + len(skipped) == 40 + 43
        assert "'b.zip': it is a zip inside a zip" in error


def test_a_zip_without_its_list_is_bounded_work():
    header = zipped({"a": b""})[:31]
    assert "more than 100 files" in read(header * 1_000_000)[2]
    assert "'a': " in read(header + b"PK\x07\x08" * 1_000_000)[2]


def test_a_file_without_a_name_in_a_zip_is_read():
    data = bytearray(zipped({"a": LINES, "b.json": LINES}))
    at = bytes(data).index(b"PK\x01\x02")
    data[at + 28 : at + 34] = b"\0\0\0\0\1\0"  # no name, a comment of one character
    assert read(bytes(data)) == (ROWS * 2, {}, "")


def test_of_very_many_bad_members_the_first_are_named():
    error = read(zipped({f"{number}.gz": b"\x1f\x8b\x08" for number in range(30)}))[2]
    assert error.startswith("30 of 30 files") and error.endswith("; and 20 more")
