"""What is no file of rows, told by its first bytes: one sentence for whoever sent it (contract 5, whole files)."""

import re

from drengr.events.jsontext import read_json

_UNPACK = "it is packed by {0}: unpack it with {0} -d and send what comes out, or pack it by gzip"
_FORMATS = {
    b"\x28\xb5\x2f\xfd": _UNPACK.format("zstd"),
    b"BZh": _UNPACK.format("bzip2"),
    b"\xfd7zXZ\0": _UNPACK.format("xz"),
    b"\x04\x22\x4d\x18": _UNPACK.format("lz4"),
    b"7z\xbc\xaf\x27\x1c": "it is a 7z archive: unpack it and send the files inside, or a zip of them",
    b"Rar!\x1a\x07": "it is a RAR archive: unpack it and send the files inside, or a zip of them",
    b"PAR1": "it is Parquet: write it as NDJSON, for example with DuckDB,"
    " COPY (FROM 'FILE') TO 'rows.ndjson' (FORMAT json), and send that",
    b"Obj\x01": "it is Avro: have the warehouse export JSON or CSV, and send that",
    b"ORC": "it is ORC: have the warehouse export JSON or CSV, and send that",
    b"SQLite format 3\0": "it is a database of SQLite: export its table as CSV or JSON, and send that",
    b"%PDF-": "it is a PDF: export the rows as JSON or CSV, and send that",
    b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1": "it is an old Excel workbook: save it as CSV (UTF-8) and send that",
}
_TAR = slice(257, 262)
_FORM = re.compile(rb"--[^\r\n]{1,70}\r?\nContent-Disposition: *form-data", re.IGNORECASE)
_CALL = re.compile(rb"(?:/\*\*/)?\s*[A-Za-z_$][\w$.]*\s*\(\s*[\[{]")
_EVENT_STREAM = re.compile(rb"(?:data|event|id|retry)?:")
_DATA = re.compile(rb"data: ?[\[{]")
_WORD = re.compile(rb"\w")
_LINES = 10  # that are looked at


def foreign(head: bytes) -> str | None:
    """What the file is and what to do; None for whatever may hold rows.

    head  its first bytes
    """
    for mark, sentence in _FORMATS.items():
        if head.startswith(mark):
            return sentence
    if head[_TAR] == b"ustar":
        return "it is a tar archive: unpack it and send the files inside, or a zip of them"
    text = head.lstrip()
    if _FORM.match(text):  # whatever `-H 'Content-Type: …'` says of it
        return "it is a form (curl -F), which wraps the file: send the file as it is, with curl -T FILE"
    if _CALL.match(text):
        return "it is JSON inside a call (JSONP): send only what stands between its brackets"
    return _behind_something(text)


def _behind_something(text: bytes) -> str | None:
    """Every line has something before its JSON: the date of a log, `data: ` of an event stream."""
    lines = [line.strip() for line in text.split(b"\n")[:_LINES] if line.strip()]
    if any(map(_DATA.match, lines)) and all(map(_EVENT_STREAM.match, lines[:-1])):
        return "it is an event stream: send what stands behind `data: `, as sed -n 's/^data: *//p' FILE prints it"
    whole = lines[:-1] if len(lines) > 2 else lines  # the last may be cut
    if len(whole) > 1 and all(map(_has_prefix, whole)):
        return "each line has something before its JSON, as in a log: send what sed 's/^[^{]*//' FILE prints"
    return None


def _has_prefix(line: bytes) -> bool:
    at = line.find(b"{")
    if not _WORD.search(line, 0, max(at, 0)) or line[:1] in b'[",' or line[-1:] != b"}":
        return False
    try:
        return bool(read_json(line[at:]))
    except ValueError:
        return False
