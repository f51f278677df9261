"""What is it? The first bytes of a file decide; its name or media type only where they leave it open (contract 5)."""

import re

from drengr.events.jsontext import read_json
from drengr.files.broken import BrokenFile
from drengr.files.foreign import foreign
from drengr.files.json_values import split_rows

HEAD_BYTES = 64 * 1024  # of a file, that are looked at
_FORMATS = {
    "csv": "csv", "tsv": "csv", "text/csv": "csv", "application/csv": "csv", "text/tab-separated-values": "csv",
    "ndjson": "ndjson", "jsonl": "ndjson", "application/x-ndjson": "ndjson", "application/ndjson": "ndjson",
    "application/jsonl": "ndjson", "application/x-jsonlines": "ndjson", "application/json-seq": "ndjson",
}  # fmt: skip
_CONTROL = re.compile(rb"[\x00-\x08\x0e-\x1d\x1f]")
# A header may begin with "[Amplitude] Country".
_ARRAY = re.compile(rb'\[\s*(?:(?![A-Za-z])|null|true|false|NaN|Infinity)|\[[^\n]*?\{\s*"')
_BREAKS = (b"{", b"[", b",")  # a pretty printer breaks its lines behind these
_SEPARATORS = (b",", b";", b"\t")


def kind_of(head: bytes, hint: str) -> str:
    """ "csv", "ndjson" or "values" (an array, or objects that are not one a line).

    hint    file name or media type
    Raises  BrokenFile when it is none of them
    """
    if cause := foreign(head):
        raise BrokenFile(cause)
    text = head.replace(b"\x1e", b" ").lstrip(b" \t\r\n,")
    if text[:1] == b"<":
        raise BrokenFile("it is a web page (HTML or XML), most likely an error page: ask the vendor for the file again")
    lines = [line for line in text.split(b"\n") if line.strip()]
    if _ARRAY.match(text):
        return "ndjson" if _is_damaged_line(lines) else "values"
    if text[:1] == b"{":
        is_whole = len(lines) > 1 or len(head) < HEAD_BYTES
        return "values" if _is_spread_out(lines) or _holds_several(lines[0], is_whole) else "ndjson"
    if len(_CONTROL.findall(head)) * 100 > len(head) + 200:
        raise BrokenFile("it is none of zip, gzip, NDJSON, JSON array or CSV")
    if lines and _is_packed(lines[0]):
        return "ndjson"
    if sum(map(_is_object, lines[1:])) * 2 > len(lines[1:]):
        return "ndjson"  # its first line is damaged
    hinted = _hinted(hint)
    separated = [any(mark in line for mark in _SEPARATORS) for line in lines[:2]]
    if hinted == "ndjson":
        return "csv" if separated == [True, True] else "ndjson"
    return "csv" if hinted or separated[:1] == [True] else "ndjson"


def _hinted(hint: str) -> str | None:
    """The format that a media type or the end of a file's name stands for, if it does.

    >>> _hinted("text/csv; charset=utf-8"), _hinted("a/b.csv.gz"), _hinted("application/zip")
    ('csv', 'csv', None)
    """
    word = hint.partition(";")[0].strip().lower()
    return _FORMATS.get(word) or _FORMATS.get(word.removesuffix(".gz").rpartition(".")[2])


def _is_object(line: bytes) -> bool:
    """Whether the line is JSON of a row; a CSV's first cell may begin as one, and its last end so."""
    line = line.strip(b" \t\r,")
    if line[:1] != b"{" or line[-1:] != b"}":
        return False
    try:
        return bool(read_json(line))
    except ValueError:
        return False


def _is_packed(line: bytes) -> bool:
    """Whether the line is JSON text that holds a row: no columns are called so."""
    if line[:2] != b'"{':
        return False
    try:
        return isinstance(read_json(line), str)
    except ValueError:
        return False


def _is_damaged_line(lines: list[bytes]) -> bool:
    """Whether it is no array that begins here, but a damaged row before lines of whole ones."""
    if len(lines) < 2 or lines[0].rstrip().endswith((b",", b"[", b"]")):
        return False
    second = lines[1].strip()
    return second[:1] == b"{" and second[-1:] == b"}"


def _is_spread_out(lines: list[bytes]) -> bool:
    """Whether objects are written over several lines, as pretty printers do: no line is one by itself."""
    if any(line.strip() == b"{" for line in lines):
        return True
    if len(lines) < 2 or not lines[0].rstrip().endswith(_BREAKS) or lines[1].lstrip()[:1] == b"{":
        return False
    try:
        read_json(lines[0].strip(b" \t\r,"))
    except ValueError:
        return True
    return False


def _holds_several(line: bytes, is_whole: bool) -> bool:
    """Whether objects follow each other without a line end (Firehose, `curl -d @file`), or one may be very long."""
    parts = split_rows(line.decode("utf-8", "replace"), frozenset())
    return not is_whole or (parts[0].is_row and sum(part.is_row for part in parts) > 1)
