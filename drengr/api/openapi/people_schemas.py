"""The shapes of answers about people and names."""

from drengr.api.openapi.schemas import BAG, COUNT, INSTANT, TEXT, TEXT_OR_NULL, closed, listed, object_
from drengr.people.asked import MAX_STEPS
from drengr.people.results import MOST_DEVICES, SAMPLE_EVENTS
from drengr.people.shown import MOST_VALUES

_SOME = {"type": "integer", "minimum": 1}
_CURSOR = TEXT_OR_NULL | {"description": "Null on the last page"}
_PERSON: dict[str, dict] = {
    "kind": {"enum": ["user", "device"]},
    "id": TEXT,
    "first_seen_at": INSTANT,
    "last_seen_at": INSTANT,
    "events": _SOME,
    "devices": listed(TEXT, MOST_DEVICES),
}
_NUMBER = {"type": "number"}
_DIM = closed(
    "key kind events share values",
    key=TEXT,
    kind={"const": "dim"},
    events=_SOME,
    share={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    values=listed(closed("value count", value=TEXT, count=_SOME), MOST_VALUES),
)
_MEASURE = closed(
    "key kind events share min max mean",
    key=TEXT,
    kind={"const": "measure"},
    events=_SOME,
    share={"type": "number", "exclusiveMinimum": 0, "maximum": 1},
    min=_NUMBER,
    max=_NUMBER,
    mean=_NUMBER,
)
_NAME = closed(
    "event_name label events first_seen_at last_seen_at people",
    event_name=TEXT,
    label=TEXT | {"description": "A spelling as one of its events was sent"},
    events=_SOME,
    first_seen_at=INSTANT,
    last_seen_at=INSTANT,
    people=COUNT | {"description": "Of the 30 UTC days that end today"},
)
_USER = object_("", user_id=TEXT, device_id=TEXT, user_properties=BAG)
_GROUP = object_("group_type group_value", group_type=TEXT, group_value=TEXT, group_properties=BAG)


def _identifications(one: dict, example: dict) -> dict:
    return object_(
        "api_key identification",
        api_key={"type": "string", "description": "A publishable key, drengr_pk_…"},
        identification={"oneOf": [one, {"type": "array", "items": one, "maxItems": 2000}]},
    ) | {"examples": [{"api_key": "drengr_pk_…", "identification": [example]}]}


PEOPLE_SCHEMAS = {
    "PeoplePage": closed(
        "data next_cursor", data=listed(closed(" ".join(_PERSON), **_PERSON), 1000), next_cursor=_CURSOR
    ),
    "OnePerson": closed(
        "data",
        data=closed(
            " ".join((*_PERSON, "properties")),
            **_PERSON,
            properties={"type": "object", "additionalProperties": {"type": ["string", "number"]}},
        ),
    ),
    "PeopleCount": closed(
        "data",
        data=closed(
            "total",
            total=COUNT,
            buckets=listed(
                closed(
                    "key people",
                    key=TEXT | {"description": "2026-11-24, 2026-W48 or 2026-11"},
                    people=_SOME,
                )
            ),
        ),
    ),
    "Retention": closed(
        "data",
        data=listed(
            closed(
                "cohort people returned",
                cohort=TEXT,
                people=_SOME,
                returned=listed(COUNT) | {"description": "In the next period, and in each later one"},
            )
        ),
    ),
    "Funnel": closed(
        "data",
        data=closed("steps", steps=listed(closed("event_name people", event_name=TEXT, people=COUNT), MAX_STEPS)),
    ),
    "NamesPage": closed("data next_cursor", data=listed(_NAME, 1000), next_cursor=_CURSOR),
    "NameProperties": closed(
        "data",
        data=closed(
            "event_name events properties",
            event_name=TEXT,
            events={"type": "integer", "minimum": 1, "maximum": SAMPLE_EVENTS},
            properties=listed({"oneOf": [_DIM, _MEASURE]}),
        ),
    ),
    "UserIdentifications": _identifications(_USER, {"user_id": "user_1", "user_properties": {"$set": {"plan": "pro"}}}),
    "GroupIdentifications": _identifications(
        _GROUP, {"group_type": "org", "group_value": "acme", "group_properties": {"size": 10}}
    ),
    "IdentificationForm": object_(
        "api_key identification",
        api_key={"type": "string", "description": "A publishable key"},
        identification={"type": "string", "description": "The identification, or an array of them, as JSON"},
    ),
    "AmplitudeMatches": closed(
        "matches type",
        matches=listed(closed("user_id amplitude_id", user_id=TEXT_OR_NULL, amplitude_id=_SOME)),
        type={"enum": ["match_user_or_device_id", "nomatch"]},
    ),
    "AmplitudeActivity": closed(
        "userData events",
        userData=object_(
            "user_id canonical_amplitude_id num_events first_used last_used device_ids properties",
            user_id=TEXT_OR_NULL,
            canonical_amplitude_id=_SOME,
            num_events=_SOME,
            first_used={"type": "string", "format": "date"},
            last_used={"type": "string", "format": "date"},
            device_ids=listed(TEXT),
            properties=BAG,
        ),
        events=listed({"type": "object", "description": "As rows of /api/2/export"}),
    ),
}
