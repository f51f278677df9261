"""Every road to an error of every door ends in that door's own shape: contract 4, 5, 6, 7."""

import json

import pytest

from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

USER = "00000000-0000-4000-8000-000000000001"
POST, GET = "POST", "GET"
MIB = 1_048_576


def admin_code(answer) -> str:
    """The admin door's word; fails when the answer has another shape."""
    assert set(answer.json) == {"error"}
    assert {"code", "message"} <= set(answer.json["error"]) <= {"code", "message", "details"}
    assert isinstance(answer.json["error"]["message"], str) and answer.json["error"]["message"]
    return answer.json["error"]["code"]


def plain_code(answer) -> int:
    """`code` of the other doors; fails when the answer has another shape."""
    assert {"code", "error"} <= set(answer.json) <= {"code", "error", "missing_field", "throttled_events", "status"}
    assert isinstance(answer.json["error"], str) and answer.json["error"]
    assert type(answer.json["code"]) is int
    return answer.json["code"]


# method, path ({} is the project's id), body or JSON, key, status
PLAIN = {
    "no door": (GET, "/", None, None, 404),
    "no door, posted": (POST, "/nothing/here", {}, None, 404),
    "admin alone is no door": (GET, "/admin", None, None, 404),
    "acceptor: below": (POST, "/batch/x", {}, None, 404),
    "acceptor: method": ("PUT", "/batch", {}, None, 405),
    "acceptor: no JSON": (POST, "/batch", b"{", None, 400),
    "acceptor: key": (POST, "/batch", {"api_key": "x", "events": []}, None, 400),
    "acceptor: events": (POST, "/batch", {"api_key": "PK"}, None, 400),
    "acceptor: bytes": (POST, "/batch", b" " * (MIB + 1), None, 413),
    "acceptor: count": (POST, "/batch", {"api_key": "PK", "events": [1] * 2001}, None, 413),
    "importer: method": (GET, "/import-events", None, "secret", 405),
    "importer: below": (POST, "/import-events/x", {}, "secret", 404),
    "importer: no key": (POST, "/import-events", {}, None, 401),
    "importer: publishable key": (POST, "/import-events", {}, "publishable", 401),
    "importer: no JSON": (POST, "/import-events", b"{", "secret", 400),
    "importer: an array": (POST, "/import-events", [], "secret", 400),
    "importer: source": (POST, "/import-events", {"source": "Amplitude", "events": []}, "secret", 400),
    "importer: events": (POST, "/import-events", {"source": "ga4", "events": {}}, "secret", 400),
    "importer: mapping": (POST, "/import-events", {"source": "generic", "events": []}, "secret", 400),
    "importer: count": (POST, "/import-events", {"source": "ga4", "events": [1] * 1001}, "secret", 413),
    "importer: bytes": (POST, "/import-events", b" " * (5 * MIB + 1), "secret", 413),
    "importer: file of an unknown source": (POST, "/import-events?source=x", b"", "secret", 400),
    "importer: file with a bad mapping": (POST, "/import-events?source=generic&mapping=%7B", b"", "secret", 400),
    "healthz: method": (POST, "/healthz", {}, None, 405),
    "openapi: method": (POST, "/openapi.json", {}, None, 405),
}


@pytest.mark.parametrize(("method", "path", "body", "key", "status"), PLAIN.values(), ids=PLAIN)
def test_an_error_is_an_object_with_code_and_error(door, method, path, body, key, status):
    answer = ask(door, method, path, body, key)
    assert (answer.status_code, plain_code(answer), answer.mimetype) == (status, status, "application/json")


SLOT = {"app_user_id": USER, "event_name": "e"}
EVENTS = "/admin/projects/{}/events"
ADMIN = {
    "below": (GET, "/admin/nothing", None, "secret", 404, "NOT_FOUND"),
    "below a project": (GET, "/admin/projects/{}/nothing", None, "secret", 404, "NOT_FOUND"),
    "method": ("DELETE", EVENTS, None, "secret", 405, "METHOD_NOT_ALLOWED"),
    "method of count": (POST, EVENTS + "/count", {}, "secret", 405, "METHOD_NOT_ALLOWED"),
    "no key": (GET, EVENTS, None, None, 401, "UNAUTHORIZED"),
    "publishable key": (GET, EVENTS, None, "publishable", 401, "UNAUTHORIZED"),
    "project": (GET, f"/admin/projects/{USER}/events", None, "secret", 403, "PROJECT_FORBIDDEN"),
    "since": (GET, EVENTS + "?since=x", None, "secret", 400, "INVALID_SINCE"),
    "until": (GET, EVENTS + "?until=x", None, "secret", 400, "INVALID_UNTIL"),
    "limit": (GET, EVENTS + "?limit=0", None, "secret", 400, "INVALID_LIMIT"),
    "cursor": (GET, EVENTS + "?cursor=x", None, "secret", 400, "INVALID_CURSOR"),
    "user_id": (GET, EVENTS + "?user_id=x", None, "secret", 400, "INVALID_FILTER"),
    "count: no since": (GET, EVENTS + "/count", None, "secret", 400, "MISSING_SINCE"),
    "count: since": (GET, EVENTS + "/count?since=x", None, "secret", 400, "INVALID_SINCE"),
    "count: until": (GET, EVENTS + "/count?since=2026-11-01&until=x", None, "secret", 400, "INVALID_UNTIL"),
    "count: range": (
        GET, EVENTS + "/count?since=2026-11-02&until=2026-11-01", None, "secret", 400, "INVALID_RANGE",
    ),
    "count: 90 days": (GET, EVENTS + "/count?since=2020-01-01", None, "secret", 400, "RANGE_TOO_LARGE"),
    "count: group_by": (
        GET, EVENTS + "/count?since=2026-11-01&group_by=x", None, "secret", 400, "INVALID_GROUP_BY",
    ),
    "post: no JSON": (POST, EVENTS, b"{", "secret", 400, "INVALID_JSON"),
    "post: NaN": (POST, EVENTS, b'{"a": NaN}', "secret", 400, "INVALID_JSON"),
    "post: slot": (POST, EVENTS, [5], "secret", 400, "INVALID_EVENT"),
    "post: user": (POST, EVENTS, {"event_name": "e"}, "secret", 400, "INVALID_APP_USER_ID"),
    "post: name": (POST, EVENTS, {"app_user_id": USER}, "secret", 400, "INVALID_EVENT_NAME"),
    "post: time": (POST, EVENTS, SLOT | {"occurred_at": "x"}, "secret", 400, "INVALID_OCCURRED_AT"),
    "post: id": (POST, EVENTS, SLOT | {"event_id": ""}, "secret", 400, "INVALID_EVENT_ID"),
    "post: count": (POST, EVENTS, [SLOT] * 501, "secret", 413, "BATCH_TOO_LARGE"),
    "post: bytes": (POST, EVENTS, b" " * (5 * MIB + 1), "secret", 413, "BATCH_TOO_LARGE"),
}  # fmt: skip


