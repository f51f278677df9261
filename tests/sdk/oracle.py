"""What the contract makes of one Amplitude event: a second, plain reading of it, sharing no code with the service."""

import hashlib
import json
import math
import re
from typing import Any

SENSITIVE = re.compile("email|phone|name|address|password|token|ssn|card|cvv", re.IGNORECASE)
FIRST_MEASURES = ("revenue", "total", "price", "quantity")
YEAR_2000_MS, DAY_MS = 946_684_800_000, 86_400_000
OLD_NAMES = {"timestamp": "time", "uuid": "insert_id", "version_name": "app_version"}


def expected(event: dict[str, Any], received_at: int) -> dict[str, Any]:
    """The row that contract 3 and 4 want for a JSON event with a type and an id.

    received_at  epoch ms, what occurred_at becomes when the event has no usable time
    event_id is None where the contract wants a random one
    """
    event = {OLD_NAMES.get(k, k): v for k, v in event.items() if v is not None}
    name = re.sub("[^a-z0-9_]+", "_", event["event_type"].lower())[:64]
    time = event.get("time")
    timely = isinstance(time, int) and YEAR_2000_MS <= time <= received_at + DAY_MS
    install_id = event.get("device_id") or event["user_id"]
    dims, measures = dims_and_measures(event, name)
    hashed = hashlib.sha256(f"{install_id}{event['event_type']}{time}".encode()).hexdigest() if timely else None
    return {
        "event_name": name,
        "event_id": event.get("insert_id") or hashed,
        "install_id": install_id,
        "external_id": event.get("user_id"),
        "session_id": None if event.get("session_id") in (None, -1) else str(event["session_id"]),
        "occurred_at": time if timely else received_at,
        "dims": dims,
        "measures": measures,
    }


def dims_and_measures(event: dict[str, Any], name: str) -> tuple[dict[str, str], dict[str, float]]:
    system = {
        "os": " ".join(event[k] for k in ("os_name", "os_version") if event.get(k)),
        "device_model": event.get("device_model") or event.get("device_family"),
        "app_version": event.get("app_version"),
        "_source_event_name": event["event_type"][:256] if event["event_type"] != name else None,
    }
    dims = {k: text(v) for k, v in system.items() if v}
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    for key, value in flat(event):
        key = text(key, 64)
        if value is None or key in dims or key in numbers or key in words:
            continue
        if is_number(value):
            numbers[key] = value
        else:
            words[key] = text(value)
    order = sorted(numbers, key=lambda k: FIRST_MEASURES.index(k) if k in FIRST_MEASURES else 99)
    room = 40 - len(dims)
    return dims | dict(list(words.items())[:room]), {k: numbers[k] for k in order[:20]}


def flat(event: dict[str, Any]) -> list[tuple[str, Any]]:
    """(path, value) pairs one level deep, without sensitive keys."""
    own, of_user = event.get("event_properties") or {}, event.get("user_properties") or {}
    kept = [(key, event[key]) for key in ("revenue", "price", "quantity") if key in event]
    pairs = []
    for key, value in [*own.items(), *(("user." + k, v) for k, v in of_user.items()), *kept]:
        if SENSITIVE.search(key):
            continue
        if isinstance(value, dict):
            pairs += [(f"{key}.{k}", decent(v)) for k, v in value.items() if not SENSITIVE.search(k)]
        else:
            pairs.append((key, decent(value)))
    return pairs


def decent(value: Any) -> Any:
    """The value without sensitive keys at any depth."""
    if isinstance(value, dict):
        return {k: decent(v) for k, v in value.items() if not SENSITIVE.search(k)}
    return [decent(v) for v in value] if isinstance(value, list) else value


def is_number(value: Any) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return abs(value) <= 2**63 - 1 if isinstance(value, int) else math.isfinite(value)


def text(value: Any, limit: int = 256) -> str:
    """As stored: JSON for what is no text, NUL gone, bad code points U+FFFD, cut."""
    if not isinstance(value, str):
        value = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    return re.sub("[\ud800-\udfff]", "\ufffd", value.replace("\0", ""))[:limit]
