"""The admin door as tests use it, and events ready to store."""

import json
from collections.abc import Iterator
from typing import Any

from drengr.events.event import Event
from drengr.events.times import iso_text
from tests.conftest import NOW_MS

USER = "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10"
HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS


def event(**over: Any) -> Event:
    """An event of the acceptor, a minute old; a test says only what is different."""
    plain = Event(
        event_id=None,
        event_name="order_completed",
        source="amplitude_http",
        app_package=None,
        install_id="device_1",
        external_id="user_1",
        session_id=None,
        occurred_at=NOW_MS - 60_000,
        received_at=NOW_MS,
        dims='{"plan":"pro"}',
        measures='{"revenue":42.5}',
    )
    return plain._replace(**over)


def iso(ms: int) -> str:
    """The time as a query parameter."""
    return iso_text(ms)


class Admin:
    """One project's admin door, asked with its own key."""

    def __init__(self, client, project_id: str, secret_key: str) -> None:
        self._client = client
        self._bearer = {"Authorization": f"Bearer {secret_key}"}
        self.url = f"/admin/projects/{project_id}/events"

    def page(self, **asked: object):
        return self._client.get(self.url, query_string=asked, headers=self._bearer)

    def count(self, **asked: object):
        return self._client.get(self.url + "/count", query_string=asked, headers=self._bearer)

    def get(self, call: str, **asked: object):
        """A call below the project, such as "people/count"."""
        url = f"{self.url.removesuffix('events')}{call}"
        return self._client.get(url, query_string=asked, headers=self._bearer)

    def post(self, body: object = None, data: bytes | str | None = None, headers: dict[str, str] | None = None):
        sent = json.dumps(body) if data is None else data
        return self._client.post(self.url, data=sent, headers=self._bearer | (headers or {}))

    def pages(self, **asked: object) -> Iterator[list[dict]]:
        """Every page from the first to the last."""
        while True:
            answer = self.page(**asked)
            assert answer.status_code == 200, answer.text
            yield answer.json["data"]
            if answer.json["next_cursor"] is None:
                return
            asked["cursor"] = answer.json["next_cursor"]


def error_of(answer) -> tuple[int, str]:
    """(status, code) of an error in the admin shape."""
    assert answer.mimetype == "application/json"
    assert set(answer.json) == {"error"} and {"code", "message"} <= set(answer.json["error"]) <= {
        "code",
        "message",
        "details",
    }
    return answer.status_code, answer.json["error"]["code"]
