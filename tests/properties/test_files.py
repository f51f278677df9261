"""JSON, gzip and zip with one damage: every other row is read, and each lost one is counted (contract 5)."""

import gzip
import json
import zlib

from hypothesis import assume, given
from hypothesis import strategies as st

from tests.files.test_damage import Limits, read, row
from tests.files.test_reader import zipped

SIZES = st.sampled_from([1, 7, 100, 65_536])
LIMITS = Limits(line_bytes=100_000, file_bytes=10**7, zip_members=50, ratio=1000)


JSON_ROWS = st.integers(3, 20).map(lambda count: [row(number) for number in range(count)])


def damaged(text: str, data) -> str:
    """The text with one character changed, left out or put in."""
    at = data.draw(st.integers(0, len(text) - 1))
    how = data.draw(st.sampled_from(["out", "in", "other"]))
    character = "" if how == "out" else data.draw(st.sampled_from('"{}[]:,\\x'))
    return text[:at] + character + text[at + (how != "in") :]


def _halves(text: str) -> int:
    """How often a damaged row may be counted more than once: a bracket too many may make two values of it."""
    return int(any(text.count(first) != text.count(last) for first, last in ("{}", "[]")))


@given(JSON_ROWS, st.data(), SIZES)
def test_one_damaged_line_of_json_costs_itself(rows, data, size):
    texts = [json.dumps(each) for each in rows]
    at = data.draw(st.integers(0, len(rows) - 1))
    texts[at] = damaged(texts[at], data)
    good, skipped, error = read("\n".join(texts).encode(), "x.jsonl", size, LIMITS)
    others = [each for number, each in enumerate(rows) if number != at]
    assert error == ""
    assert [each for each in good if each in others] == others
    assert 0 <= len(good) + len(skipped) - len(rows) <= _halves(texts[at])


@given(JSON_ROWS, st.data(), SIZES, st.sampled_from([",", ", ", ",\n"]))
def test_one_damaged_element_of_an_array_costs_itself(rows, data, size, between):
    texts = [json.dumps(each) for each in rows]
    at = data.draw(st.integers(0, len(rows) - 1))
    texts[at] = damaged(texts[at], data)
    good, skipped, error = read(f"[{between.join(texts)}]".encode(), "", size, LIMITS)
    others = [each for number, each in enumerate(rows) if number != at]
    assume(not texts[0].startswith("["))  # an array of an array, and no damage
    assert error == ""
    assert [each for each in good if each in others] == others
    assert 0 <= len(good) + len(skipped) - len(rows) <= _halves(texts[at])


@given(st.integers(1, 400), st.data(), SIZES)
def test_a_gzip_cut_anywhere_keeps_what_can_be_inflated(count, data, size):
    rows = [row(number) for number in range(count)]
    packed = gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode())
    cut = data.draw(st.integers(3, len(packed) - 1))
    plain = zlib.decompressobj(31).decompress(packed[:cut])
    good, skipped, error = read(packed[:cut], "", size, LIMITS)
    assert "ends in the middle" in error
    assert good == rows[: len(good)]
    assert plain.count(b"\n") <= len(good) <= plain.count(b"\n") + 1
    assert len(good) + len(skipped) == len(plain.splitlines())


@given(st.integers(1, 400), st.data(), SIZES)
def test_a_byte_of_a_gzip_that_is_wrong_costs_nothing_before_it(count, data, size):
    rows = [row(number) for number in range(count)]
    packed = bytearray(gzip.compress("".join(json.dumps(each) + "\n" for each in rows).encode()))
    at = data.draw(st.integers(10, len(packed) - 1))
    before = zlib.decompressobj(31).decompress(bytes(packed[: max(10, at - 1)])).count(b"\n")
    packed[at] ^= data.draw(st.integers(1, 255))
    good, _, error = read(bytes(packed), "", size, LIMITS)
    assert error or good == rows  # some bits before a checksum mean nothing
    assert good[:before] == rows[:before]


@given(st.lists(st.sampled_from(["good", "stub", "cut", "noise", "zip"]), min_size=1, max_size=8), SIZES)
def test_every_good_member_of_a_zip_is_read_and_every_other_is_named(kinds, size):
    text = "".join(json.dumps(row(number)) + "\n" for number in range(5)).encode()
    kind_of = {
        "good": gzip.compress(text),
        "stub": gzip.compress(text)[:10],
        "cut": gzip.compress(text)[:18],
        "noise": bytes(range(256)) * 2,
        "zip": zipped({"a": text}),
    }
    data = zipped({f"{number}-{kind}": kind_of[kind] for number, kind in enumerate(kinds)})
    good, _, error = read(data, "", size, LIMITS)
    assert len(good) == 5 * kinds.count("good")
    assert all((f"{number}-{kind}" in error) == (kind != "good") for number, kind in enumerate(kinds))
