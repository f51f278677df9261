"""The shapes of bodies and answers, as JSON Schema 2020-12 with examples."""

from drengr.admin.posted import MAX_SLOTS
from drengr.events.event import MAX_EVENT_ID
from drengr.events.outcomes import CHANGED, DOORS, DROPPED, REFUSED, REMOVED
from drengr.sources import SOURCES, STORED_SOURCES

TEXT = {"type": "string"}
TEXT_OR_NULL = {"type": ["string", "null"]}
COUNT = {"type": "integer", "minimum": 0}
BAG = {"type": "object", "description": "Any JSON"}
_UUID = {"type": "string", "pattern": "^[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}$"}
INSTANT = {"type": "string", "pattern": r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$"}


def object_(required: str, **properties: dict) -> dict:
    """An object; `required` names members, parted by spaces."""
    return {"type": "object", "properties": properties} | ({"required": required.split()} if required else {})


def closed(required: str, **properties: dict) -> dict:
    """The same, with no other members."""
    return object_(required, **properties) | {"additionalProperties": False}


def listed(items: dict, most: int | None = None) -> dict:
    """An array."""
    return {"type": "array", "items": items} | ({"maxItems": most} if most is not None else {})


_AMPLITUDE_EVENT = object_(
    "event_type",
    event_type=TEXT,
    user_id=TEXT_OR_NULL,
    device_id=TEXT_OR_NULL,
    time={"type": "integer", "description": "Epoch milliseconds"},
    insert_id=TEXT_OR_NULL,
    session_id={"type": ["integer", "string", "null"]},
    event_properties=BAG,
    user_properties=BAG,
) | {"examples": [{"event_type": "Order Completed", "user_id": "user_1", "event_properties": {"revenue": 42.5}}]}

_SHOWN_EVENT = closed(
    "id app_user_id event_name properties occurred_at event_id install_id session_id source received_at",
    id={"type": "string", "pattern": "^[0-9]+$"},
    app_user_id=TEXT_OR_NULL,
    event_name=TEXT,
    properties=BAG,
    occurred_at=INSTANT,
    event_id=TEXT_OR_NULL,
    install_id=TEXT_OR_NULL,
    session_id={"type": ["integer", "string", "null"]},
    source={"enum": [*STORED_SOURCES]},
    received_at=INSTANT,
)

_IMPORT = closed(
    "number source app_package file received_at imported skipped duplicates undone_at",
    number={"type": "integer", "minimum": 1},
    source=TEXT,
    app_package=TEXT_OR_NULL,
    file=TEXT_OR_NULL,
    received_at=INSTANT,
    imported=COUNT,
    skipped=COUNT,
    duplicates=COUNT,
    undone_at={"type": ["string", "null"], "pattern": INSTANT["pattern"]},
)

_POSTED_EVENT = object_(
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
    counts: dict = {"type": "object", "properties": dict.fromkeys(reasons, COUNT), "additionalProperties": False}
    return counts | ({"required": list(reasons)} if all_of_them else {})


_LEDGER_DAY = closed(
    "day door received stored duplicates dropped dropped_by refused refused_by changed removed",
    day={"type": "string", "format": "date"},
    door={"enum": list(DOORS)},
    received=COUNT,
    stored=COUNT,
    duplicates=COUNT,
    dropped=COUNT,
    dropped_by=_counts(DROPPED, all_of_them=False),
    refused=COUNT,
    refused_by=_counts(REFUSED, all_of_them=False),
    changed=_counts(CHANGED, all_of_them=True),
    removed=_counts(REMOVED, all_of_them=True),
)
_PROBLEM = closed(
    "first_at last_at count door reason event_name sdk sdk_version",
    first_at=INSTANT,
    last_at=INSTANT,
    count={"type": "integer", "minimum": 1},
    door={"enum": list(DOORS)},
    reason=TEXT,
    event_name=TEXT_OR_NULL,
    sdk=TEXT_OR_NULL,
    sdk_version=TEXT_OR_NULL,
)

SCHEMAS = {
    "AmplitudeEvent": _AMPLITUDE_EVENT,
    "AmplitudeBatch": object_(
        "api_key events",
        api_key={"type": "string", "description": "A publishable key, drengr_pk_…"},
        events={"type": "array", "items": {"$ref": "#/components/schemas/AmplitudeEvent"}, "maxItems": 2000},
    ),
    "LegacyAmplitudeForm": object_(
        "client e",
        client={"type": "string", "description": "A publishable key"},
        e={"type": "string", "description": "The events as JSON"},
        v=TEXT,
        upload_time=TEXT,
    ),
    "Accepted": closed(
        "code events_ingested payload_size_bytes server_upload_time",
        code={"const": 200},
        events_ingested=COUNT,
        payload_size_bytes=COUNT,
        server_upload_time={"type": "integer", "description": "Epoch milliseconds"},
    ),
    "Error": object_(
        "code error",
        code={"type": "integer", "description": "The HTTP status"},
        error=TEXT,
        missing_field=TEXT,
        throttled_events={"type": "array", "items": COUNT},
    ),
    "ImportBatch": object_(
        "source events",
        source={"enum": list(SOURCES)},
        app_package=TEXT_OR_NULL,
        mapping={"type": ["object", "null"], "description": "generic only", "additionalProperties": TEXT},
        events={"type": "array", "items": {"type": "object"}, "maxItems": 1000},
    ),
    "ImportCounts": object_(
        "imported skipped errors duplicates",
        imported=COUNT,
        skipped=COUNT,
        errors={"type": "array", "items": TEXT, "maxItems": 10, "examples": [["event 4: missing event name"]]},
        duplicates=COUNT,
        notes={
            "type": "array",
            "items": closed("rows note", rows={"type": "integer", "minimum": 1}, note=TEXT),
            "description": "Of rows that are events: what could not be read of how many",
        },
        meta=closed("dedup", dedup=TEXT),
        files={"type": "integer", "minimum": 0, "description": "Whole files only: how many data files were read"},
    ),
    "ImportError": object_("code error", code={"type": "integer"}, error=TEXT, imported=COUNT, skipped=COUNT),
    "Event": _SHOWN_EVENT,
    "EventPage": closed(
        "data next_cursor",
        data={"type": "array", "items": {"$ref": "#/components/schemas/Event"}, "maxItems": 1000},
        next_cursor={"type": ["string", "null"], "description": "Null on the last page"},
    ),
    "Count": closed(
        "data",
        data=closed(
            "total",
            total=COUNT,
            buckets={
                "type": "array",
                "items": closed("key count", key=TEXT, count={"type": "integer", "minimum": 1}),
            },
        ),
    ),
    "Ledger": closed(
        "data",
        data=closed(
            "days problems",
            days={"type": "array", "items": _LEDGER_DAY},
            problems={"type": "array", "items": _PROBLEM, "maxItems": 200},
        ),
    ),
    "ImportPage": closed("data next_cursor", data=listed(_IMPORT), next_cursor=TEXT_OR_NULL),
    "PostedEvent": _POSTED_EVENT,
    "PostedEvents": {
        "oneOf": [
            {"$ref": "#/components/schemas/PostedEvent"},
            object_("events", events=_POSTED_ARRAY),
            _POSTED_ARRAY,
        ]
    },
    "Tracked": closed(
        "data", data=closed("tracked inserted skipped", tracked=COUNT, inserted=COUNT, skipped=COUNT)
    ),
    "AdminError": closed(
        "error",
        error=closed(
            "code message", code={"type": "string", "pattern": "^[A-Z_]+$"}, message=TEXT, details={"type": "object"}
        ),
    ),
    "AmplitudeError": closed("error", error=TEXT),
    "Health": closed("status", status={"const": "ok"}),
}
