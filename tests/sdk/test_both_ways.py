"""The same events live from a real SDK and from an export of that period: nothing twice, nothing different."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.request import Request, urlopen

import pytest

from tests.sdk.driving import Run, sent_id
from tests.service import Service

SDKS = ["python", "node", "browser-fetch"]
CARRIED = ("event_id", "event_name", "install_id", "external_id", "session_id", "occurred_at", "dims", "measures")


def exported(event: dict[str, Any]) -> dict[str, Any]:
    """The event as Amplitude's Export API writes it: other names, and time as text without a zone."""
    at = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=event["time"])
    same = ("event_type", "device_id", "user_id", "session_id", "os_name", "os_version", "event_properties")
    return {key: event.get(key) for key in (*same, "user_properties")} | {
        "event_time": f"{at:%Y-%m-%d %H:%M:%S.%f}",
        "$insert_id": sent_id(event),
        "version_name": event.get("app_version"),
        "device_type": event.get("device_model"),
    }


def imported(service: Service, secret_key: str, rows: list[dict[str, Any]]) -> dict[str, Any]:
    body = json.dumps({"source": "amplitude", "events": rows}).encode()
    request = Request(f"{service.url}/import-events", body, {"Authorization": f"Bearer {secret_key}"})
    with urlopen(request, timeout=30) as answer:
        return json.load(answer)


# Live these are kept beside the properties too (DRENGR_KEEP_FIELDS), and an export has no such fields.
KEPT = {"revenue", "price", "quantity"}


def comparable(row: dict[str, Any], own: set[str]) -> dict[str, Any]:
    return row | {"measures": {name: number for name, number in row["measures"].items() if name not in KEPT - own}}


def by_id(service: Service, project: str, run: Run) -> dict[str, dict[str, Any]]:
    rows = service.events(
        "WHERE project = ? AND install_id IN (?, ?)", project, run.user, run.user + "-device"
    )
    own = {sent_id(event): set(event.get("event_properties") or ()) for event in run.delivered}
    return {
        row["event_id"]: comparable({column: row[column] for column in CARRIED}, own[row["event_id"]]) for row in rows
    }


@pytest.fixture(scope="module")
def live_secret_key(service: Service) -> str:
    return service.command("key", "create", "sdk", "--kind", "secret").strip()


@pytest.mark.parametrize("name", SDKS)
def test_an_export_of_what_was_received_live_adds_nothing(
    name: str, run: Callable[[str], Run], service: Service, live_secret_key: str
) -> None:
    rows = [exported(event) for event in run(name).delivered]
    assert len(rows) >= 12
    answer = imported(service, live_secret_key, rows)
    assert (answer["imported"], answer["skipped"], answer["duplicates"]) == (0, 0, len(rows))


@pytest.mark.parametrize("name", SDKS)
def test_an_event_is_the_same_whichever_way_it_came(
    name: str, run: Callable[[str], Run], service: Service, live_secret_key: str
) -> None:
    done = run(name)
    elsewhere = service.project(f"exported-{name}")
    answer = imported(service, elsewhere["secret_key"], [exported(event) for event in done.delivered])
    assert answer["imported"] == len(done.delivered)
    live_project = next(row["project"] for row in service.events("WHERE install_id = ?", done.user + "-device"))
    assert by_id(service, elsewhere["project_id"], done) == by_id(service, live_project, done)
