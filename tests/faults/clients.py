"""Clients that remember what they sent and what was acknowledged, as an SDK that reports to its application does."""

import http.client
import json
import random
import threading
from typing import NamedTuple, Self
from uuid import uuid4

from drengr.events.times import DAY_MS, HOUR_MS
from tests.service import Service

BASE_TIME_MS = 1_795_190_400_000  # 2026-11-20T16:00:00Z


class Answer(NamedTuple):
    """Status and body of one answer."""

    status: int
    body: dict


def batch(count: int, *, size: int = 0) -> list[dict]:
    """Events with fresh ids, of a few names, spread over some days; `size` adds that many bytes to each."""
    return [
        {
            "event_type": random.choice(["tick", "tock", "Order Completed"]),
            "user_id": f"user_{random.randrange(20)}",
            "insert_id": str(uuid4()),
            "time": BASE_TIME_MS - random.randrange(3 * DAY_MS),
            "event_properties": {"n": 1} | ({"filler": "x" * size} if size else {}),
        }
        for _ in range(count)
    ]


def post(service: Service, body: bytes, path: str = "/amplitude-ingest", seconds: float = 60, **headers) -> Answer:
    """One request on its own connection. Raises OSError, http.client.HTTPException when it is not answered."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=seconds)
    try:
        connection.request("POST", path, body, headers)
        answer = connection.getresponse()
        return Answer(answer.status, json.loads(answer.read()))
    finally:
        connection.close()


class Crowd:
    """Some clients that send batches, one after another, until told to stop; `with Crowd(…) as crowd:`.

    An unanswered or refused batch is sent again with the same ids, as every SDK does.
    """

    def __init__(self, service: Service, key: str, clients: int, most_events: int = 30) -> None:
        self.sent: set[str] = set()
        self.acknowledged: set[str] = set()
        self.statuses: list[int] = []
        self.unanswered = 0
        self.most_events = most_events
        self._service, self._key = service, key
        self._stop = threading.Event()
        self._threads = [threading.Thread(target=self._send_all, daemon=True) for _ in range(clients)]

    def __enter__(self) -> Self:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(90)

    def _send_all(self) -> None:
        connection = http.client.HTTPConnection("127.0.0.1", self._service.port, timeout=60)
        events: list[dict] = []
        while not self._stop.is_set():
            events = events or batch(random.randint(1, self.most_events))
            if self._send(connection, events):
                events = []
            else:
                self._stop.wait(0.05)
        connection.close()

    def _send(self, connection: http.client.HTTPConnection, events: list[dict]) -> bool:
        ids = [event["insert_id"] for event in events]
        self.sent.update(ids)
        try:
            connection.request("POST", "/amplitude-ingest", json.dumps({"api_key": self._key, "events": events}))
            answer = connection.getresponse()
            body = json.loads(answer.read())
        except (OSError, http.client.HTTPException):
            connection.close()
            self.unanswered += 1
            return False
        self.statuses.append(answer.status)
        if answer.status == 200 and body["events_ingested"] == len(ids):
            self.acknowledged.update(ids)
        return answer.status == 200


def differing_totals(connection) -> list[tuple]:
    """(table, project, period, name) of every total that is not the number of its rows; empty when all are right."""
    wrong = []
    for table, period, length in (("day_totals", "day", DAY_MS), ("hour_totals", "hour", HOUR_MS)):
        counted = f"SELECT project_id, occurred_at / {length}, name_id, count(*) FROM semantic_events GROUP BY 1, 2, 3"
        kept = f"SELECT project_id, {period}, name_id, events FROM {table} WHERE events > 0"
        for one, other in ((counted, kept), (kept, counted)):
            wrong += [(table, *row[:3]) for row in connection.execute(f"{one} EXCEPT {other}")]
    return wrong
