"""The shapes of bodies and answers, as JSON Schema 2020-12 with examples (see openapi.py)."""

from drengr.admin.posted import MAX_SLOTS
from drengr.events.event import MAX_EVENT_ID
from drengr.events.outcomes import CHANGED, DOORS, DROPPED, REFUSED, REMOVED
from drengr.sources import SOURCES

_TEXT = {"type": "string"}
_TEXT_OR_NULL = {"type": ["string", "null"]}
_COUNT = {"type": "integer", "minimum": 0}
_BAG = {"type": "object", "description": "Any JSON"}
_UUID = {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
_INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def _object(required: str, **properties: dict) -> dict:
    """An object; `required` names members, parted by spaces."""
    return {"type": "object", "properties": properties} | ({"required": required.split()} if required else {})


def _closed(required: str, **properties: dict) -> dict:
    return _object(required, **properties) | {"additionalProperties": False}


_AMPLITUDE_EVENT = _object(
    "event_type",
    event_type=_TEXT,
    user_id=_TEXT_OR_NULL,
    device_id=_TEXT_OR_NULL,
    time={"type": "integer", "description": "Epoch milliseconds"},
    insert_id=_TEXT_OR_NULL,
    session_id={"type": ["integer", "string", "null"]},
    event_properties=_BAG,
    user_properties=_BAG,
) | {"examples": [{"event_type": "Order Completed", "user_id": "user_1", "event_properties": {"revenue": 42.5}}]}

_SHOWN_EVENT = _closed(
    "id app_user_id event_name properties occurred_at event_id install_id session_id source received_at",
    id={"type": "string", "pattern": "^[0-9]+$"},
    app_user_id=_TEXT_OR_NULL,
    event_name=_TEXT,
    properties=_BAG,
    occurred_at=_INSTANT,
    event_id=_TEXT_OR_NULL,
    install_id=_TEXT_OR_NULL,
    session_id={"type": ["integer", "string", "null"]},
    source={"enum": ["amplitude_http", *SOURCES, "admin"]},
    received_at=_INSTANT,
)

_POSTED_EVENT = _object(
    "app_user_id event_name",
    app_user_id=_UUID,
    event_name={"type": "string", "minLength": 1, "pattern": r"\S"},
    properties={"type": ["object", "null"], "description": "Kept as posted; default {}"},
    occurred_at={"type": ["string", "null"], "format": "date-time", "description": "Default: now"},
    event_id={"type": ["string", "null"], "minLength": 1, "maxLength": MAX_EVENT_ID, "description": "Dedup key"},
) | {
    "examples": [
        {
            "app_user_id": "00000000-0000-0000-0000-000000000001",
            "event_name": "mission_completed",
            "properties": {"xp": 100},
            "event_id": "partner-evt-001",
        }
    ]
}

_POSTED_ARRAY = {"type": "array", "items": {"$ref": "#/components/schemas/PostedEvent"}, "maxItems": MAX_SLOTS}

def _counts(reasons: tuple[str, ...], *, all_of_them: bool) -> dict:
    counts: dict = {"type": "object", "properties": dict.fromkeys(reasons, _COUNT), "additionalProperties": False}
    return counts | ({"required": list(reasons)} if all_of_them else {})


_LEDGER_DAY = _closed(
    "day door received stored duplicates dropped dropped_by refused refused_by changed removed",
    day={"type": "string", "format": "date"},
    door={"enum": list(DOORS)},
    received=_COUNT,
    stored=_COUNT,
    duplicates=_COUNT,
    dropped=_COUNT,
    dropped_by=_counts(DROPPED, all_of_them=False),
    refused=_COUNT,
    refused_by=_counts(REFUSED, all_of_them=False),
    changed=_counts(CHANGED, all_of_them=True),
    removed=_counts(REMOVED, all_of_them=True),
)
_PROBLEM = _closed(
    "first_at last_at count door reason event_name sdk sdk_version",
    first_at=_INSTANT,
    last_at=_INSTANT,
    count={"type": "integer", "minimum": 1},
    door={"enum": list(DOORS)},
    reason=_TEXT,
    event_name=_TEXT_OR_NULL,
    sdk=_TEXT_OR_NULL,
    sdk_version=_TEXT_OR_NULL,
)

SCHEMAS = {
    "AmplitudeEvent": _AMPLITUDE_EVENT,
    "AmplitudeBatch": _object(
        "api_key events",
        api_key={"type": "string", "description": "A publishable key, drengr_pk_…"},
        events={"type": "array", "items": {"$ref": "#/components/schemas/AmplitudeEvent"}, "maxItems": 2000},
    ),
    "LegacyAmplitudeForm": _object(
        "client e",
        client={"type": "string", "description": "A publishable key"},
        e={"type": "string", "description": "The events as JSON"},
        v=_TEXT,
        upload_time=_TEXT,
    ),
    "Accepted": _closed(
        "code events_ingested payload_size_bytes server_upload_time",
        code={"const": 200},
        events_ingested=_COUNT,
        payload_size_bytes=_COUNT,
        server_upload_time={"type": "integer", "description": "Epoch milliseconds"},
    ),
    "Error": _object(
        "code error",
        code={"type": "integer", "description": "The HTTP status"},
        error=_TEXT,
        missing_field=_TEXT,
        throttled_events={"type": "array", "items": _COUNT},
    ),
    "ImportBatch": _object(
        "source events",
        source={"enum": list(SOURCES)},
        app_package=_TEXT_OR_NULL,
        mapping={"type": ["object", "null"], "description": "generic only", "additionalProperties": _TEXT},
        events={"type": "array", "items": {"type": "object"}, "maxItems": 1000},
    ),
    "ImportCounts": _object(
        "imported skipped errors duplicates",
        imported=_COUNT,
        skipped=_COUNT,
        errors={"type": "array", "items": _TEXT, "maxItems": 10, "examples": [["event 4: missing event name"]]},
        duplicates=_COUNT,
        notes={
            "type": "array",
            "items": _closed("rows note", rows={"type": "integer", "minimum": 1}, note=_TEXT),
            "description": "Of rows that are events: what could not be read of how many",
        },
        meta=_closed("dedup", dedup=_TEXT),
        files={"type": "integer", "minimum": 0, "description": "Whole files only: how many data files were read"},
    ),
    "ImportError": _object("code error", code={"type": "integer"}, error=_TEXT, imported=_COUNT, skipped=_COUNT),
    "Event": _SHOWN_EVENT,
    "EventPage": _closed(
        "data next_cursor",
        data={"type": "array", "items": {"$ref": "#/components/schemas/Event"}, "maxItems": 1000},
        next_cursor={"type": ["string", "null"], "description": "Null on the last page"},
    ),
    "Count": _closed(
        "data",
        data=_closed(
            "total",
            total=_COUNT,
            buckets={
                "type": "array",
                "items": _closed("key count", key=_TEXT, count={"type": "integer", "minimum": 1}),
            },
        ),
    ),
    "Ledger": _closed(
        "data",
        data=_closed(
            "days problems",
            days={"type": "array", "items": _LEDGER_DAY},
            problems={"type": "array", "items": _PROBLEM, "maxItems": 200},
        ),
    ),
    "PostedEvent": _POSTED_EVENT,
    "PostedEvents": {
        "oneOf": [
            {"$ref": "#/components/schemas/PostedEvent"},
            _object("events", events=_POSTED_ARRAY),
            _POSTED_ARRAY,
        ]
    },
    "Tracked": _closed(
        "data", data=_closed("tracked inserted skipped", tracked=_COUNT, inserted=_COUNT, skipped=_COUNT)
    ),
    "AdminError": _closed(
        "error",
        error=_closed(
            "code message", code={"type": "string", "pattern": "^[A-Z_]+$"}, message=_TEXT, details={"type": "object"}
        ),
    ),
    "AmplitudeError": _closed("error", error=_TEXT),
    "Health": _closed("status", status={"const": "ok"}),
}
