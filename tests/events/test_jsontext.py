"""JSON as clients really write it: contract 3.7."""

import json
import math

import pytest

from drengr.events.jsontext import MAX_DEPTH, LongInteger, clean_text, is_integer, is_measure, read_json

NAN = object()  # stands for NaN, which equals nothing

READS = {
    "strict JSON": (b'{"a": [1, 2.5, true, null, "x"]}', {"a": [1, 2.5, True, None, "x"]}),
    "byte-order mark": (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
    "bare NaN": (b"[NaN]", [NAN]),
    "bare Infinity": (b"[Infinity, -Infinity]", [math.inf, -math.inf]),
    "1e999": (b"[1e999, -1e999]", [math.inf, -math.inf]),
    "1e-999": (b"[1e-999]", [0.0]),
    "lone surrogate, escaped": (rb'["a\ud800b"]', ["a\ufffdb"]),
    "lone low surrogate, escaped": (rb'["\udfff"]', ["\ufffd"]),
    "surrogates the wrong way round": (rb'["\ude00\ud83d"]', ["\ufffd\ufffd"]),
    "a surrogate pair, escaped": (rb'["\ud83d\ude00"]', ["😀"]),
    "a pair beside a lone one": (rb'["\ud83d\ude00\ud83d"]', ["😀\ufffd"]),
    "NUL, escaped": (rb'["a\u0000b"]', ["ab"]),
    "NUL in a key": (rb'{"a\u0000b": 1}', {"ab": 1}),
    "surrogate in a key": (rb'{"a\ud800": 1}', {"a\ufffd": 1}),
    "raw NUL": (b'["a\x00b"]', ["ab"]),
    "raw control characters": (b'["a\x01\nb"]', ["a\x01\nb"]),
    "invalid UTF-8": (b'["a\xff\xfeb"]', ["a\ufffd\ufffdb"]),
    "a character cut in the middle": (b'["\xe2\x82"]', ["\ufffd"]),
    "a surrogate in UTF-8": (b'["\xed\xa0\x80"]', ["\ufffd" * 3]),
    "2^63-1": (b"[9223372036854775807]", [2**63 - 1]),
    "-(2^63-1)": (b"[-9223372036854775807]", [-(2**63) + 1]),
    "2^53+1 is exact": (b"[9007199254740993]", [9007199254740993]),
    "2^63 becomes text": (b"[9223372036854775808]", ["9223372036854775808"]),
    "-2^63 becomes text": (b"[-9223372036854775808]", ["-9223372036854775808"]),
    "2^64 becomes text": (b"[18446744073709551616]", ["18446744073709551616"]),
    "a hundred thousand digits": (b"[" + b"7" * 100_000 + b"]", ["7" * 100_000]),
    "a hundred thousand digits of fraction": (b"[0." + b"1" * 100_000 + b"]", [0.1111111111111111]),
    "digits inside text stay": (b'["' + b"7" * 30 + b'"]', ["7" * 30]),
    "minus zero": (b"[-0, -0.0]", [0, -0.0]),
    "the last of two members": (b'{"a": 1, "a": 2}', {"a": 2}),
    "10,000 keys": (json.dumps({f"k{n}": n for n in range(10_000)}).encode(), {f"k{n}": n for n in range(10_000)}),
    "text alone": (b'"x"', "x"),
    "null": (b"null", None),
}


@pytest.mark.parametrize(("body", "value"), READS.values(), ids=READS)
def test_what_clients_write_is_read(body, value):
    read = read_json(body)
    if value == [NAN]:
        assert len(read) == 1 and math.isnan(read[0])
    else:
        assert read == value


NO_JSON = {
    "nothing": b"",
    "blanks": b" \n",
    "text": b"hello",
    "a form": b"client=x&e=[]",
    "an open object": b'{"a": 1',
    "an open array": b"[1, 2",
    "an open string": b'["a',
    "a comma too many": b"[1,]",
    "two values": b"{} {}",
    "single quotes": b"{'a': 1}",
    "a comment": b"{} // x",
    "undefined": b"undefined",
    "binary": bytes(range(256)),
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a bad escape": rb'["\x41"]',
    "half an escape": rb'["\u12"]',
    "a quarter of a million backslashes": b'"' + b"\\" * 250_001,
    "open brackets thousands deep": b"[" * 100_000,
    "closing brackets": b"]" * 100_000,
    "an open string behind deep brackets": b"[" * 5_000 + b'"' + b"]" * 5_000,
    "a bad value behind deep brackets": b"[" * 5_000 + b"1" + b"]" * 5_000 + b"x",
}


@pytest.mark.parametrize("body", NO_JSON.values(), ids=NO_JSON)
def test_what_is_no_json_is_refused_with_one_kind_of_error(body):
    with pytest.raises(ValueError):
        read_json(body)


def depth_of(value: object) -> int:
    depth = 0
    while isinstance(value, list | dict) and value:
        value = value[0] if isinstance(value, list) else next(iter(value.values()))
        depth += 1
    return depth


@pytest.mark.parametrize("levels", [2_000, 5_000, 100_000])
@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}"), (b'[{"a":', b"}]")], ids=repr)
def test_nesting_thousands_deep_is_cut_and_its_neighbours_stay(levels, opening, closing):
    body = b'[["before"], ' + opening * levels + b"1" + closing * levels + b', {"after": "[[["}]'
    before, deep, after = read_json(body)
    assert (before, after) == (["before"], {"after": "[[["})
    assert MAX_DEPTH - 3 <= depth_of(deep) <= MAX_DEPTH


def test_brackets_inside_text_are_no_nesting():
    inside = '[{"\\' * 5_000
    assert read_json(b"[" * 3_000 + b"1" + b"]" * 3_000 + b" ") is not None
    assert read_json(json.dumps([inside, float("nan")]).encode())[0] == inside


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("a\0b", "ab"),
        ("\0", ""),
        ("\ud800", "\ufffd"),
        ("é\0\udc00", "é\ufffd"),
        ("😀", "😀"),
        ("\x7f\x01", "\x7f\x01"),
    ],
    ids=ascii,
)
def test_clean_text_is_valid_utf8_without_nul(text, clean):
    assert clean_text(text) == clean
    assert clean_text(text).encode() == clean.encode()


@pytest.mark.parametrize(
    ("value", "measure"),
    [
        (1, True), (0, True), (-2.5, True), (2**63 - 1, True), (-(2**63) + 1, True), (1e308, True),
        (2**63, False), (-(2**63), False), (math.nan, False), (math.inf, False), (True, False), (False, False),
        ("1", False), (LongInteger("1" * 30), False), (None, False), ([1], False),
    ],
    ids=repr,
)  # fmt: skip
def test_numbers_are_finite_and_fit_64_bits(value, measure):
    assert is_measure(value) is measure


def test_an_integer_is_no_boolean_and_no_float():
    assert [is_integer(value) for value in (5, True, 5.0, 2**63)] == [True, False, False, False]
