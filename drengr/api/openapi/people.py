"""The admin API's questions about people and names (contract 8)."""

from drengr.admin.questions import DEFAULT_LIMIT, MAX_LIMIT
from drengr.api.openapi.words import PROJECT_ID, SECRET, TIME, admin_errors, answer, below_projects, named, query
from drengr.api.people import fault_of
from drengr.people.asked import (
    DEFAULT_WITHIN_DAYS,
    MAX_DAYS,
    MAX_STEPS,
    MIN_BEGINNING,
    MIN_STEPS,
    PERIODS,
)

_TEXT = {"type": "string"}
_AT_MOST = f"Larger than {MAX_LIMIT} counts as {MAX_LIMIT}"
_LIMIT = query("limit", {"type": "integer", "minimum": 1, "default": DEFAULT_LIMIT}, _AT_MOST)
_CURSOR = query("cursor", _TEXT, "The next_cursor of an earlier page")
_WINDOW = [
    query("since", TIME, "Inclusive", required=True),
    query("until", TIME, f"Inclusive, a date is its whole day; default: now. At most {MAX_DAYS} days after since"),
]
_WHO = [
    query("external_id", _TEXT, "A user's id; or install_id, one of the two"),
    query("install_id", _TEXT, "A device's id: whoever its anonymous events are of"),
]
_NAME = query("event_name", _TEXT, "Exact, as stored")

_WINDOW_CODES = ("MISSING_SINCE", "INVALID_SINCE", "INVALID_UNTIL", "RANGE_TOO_LARGE", "INVALID_RANGE")
_PAGE_CODES = ("INVALID_SINCE", "INVALID_UNTIL", "INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")


def paths() -> dict[str, dict]:
    """The paths, under both prefixes."""
    return {
        f"{base}/{call}": PROJECT_ID | {"get": described(f"{base}/{call}", call)}
        for base in below_projects()
        for call, described in _CALLS.items()
    }


def _call(
    path: str, call: str, verb: str, summary: str, asked: list[dict], schema: str, codes: tuple[str, ...]
) -> dict:
    return {
        "operationId": named(verb, path),
        "summary": summary,
        "security": SECRET,
        "parameters": asked,
        "responses": {"200": answer("The answer", schema), **admin_errors(codes, fault_of(call))},
    }


def _people(path: str, call: str) -> dict:
    asked = [
        query("query", {**_TEXT, "minLength": MIN_BEGINNING}, "The id or its beginning, literally; a UUID in any case"),
        query("since", TIME, "Of last_seen_at, inclusive; default: no bound"),
        query("until", TIME, "Likewise; a date is its whole day"),
        _LIMIT,
        _CURSOR,
    ]
    codes = (*_PAGE_CODES, "INVALID_RANGE")
    return _call(path, call, "listPeople", "Everybody, seen last first", asked, "PeoplePage", codes)


def _one(path: str, call: str) -> dict:
    summary = "One person, and the newest value of each of their user properties"
    return _call(path, call, "showPerson", summary, _WHO, "OnePerson", ("INVALID_FILTER",))


def _events(path: str, call: str) -> dict:
    asked = [
        *_WHO,
        _NAME,
        query("since", TIME, "Inclusive; default: no bound"),
        query("until", TIME, "Likewise; a date is its whole day"),
        _LIMIT,
        _CURSOR,
    ]
    return _call(path, call, "listPersonEvents", "One person's events, newest first", asked, "EventPage", _PAGE_CODES)


def _count(path: str, call: str) -> dict:
    asked = [*_WINDOW, _NAME, query("group_by", {"enum": ["day", "week", "month"]}, "Adds buckets")]
    codes = (*_WINDOW_CODES, "INVALID_GROUP_BY", "INVALID_FILTER")
    return _call(path, call, "countPeople", "How many different people", asked, "PeopleCount", codes)


def _retention(path: str, call: str) -> dict:
    asked = [*_WINDOW, query("period", {"enum": list(PERIODS), "default": PERIODS[0]}, "Of a cohort")]
    codes = (*_WINDOW_CODES, "INVALID_PERIOD", "INVALID_FILTER")
    return _call(path, call, "retention", "Who came back, by when they came first", asked, "Retention", codes)


def _funnel(path: str, call: str) -> dict:
    steps = {"type": "array", "items": {**_TEXT, "minLength": 1}, "minItems": MIN_STEPS, "maxItems": MAX_STEPS}
    within = {"type": "integer", "minimum": 1, "maximum": MAX_DAYS, "default": DEFAULT_WITHIN_DAYS}
    asked = [
        query("step", steps, "An event name, as stored; once for each step", required=True),
        query("within", within, "Days, from the first step to the last"),
        *_WINDOW,
    ]
    codes = (*_WINDOW_CODES, "INVALID_STEP", "INVALID_WITHIN", "INVALID_FILTER")
    return _call(path, call, "funnel", "How many people did one step after the other", asked, "Funnel", codes)


def _names(path: str, call: str) -> dict:
    limit = {"type": "integer", "minimum": 1, "default": MAX_LIMIT}
    asked = [query("query", _TEXT, "The beginning of the name"), query("limit", limit, _AT_MOST), _CURSOR]
    codes = ("INVALID_LIMIT", "INVALID_CURSOR", "INVALID_FILTER")
    return _call(path, call, "listNames", "The event names, the most frequent first", asked, "NamesPage", codes)


def _properties(path: str, call: str) -> dict:
    asked = [_NAME | {"required": True}]
    summary = "What the newest 10,000 events of a name carry"
    codes = ("MISSING_EVENT_NAME", "INVALID_FILTER")
    return _call(path, call, "nameProperties", summary, asked, "NameProperties", codes)


_CALLS = {
    "people": _people,
    "people/one": _one,
    "people/events": _events,
    "people/count": _count,
    "people/retention": _retention,
    "funnel": _funnel,
    "names": _names,
    "names/properties": _properties,
}
