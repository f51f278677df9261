"""Clients that send slowly or do not read hold no thread: an honest one gets its answers all the while (contract 7)."""

import http.client
import json
import time

import pytest

from drengr.serving import worker
from tests.bench.slow_clients import Crowd, kinds
from tests.faults.clients import post
from tests.faults.test_overload import body_of, connect, everything, head, resident_kib, status_and_body
from tests.service import Service

CLIENTS = 300  # the workers have 256 threads


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """As set up by default."""
    with Service(tmp_path_factory.mktemp("slow") / "events.db") as running:
        yield running


@pytest.fixture(scope="module")
def project(service):
    """A project with 1,000 events of 9 kB."""
    made = service.project("shop")
    user = "00000000-0000-4000-8000-000000000000"
    slot = {"app_user_id": user, "event_name": "large", "properties": {"x": "x" * 9000}}
    path = f"/admin/projects/{made['project_id']}/events"
    for _ in range(2):
        answer = post(service, json.dumps([slot] * 500).encode(), path, Authorization=f"Bearer {made['secret_key']}")
        assert answer.status == 200
    return made


@pytest.mark.parametrize("kind", kinds("", ""))
def test_an_honest_client_gets_its_answers_beside_clients_that(service, project, kind):
    with Crowd(service.port, kinds(project["project_id"], project["secret_key"])[kind], CLIENTS) as crowd:
        while crowd.connected < CLIENTS // 2:
            time.sleep(0.1)
        for _ in range(10):
            assert post(service, body_of(project["publishable_key"]), seconds=20).status == 200
            time.sleep(0.05)


def test_memory_stays_bounded_when_large_pages_are_not_read(service, project):
    page = kinds(project["project_id"], project["secret_key"])["read pages of 9 MB a byte a second"]
    with Crowd(service.port, page, CLIENTS):
        time.sleep(3)
        assert resident_kib(service, "VmRSS") < 1_300 * 1024, "300 pages are 2.7 GB"


def test_what_a_client_does_not_take_at_once_is_sent_when_it_reads(service, project):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=20)
    for _ in range(2):
        connection.request(
            "GET", f"/admin/projects/{project['project_id']}/events?limit=1000",
            headers={"Authorization": f"Bearer {project['secret_key']}"},
        )  # fmt: skip
        time.sleep(1)
        answer = connection.getresponse()
        assert len(json.loads(answer.read())["data"]) == 1000
    connection.close()


def test_the_time_that_clients_need_to_send_is_no_waiting_for_their_turn(service, project):
    body = body_of(project["publishable_key"], 10, size=10_000)
    connections = [connect(service) for _ in range(30)]
    pieces = [body[place : place + len(body) // 8 + 1] for place in range(0, len(body), len(body) // 8 + 1)]
    for connection in connections:
        connection.sendall(head(len(body), extra="Connection: close\r\n"))
    for piece in pieces:
        time.sleep(0.11)
        for connection in connections:
            connection.sendall(piece)
    statuses = {status_and_body(everything(connection))[0] for connection in connections}
    for connection in connections:
        connection.close()
    assert statuses == {200}


def test_a_connection_outlives_the_idle_seconds_that_clients_believe_in(service, project):
    """Node keeps one for 5 s: closed at the same moment, it loses the events it was sending."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.connect()
    kept = connection.sock
    for idle_s in (7, 0):
        connection.request("POST", "/batch", body_of(project["publishable_key"]))
        answer = connection.getresponse()
        assert (answer.status, connection.sock) == (200, kept)
        answer.read()
        time.sleep(idle_s)
    connection.close()


PROXIES = {
    "two names of a scheme": "X-Forwarded-Proto: https\r\nX-Forwarded-Protocol: https\r\n",
    "one name twice": "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: http\r\n",
    "a list": "X-Forwarded-Proto: https,http\r\nX-Forwarded-Ssl: on\r\n",
    "another folder": "SCRIPT_NAME: /elsewhere\r\nPATH_INFO: /nowhere\r\n",
}


@pytest.mark.parametrize("extra", PROXIES.values(), ids=PROXIES)
def test_no_header_of_a_proxy_makes_a_request_refused(service, project, extra):
    body = body_of(project["publishable_key"])
    with connect(service) as connection:
        connection.sendall(head(len(body), extra="Connection: close\r\n" + extra) + body)
        assert status_and_body(everything(connection))[0] == 200


def test_an_answer_that_is_not_taken_in_its_time_is_given_up(tmp_path):
    """Its rest is in the network's buffers, so the client sees the end only when it reads on."""
    assert worker._ANSWER_S == 60
    with Service(tmp_path / "events.db", {"_ANSWER_S": 2.0}) as service, connect(service) as connection:
        connection.setblocking(False)
        connection.send(b"GET /openapi.json HTTP/1.1\r\nHost: x\r\n\r\n" * 200)
        time.sleep(5)
        connection.settimeout(20)
        received = everything(connection)
    assert 0 < received.count(b"HTTP/1.1 200 OK") < 200
