"""Good rows of every vendor; a test says only what is different about its own."""

from itertools import count

from tests.conftest import NOW_MS

_numbers = count(1)


def amplitude_event(**over) -> dict:
    """One event as @amplitude/analytics-node sends it; a key set to `...` is left out."""
    return _without_gaps(
        {
            "event_type": "Order Completed",
            "user_id": "user_1",
            "device_id": "8f6f2b34-1111-4222-8333-123456789012",
            "time": NOW_MS - 60_000,
            "insert_id": f"00000000-0000-4000-8000-{next(_numbers):012d}",
            "session_id": NOW_MS - 120_000,
            "event_properties": {"plan": "pro", "revenue": 42.5},
        }
        | over
    )


def envelope(key: str, *events: object, **over) -> dict:
    """The body of a request to the acceptor."""
    return {"api_key": key, "events": list(events)} | over


def _without_gaps(row: dict) -> dict:
    return {key: value for key, value in row.items() if value is not ...}
