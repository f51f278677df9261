"""Why none of the rows sent is an event: one sentence for whoever sent them (contract 5, nothing fails in silence).

Fields are named, values never are.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice

from drengr.events.event import Context
from drengr.events.jsontext import clean_text
from drengr.events.times import UNITS
from drengr.sources import READERS, amplitude_http, drengr, generic, read_batch
from drengr.sources.bags import decoded

SAMPLE = 100  # rows that are looked at

_DEEPEST = 3  # levels below a row where its fields, or rows, are looked for
_MOST_FIELDS = 1000  # of a row
_LOOKED_AT = 5  # rows, for fields under other names
_SHOWN_FIELDS = 20
_SHOWN_FIELD = 64  # characters
_ERROR_FIELDS = {"error", "errors", "error_message", "errorMessage", "message", "detail", "details", "title"}

Row = dict[str, object]


def guess_cause(rows: Sequence[object], context: Context) -> str | None:
    """Why none of the rows is an event, and what to do about it; None when nothing is known.

    rows  the first of an upload whose rows were all skipped

    >>> from drengr.events.properties import SensitiveKeys
    >>> page = {"next": None, "results": [{"event": "a", "distinct_id": "d", "timestamp": "2026-06-01"}]}
    >>> guess_cause([page], Context("posthog", 1_800_000_000_000, SensitiveKeys()))
    "the rows lie under `results`: send those alone, for example what jq -c '.results[]' FILE prints"
    """
    objects = [row for row in rows[:SAMPLE] if isinstance(row, dict)]
    if not objects:
        return _packed(rows[:SAMPLE], context)
    looks = (_nothing, _cells, _other_source, _other_unit, _page, _error_answer, _renamed, _missing_fields)
    return next((cause for look in looks if (cause := look(objects, context))), None)


def _source_of(rows: Sequence[object], context: Context) -> str | None:
    """The source by which more than half of the rows are events: the one asked for if it is, else another."""
    others = (name for name in READERS if name not in (context.source, generic.SOURCE))
    for source in (context.source, *others):
        found = read_batch(rows, replace(context, source=source))
        if len(found.events) * 2 > len(rows):
            return source
    return None


def _named(source: str, context: Context) -> str:
    """A clause that names the source when it is not the one asked for."""
    return "" if source == context.source else f", and look like source {source}"


# Rows that are no objects ---------------------------------------------------------------------------------------------


def _packed(rows: Sequence[object], context: Context) -> str | None:
    """Each row is an array of rows, or JSON text that holds one."""
    inner = [each for row in rows if isinstance(row, list) for each in row][:SAMPLE]
    if inner and (source := _source_of(inner, context)):
        return f"the rows lie inside arrays{_named(source, context)}: send what jq -c '.[]' FILE prints"
    texts = [decoded(row) for row in rows if isinstance(row, str)]
    if texts and (source := _source_of(texts, context)):
        return f"the rows are JSON text inside JSON{_named(source, context)}: send what jq -c 'fromjson' FILE prints"
    return None


# Objects that are no rows ---------------------------------------------------------------------------------------------


def _nothing(rows: list[Row], context: Context) -> str | None:
    return None if any(rows) else "there is nothing but empty objects, `{}`"


def _cells(rows: list[Row], context: Context) -> str | None:
    """{"f":[{"v":"page_view"},…]}, by itself or in the array `rows` of an answer."""
    found = rows[0].get("rows")
    row = found[0] if isinstance(found, list) and found else rows[0]
    cells = row.get("f") if isinstance(row, dict) and len(row) == 1 else None
    if isinstance(cells, list) and cells and all(isinstance(cell, dict) and cell.keys() == {"v"} for cell in cells):
        return (
            "the rows are cells without names, as BigQuery's REST API answers: send what"
            " bq query --format=json prints, or an export of the table as JSON"
        )
    return None


# Good rows, wrongly named ---------------------------------------------------------------------------------------------


def _other_source(rows: list[Row], context: Context) -> str | None:
    source = _source_of(rows, context)
    if source == amplitude_http.SOURCE:
        return "the rows are events as SDKs send them live, not an export: POST them to /amplitude-ingest"
    if source is None or source == context.source:
        return None
    if source == drengr.SOURCE:
        return "the rows are an export of Drengr itself: import them with the command, drengr import --source drengr"
    return f"the rows are not of source {context.source}; they look like {source}"


def _other_unit(rows: list[Row], context: Context) -> str | None:
    if context.source != generic.SOURCE:
        return None
    for unit in UNITS:
        mapping = context.mapping | {"timestamp_unit": unit}
        if unit != context.mapping["timestamp_unit"] and _source_of(rows, replace(context, mapping=mapping)):
            return f"the times are no {context.mapping['timestamp_unit']}: they fit timestamp_unit `{unit}`"
    return None


# Rows further down ----------------------------------------------------------------------------------------------------


def _page(rows: list[Row], context: Context) -> str | None:
    """An answer of an API: one object around an array of rows."""
    for path, inner in _arrays(rows[0], ()):
        where = _shown(".".join(path))
        if not inner and len(rows) == 1 and len(rows[0]) <= _SHOWN_FIELDS:
            return f"there are no rows: the array under {where} is empty"
        if inner and (source := _source_of(inner[:SAMPLE], context)):
            way = _jq(path) + "[]"
            return (
                f"the rows lie under {where}{_named(source, context)}: send those alone, for example what"
                f" jq -c '{way}' FILE prints"
            )
        if objects := [each for each in inner[:SAMPLE] if isinstance(each, dict)]:
            cause = _renamed(objects, context)
            if cause is not None:
                return f"the rows lie under {where}; there, {cause}"
    return None


def _arrays(value: Row, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], list[object]]]:
    """(keys on the way, array) of the arrays of objects, and of the empty ones, in an object."""
    for key, each in islice(value.items(), _MOST_FIELDS):
        if isinstance(each, list) and (not each or isinstance(each[0], dict)):
            yield (*path, key), each
        elif isinstance(each, dict) and len(path) + 1 < _DEEPEST:
            yield from _arrays(each, (*path, key))


def _renamed(rows: list[Row], context: Context) -> str | None:
    """The fields are there under other names: `EVENT_TYPE`, `*.distinct_id`, everything inside `_airbyte_data`."""
    needed = _needed(context)
    names = max((_other_names(row, needed) for row in rows[:_LOOKED_AT]), key=len)  # Singer's first row is a schema
    wrong = {wanted: found for wanted, found in names.items() if wanted != found}
    if not wrong or not _source_of([_under_other_names(row, names) for row in rows], context):
        return None
    if context.source == generic.SOURCE:
        named, found = _listed(list(wrong)), _listed(list(wrong.values()))
        return f"the mapping names {named}, but the rows have {found}: change the mapping"
    stems = {found.removesuffix(wanted) for wanted, found in wrong.items()}
    if len(stems) == 1 and (stem := stems.pop()).endswith("."):
        key = stem[:-1]
        text = " | fromjson" if any(isinstance(row.get(key), str) for row in rows) else ""
        return (
            f"the fields lie under {_shown(key)} ({_listed(list(wrong.values()))}): take that away from the columns'"
            f" names, or in JSON with jq -c '{_jq(key.split('.'))}{text}' FILE"
        )
    renames = ", ".join(f"{_shown(found)} is not {_shown(wanted)}" for wanted, found in wrong.items())
    return f"the fields have other names than source {context.source} has: {renames}; rename them"


def _other_names(row: Row, needed: Sequence[str]) -> dict[str, str]:
    """wanted field → the field found that is most like it."""
    found: dict[str, str] = {}
    paths = list(_paths(row))
    for wanted in needed:
        alike = [path for path in paths if path == wanted]
        alike = alike or [path for path in paths if path.endswith("." + wanted)]
        alike = alike or [path for path in paths if _folded(path) == _folded(wanted)]
        alike = alike or [path for path in paths if _folded(path).endswith(_folded(wanted.rpartition(".")[2]))]
        if alike:
            found[wanted] = alike[0]
    return found


def _under_other_names(row: Row, names: dict[str, str]) -> Row:
    """A row of the fields that are needed, each where the source looks for it."""
    values = dict(_fields(row))
    made: Row = {}
    for wanted, found in names.items():
        *parents, last = wanted.split(".")
        bag = made
        for parent in parents:
            inner = bag.setdefault(parent, {})
            assert isinstance(inner, dict)
            bag = inner
        bag[last] = values.get(found)
    return made


def _needed(context: Context) -> Sequence[str]:
    """The fields that make an event: name, time, and the ids, of which one is enough."""
    if context.source != generic.SOURCE:
        return list(READERS[context.source].NEEDED)
    names = ("event_name_field", "timestamp_field", "user_id_field", "anon_id_field")
    return list(dict.fromkeys(context.mapping[name] for name in names))


# Something else -------------------------------------------------------------------------------------------------------


def _error_answer(rows: list[Row], context: Context) -> str | None:
    """{"error":"rate limited"}, or a page of HTML that was read as CSV."""
    first = rows[0]
    if any(key.lstrip("\ufeff ").startswith("<") for key in first):
        return "it is a web page, most likely the vendor's error page: ask the vendor for the file again"
    if len(rows) == 1 and len(first) <= 10 and not _ERROR_FIELDS.isdisjoint(first):
        fields = _listed(list(first))
        return f"it looks like the vendor's error answer, not like rows (fields: {fields}): ask for the file again"
    return None


def _missing_fields(rows: list[Row], context: Context) -> str | None:
    """What is needed and in no row, and what is there instead."""
    found = list(dict.fromkeys(path for row in rows for path in _paths(row)))
    needed = _needed(context)
    missing = [field for field in needed if field not in found]
    one_id_is_enough = not set(needed[2:]) <= set(missing)
    if not found or (set(needed[:2]).isdisjoint(missing) and one_id_is_enough):
        return None
    by = "the mapping names" if context.source == generic.SOURCE else f"source {context.source} needs"
    return f"{by} {_listed(missing)}, which no row has; the fields found are {_listed(found)}"


# Fields ---------------------------------------------------------------------------------------------------------------


def _fields(row: Row, stem: str = "", depth: int = 1) -> Iterator[tuple[str, object]]:
    """(dot path, value) of the fields of a row, those of objects inside it too, also when they come as JSON text."""
    for key, value in islice(row.items(), _MOST_FIELDS):
        yield stem + key, value
        inner = decoded(value) if isinstance(value, str) and value[:1] in ("{", '"') else value
        if isinstance(inner, dict) and depth < _DEEPEST:
            yield from _fields(inner, f"{stem}{key}.", depth + 1)


def _paths(row: Row) -> Iterator[str]:
    return (path for path, _ in _fields(row))


def _folded(name: str) -> str:
    """The name without what people change about it: case, and what stands between words."""
    return re.sub("[^a-z0-9]", "", name.lower())


def _jq(path: Sequence[str]) -> str:
    """The path as jq writes it.

    >>> _jq(["data", "events"]), _jq(["*"])
    ('.data.events', '.["*"]')
    """
    steps = [f".{key}" if re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", key) else f'["{key}"]' for key in path]
    return "".join(steps) if steps[0].startswith(".") else "." + "".join(steps)


def _listed(fields: Sequence[str]) -> str:
    more = len(fields) - _SHOWN_FIELDS
    return ", ".join(map(_shown, fields[:_SHOWN_FIELDS])) + (f" and {more} more" if more > 0 else "")


def _shown(field: str) -> str:
    return f"`{clean_text(field[:_SHOWN_FIELD])}`"
