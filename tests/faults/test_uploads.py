"""Whole files whose client hangs up, and whose turn to be stored comes late (contract 5)."""

import http.client
import json
import socket
import sqlite3
import struct
import threading
import time
from contextlib import closing

import pytest

from tests.service import Service

ROWS = 4000
NDJSON = "application/x-ndjson"


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("uploads") / "events.db", DRENGR_BODY_SECONDS="2") as running:
        yield running


def rows(count: int = ROWS) -> list[bytes]:
    line = '{{"event_type":"a","event_time":"2026-06-01 12:00:00","device_id":"d","$insert_id":"{0}"}}\n'
    return [line.format(number).encode() for number in range(count)]


def upload(service, key: str, length: int, accept: str) -> http.client.HTTPConnection:
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.putrequest("PUT", "/import-events?source=amplitude")
    for name, value in (("Authorization", f"Bearer {key}"), ("Content-Length", str(length)), ("Accept", accept)):
        connection.putheader(name, value)
    connection.endheaders()
    return connection


def stored(service, project) -> int:
    return len(service.events("WHERE project = ?", project["project_id"]))


@pytest.mark.parametrize("accept", [NDJSON, "application/json"])
@pytest.mark.parametrize("goodbye", ["reset", "orderly"])
def test_a_client_that_hangs_up_keeps_every_row_it_sent(goodbye, accept, service):
    project = service.project(f"{goodbye} {accept}")
    data = rows()
    connection = upload(service, project["secret_key"], 10**7, accept)
    connection.send(b"".join(data[:2000]))
    time.sleep(1.2)  # now a line of progress is due, as soon as more is read
    connection.send(b"".join(data[2000:]))
    if goodbye == "reset":
        connection.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()
    deadline = time.monotonic() + 30
    while stored(service, project) < ROWS and time.monotonic() < deadline:
        time.sleep(0.1)
    assert stored(service, project) == ROWS
    assert "Traceback" not in service.log_text()


@pytest.mark.parametrize("accept", [NDJSON, "application/json"])
def test_waiting_for_the_database_is_not_the_client_s_fault(accept, service):
    project = service.project(f"waits {accept}")
    data = b"".join(rows(20_000))
    connection = upload(service, project["secret_key"], len(data), accept)
    with closing(sqlite3.connect(service.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        sending = threading.Thread(target=connection.send, args=(data,))  # the service stops reading on the way
        sending.start()
        time.sleep(5)  # more than the client's two seconds
        other.execute("ROLLBACK")
    sending.join()
    answer = json.loads(connection.getresponse().read().splitlines()[-1])
    connection.close()
    assert (answer.get("error"), answer["imported"]) == (None, 20_000)
