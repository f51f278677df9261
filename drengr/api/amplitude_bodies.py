"""What a body at the acceptor holds: JSON, the form of older SDKs, or HTTP API v1 (contract 4). The bytes decide."""

from io import BytesIO
from typing import NamedTuple
from urllib.parse import parse_qs

from flask import request
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser

from drengr.api.incoming import is_json
from drengr.events.jsontext import read_envelope, read_json

_MOST_FIELDS = 100  # of a form
_MOST_FORM_BYTES = 2**20  # as much as a body may have
_EVENT_FIELDS = ("event", "event[]", "events", "events[]")  # of a form; PHP writes [] behind what comes several times
_MOST_TEXTS = 2  # JSON text inside JSON text


class NoEvents(ValueError):
    """The body is nothing that could hold events."""


class Posted(NamedTuple):
    """The key, as sent, and the rows, which may be anything."""

    key: object
    rows: object
    old_names: bool  # the rows' fields are named as older SDKs do


def posted(body: bytes) -> Posted:
    """Key and rows of a body. Raises NoEvents."""
    if is_json(body):
        return _posted_json(body)
    form = _form(body)
    if "e" in form or "client" in form:  # checksum=…&client=KEY&e=[…]&upload_time=…&v=2, as amplitude-js 8 sends it
        return Posted(_first(form, "client"), _json_or_none(_first(form, "e") or ""), True)
    events = [text for name in _EVENT_FIELDS for text in form.get(name, [])]
    if events or "api_key" in form:  # api_key=KEY&event={…}, as PHP, C# and snippets for HTTP API v1 do
        return Posted(_first(form, "api_key"), _rows_of_all(events), False)
    raise NoEvents


def identifications(body: bytes) -> Posted:
    """Key and rows of a body that says what somebody, or a group, is like. Raises NoEvents."""
    if not is_json(body):
        form = _form(body)
        return Posted(_first(form, "api_key"), _rows_of_all(form.get("identification", [])), False)
    try:
        envelope = read_envelope(body)
    except ValueError:
        raise NoEvents from None
    if not isinstance(envelope, dict):
        raise NoEvents
    return Posted(envelope.get("api_key"), _as_rows(envelope.get("identification")), False)


def _posted_json(body: bytes) -> Posted:
    try:
        envelope = read_envelope(body)
    except ValueError:
        raise NoEvents from None
    if not isinstance(envelope, dict):
        raise NoEvents
    if "events" not in envelope and "event" in envelope:
        return Posted(envelope.get("api_key"), _as_rows(envelope["event"]), False)
    return Posted(envelope.get("api_key"), envelope.get("events"), False)


def _rows_of_all(events: list[str]) -> object:
    """The rows of all fields of a form; None when none of them is an event or an array."""
    rows: list[object] = []
    is_none = True
    for event in events:
        some = _as_rows(event)
        is_none = is_none and not isinstance(some, list)
        rows += some if isinstance(some, list) else [some]  # one that is damaged is a row that is none
    return None if is_none else rows


def _as_rows(event: object) -> object:
    """HTTP API v1 takes one event or an array of them, some clients write them as text inside JSON."""
    event = _without_texts(event)
    if isinstance(event, list):
        return [_without_texts(each) if isinstance(each, str) else each for each in event]
    return [event] if isinstance(event, dict) else event


def _without_texts(event: object) -> object:
    for _ in range(_MOST_TEXTS):
        if isinstance(event, str):
            event = _json_or_none(event)
    return event


def _json_or_none(text: str) -> object:
    try:
        return read_json(text.encode("utf-8", "surrogatepass"))
    except ValueError:
        return None


def _form(body: bytes) -> dict[str, list[str]]:
    return _multipart(body) if request.mimetype == "multipart/form-data" else _urlencoded(body)


def _first(form: dict[str, list[str]], name: str) -> str | None:
    return form.get(name, [None])[0]


def _urlencoded(body: bytes) -> dict[str, list[str]]:
    try:
        return parse_qs(body.decode("utf-8", "replace"), keep_blank_values=True, max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise NoEvents from None


def _multipart(body: bytes) -> dict[str, list[str]]:
    """The fields of a form as `curl -F` posts it, those with a file name too."""
    parser = FormDataParser(
        stream_factory=lambda *_, **__: BytesIO(),  # nothing is written to a file, whatever its size
        max_form_memory_size=_MOST_FORM_BYTES,
        max_form_parts=_MOST_FIELDS,
    )
    try:
        _, form, files = parser.parse(BytesIO(body), request.mimetype, len(body), request.mimetype_params)
    except RequestEntityTooLarge:
        raise NoEvents from None
    texts = {name: [file.read().decode("utf-8", "replace") for file in files.getlist(name)] for name in files}
    return texts | form.to_dict(flat=False)