@pytest.mark.parametrize("prefix", ["", "/v1"])
@pytest.mark.parametrize(("method", "path", "body", "key", "status", "code"), ADMIN.values(), ids=ADMIN)
def test_an_error_of_the_admin_door_is_an_object_with_one_error(door, prefix, method, path, body, key, status, code):
    answer = ask(door, method, prefix + path, body, key)
    assert (answer.status_code, admin_code(answer), answer.mimetype) == (status, code, "application/json")


def ask(door, method: str, path: str, body: object, key: str | None):
    keys = {"secret": door.secret_key, "publishable": door.publishable_key}
    headers = {"Authorization": f"Bearer {keys[key]}"} if key else {}
    sent = (
        body
        if isinstance(body, bytes) or body is None
        else json.dumps(body).replace('"PK"', f'"{door.publishable_key}"')
    )
    return door.client.open(path.format(door.project_id), method=method, data=sent, headers=headers)


# --- faults of the file and of the code -------------------------------------------------------------------------------


def every_door(client, tenant) -> dict[str, object]:
    """One good request to each door."""
    row = {"event_type": "old", "event_time": "2026-11-01T00:00:00Z", "user_id": "u"}
    events = f"/admin/projects/{tenant.project_id}/events"
    return {
        "acceptor": lambda: client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event())),
        "importer": lambda: client.post(
            "/import-events", json={"source": "amplitude", "events": [row]}, headers=tenant.bearer
        ),
        "list": lambda: client.get(events, headers=tenant.bearer),
        "count": lambda: client.get(events + "/count?since=2026-11-01", headers=tenant.bearer),
        "post": lambda: client.post(events, json=SLOT, headers=tenant.bearer),
    }


def test_a_database_that_went_away_is_an_error_in_every_doors_shape(client, tenant, store):
    doors = every_door(client, tenant)
    for table in ("semantic_events", "day_totals", "hour_totals"):
        store.commits.run(lambda connection, table=table: connection.execute(f"ALTER TABLE {table} RENAME TO x{table}"))
    assert {name: (answer := ask().status_code) and answer for name, ask in doors.items()} == {
        "acceptor": 503, "importer": 503, "list": 500, "count": 500, "post": 500,
    }  # fmt: skip
    assert [plain_code(doors[name]()) for name in ("acceptor", "importer")] == [503, 503]
    codes = [admin_code(doors[name]()) for name in ("list", "count", "post")]
    assert codes == ["LIST_FAILED", "COUNT_FAILED", "TRACK_FAILED"]


@pytest.mark.parametrize("name", ["acceptor", "importer", "list", "count", "post"])
def test_a_fault_of_the_code_is_a_500_that_tells_nothing(client, tenant, app, monkeypatch, name):
    ask = every_door(client, tenant)[name]
    for endpoint, view in list(app.view_functions.items()):
        if not endpoint.startswith("static"):
            monkeypatch.setitem(app.view_functions, endpoint, broken(view))
    answer = ask()
    assert answer.status_code == 500 and "secret detail" not in answer.text
    assert admin_code(answer) if name in ("list", "count", "post") else plain_code(answer) == 500


def broken(view):
    def fail(*_args, **_kwargs):
        raise RuntimeError("secret detail")

    return fail


def test_without_a_place_to_work_every_door_is_a_503(client, tenant, app):
    gate = app.extensions["drengr"].gate
    places = [gate.at_work() for _ in range(16)]
    for place in places:
        place.__enter__()
    doors = every_door(client, tenant)
    assert [plain_code(doors[name]()) for name in ("acceptor", "importer")] == [503, 503]
    for place in places:
        place.__exit__(None, None, None)
    assert doors["list"]().status_code == 200
