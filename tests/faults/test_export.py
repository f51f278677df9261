"""Exports beside a running service: read while events arrive, cut by a stop, left by their client (contract 7, 9)."""

import gzip
import http.client
import json
import subprocess
import threading
import time
import zipfile
from base64 import b64encode
from contextlib import ExitStack, closing
from datetime import UTC, datetime
from io import BytesIO

import pytest

from drengr.api.streaming import STREAMS_AT_ONCE
from tests.faults.clients import batch, post
from tests.service import Service

EVENTS = 4000
SIZE = 9000  # bytes: 36 MB in all, more than any buffer on the way holds


@pytest.fixture
def service(tmp_path):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="1", DRENGR_KEEP_FIELDS="revenue") as running:
        yield running


@pytest.fixture
def keys(service):
    made = service.project("shop")
    user = "00000000-0000-4000-8000-000000000000"
    slot = {"app_user_id": user, "event_name": "large", "properties": {"x": "x" * SIZE}}
    path = f"/admin/projects/{made['project_id']}/events"
    for _ in range(EVENTS // 500):
        body = json.dumps([slot] * 500).encode()
        assert post(service, body, path, Authorization=f"Bearer {made['secret_key']}").status == 200
    return made


@pytest.fixture
def begin(service, keys):
    """begin(header=…) → (the connection, an answer whose head was read)."""
    with ExitStack() as stack:

        def ask(**headers: str) -> tuple[http.client.HTTPConnection, http.client.HTTPResponse]:
            connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
            stack.callback(connection.close)
            bearer = {"Authorization": f"Bearer {keys['secret_key']}"}
            connection.request("GET", f"/admin/projects/{keys['project_id']}/export", headers=bearer | headers)
            return connection, stack.enter_context(connection.getresponse())

        yield ask


def test_what_was_there_at_the_start_is_in_it_once_while_events_arrive(service, keys, begin):
    (_, answer), stop = begin(), threading.Event()
    assert answer.status == 200

    def send() -> None:
        while not stop.is_set():
            body = {"api_key": keys["publishable_key"], "events": batch(20)}
            assert post(service, json.dumps(body).encode()).status == 200

    sender = threading.Thread(target=send)
    sender.start()
    rows = [json.loads(line) for line in answer]
    stop.set()
    sender.join()
    ids = [row["id"] for row in rows]
    assert ids == sorted(set(ids)) and ids[:EVENTS] == list(range(1, EVENTS + 1))


def test_a_stop_cuts_it_without_its_end(service, begin):
    _, answer = begin()
    assert answer.read(1000)
    assert service.stop() == 0
    with pytest.raises((http.client.IncompleteRead, ConnectionError)):
        answer.read()


def test_clients_that_do_not_read_hold_few_places_and_give_them_back(service, keys, begin):
    waiting = [begin() for _ in range(STREAMS_AT_ONCE)]
    assert begin()[1].status == 503
    assert post(service, json.dumps({"api_key": keys["publishable_key"], "events": batch(5)}).encode()).status == 200
    for connection, answer in waiting:
        answer.close()
        connection.close()
    deadline = time.monotonic() + 20
    while (status := begin()[1].status) == 503 and time.monotonic() < deadline:
        time.sleep(0.2)
    assert status == 200


def test_amplitude_s_zip_comes_whole_and_in_pieces(service, keys, tmp_path):
    both = b64encode(f"{keys['publishable_key']}:{keys['secret_key']}".encode()).decode()
    day = f"{datetime.now(UTC):%Y%m%d}"
    headers = {"Authorization": f"Basic {both}"}
    with closing(http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)) as connection:
        connection.request("GET", f"/api/2/export?start={day}T00&end={day}T23", headers=headers)
        answer = connection.getresponse()
        kind = answer.headers["Content-Type"], answer.headers["Transfer-Encoding"]
        assert (answer.status, kind) == (200, ("application/zip", "chunked"))
        whole = answer.read()
    with zipfile.ZipFile(BytesIO(whole)) as archive:
        lines = [line for name in archive.namelist() for line in gzip.decompress(archive.read(name)).splitlines()]
    assert len(lines) == EVENTS


def test_curl_tells_an_export_that_was_cut(service, keys, tmp_path):
    url = f"{service.url}/admin/projects/{keys['project_id']}/export"
    curl = ["curl", "-sf", "--limit-rate", "200k", "-H", f"Authorization: Bearer {keys['secret_key']}", url]
    with (tmp_path / "export").open("wb") as output, subprocess.Popen(curl, stdout=output) as reading:
        while not (tmp_path / "export").stat().st_size:
            assert reading.poll() is None
            time.sleep(0.02)
        service.stop()
        assert reading.wait(30) in (18, 56)  # a partial file; a reset
