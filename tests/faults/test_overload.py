"""Too many, too slow, too large, broken: the service says so at once and goes on for the others (contract 4, 7)."""

import contextlib
import http.client
import json
import resource
import signal
import socket
import threading
import time
from pathlib import Path

import pytest

from tests.faults.clients import Crowd, batch, post
from tests.faults.test_kill import workers_of
from tests.service import Service

SLOW_CLIENTS = 48
BODY_SECONDS = 8


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    """As set up by default, but for the seconds a client has, which no test wants to wait for."""
    with Service(tmp_path_factory.mktemp("overload") / "events.db", DRENGR_BODY_SECONDS=str(BODY_SECONDS)) as running:
        yield running


@pytest.fixture(scope="module")
def key(service):
    return service.project("shop")["publishable_key"]


def body_of(key: str, count: int = 1, size: int = 0) -> bytes:
    return json.dumps({"api_key": key, "events": batch(count, size=size)}).encode()


def head(length: object, path: str = "/amplitude-ingest", extra: str = "") -> bytes:
    return f"POST {path} HTTP/1.1\r\nHost: x\r\nContent-Length: {length}\r\n{extra}\r\n".encode()


def connect(service: Service) -> socket.socket:
    return socket.create_connection(("127.0.0.1", service.port), timeout=60)


def until_read(connection: socket.socket) -> None:
    """Wait until the service has taken from the network what was sent to it."""
    ours, theirs = (f":{side[1]:04X}" for side in (connection.getsockname(), connection.getpeername()))
    deadline = time.monotonic() + 60
    while True:
        lines = [line.split() for line in Path("/proc/net/tcp").read_text().splitlines()]
        ends = {(line[1][8:], line[2][8:]): line[4].split(":") for line in lines}
        if int(ends[ours, theirs][0], 16) == int(ends[theirs, ours][1], 16) == 0:  # nothing left to send, nor to read
            return
        assert time.monotonic() < deadline
        time.sleep(0.01)


def everything(connection: socket.socket) -> bytes:
    """All that the service says until it closes."""
    received = b""
    with contextlib.suppress(ConnectionResetError):
        while piece := connection.recv(65536):
            received += piece
    return received


def raw(service: Service, sent: bytes) -> bytes:
    with connect(service) as connection:
        with contextlib.suppress(OSError):  # refused and hung up before all of it was sent
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
        return everything(connection)


def status_and_body(answer: bytes) -> tuple[int, dict]:
    start, _, body = answer.partition(b"\r\n\r\n")
    assert b"application/json" in start
    return int(start.split()[1]), json.loads(body)


@contextlib.contextmanager
def dribblers(service: Service, count: int, request: bytes):
    """`count` clients that send one byte of the request a second, for as long as the block lasts."""
    stop = threading.Event()
    connections = [connect(service) for _ in range(count)]

    def dribble() -> None:
        for byte in request:
            for connection in connections:
                with contextlib.suppress(OSError):
                    connection.send(bytes([byte]))
            if stop.wait(1):
                return

    thread = threading.Thread(target=dribble, daemon=True)
    thread.start()
    try:
        time.sleep(0.3)
        yield connections
    finally:
        stop.set()
        thread.join()
        for connection in connections:
            connection.close()


SLOW = {
    "in the headers": (b"", head(100)),
    "in a body": (head(200_000), b"{" * 100),
    "in a chunked body": (head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: chunked"), b"5\r\n" * 40),
    "in the second request of a connection": (b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\nPOST /ba", head(100)),
    "in a body announced by Expect": (head(500, extra="Expect: 100-continue\r\n"), b"{" * 100),
    "before the first byte": (b"", b""),
}


@pytest.mark.parametrize("quick, slow", SLOW.values(), ids=SLOW)
def test_slow_clients_do_not_stop_a_good_one(service, key, quick, slow):
    with dribblers(service, SLOW_CLIENTS, slow) as connections:
        for connection in connections:
            connection.sendall(quick)
        time.sleep(0.5)
        for _ in range(5):
            assert post(service, body_of(key, 5), seconds=BODY_SECONDS - 1).status == 200


def test_clients_that_stay_after_a_closing_answer_do_not_stop_a_good_one(service, key):
    request = head(2, extra="Connection: close\r\n") + b"{}"
    connections = [connect(service) for _ in range(SLOW_CLIENTS)]
    for connection in connections:
        connection.sendall(request)
    for _ in range(5):
        assert post(service, body_of(key), seconds=BODY_SECONDS - 1).status == 200
    for connection in connections:
        assert status_and_body(everything(connection))[0] == 400
        connection.close()


def test_a_client_that_is_slow_with_its_headers_is_ended_when_its_seconds_are_over(service):
    with connect(service) as connection:
        connection.sendall(head(100)[:-5])
        assert everything(connection) == b""


def test_a_client_that_is_slow_with_its_body_is_told_so_when_its_seconds_are_over(service):
    with connect(service) as connection:
        connection.sendall(head(100_000) + b"{" * 100)
        began = time.monotonic()
        expected = (408, {"code": 408, "error": "the request body did not arrive in time"})
        assert status_and_body(everything(connection)) == expected
        assert time.monotonic() - began > BODY_SECONDS - 1


def test_a_slow_chunked_client_is_ended_when_its_seconds_are_over(service):
    with connect(service) as connection:
        connection.sendall(b"POST /batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{")
        assert status_and_body(everything(connection))[0] in (400, 408)


def test_a_connection_that_says_nothing_is_closed(service):
    with connect(service) as connection:
        assert everything(connection) == b""


def test_more_connections_than_open_files_are_allowed_by_default_do_no_harm(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (128, hard))
    service = Service(tmp_path / "events.db")
    try:
        service.start()
        key = service.project("shop")["publishable_key"]
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        idle = [connect(service) for _ in range(300)]
        assert post(service, body_of(key)).status == 200
        for connection in idle:
            connection.close()
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
        service.kill()


BROKEN = {
    "garbage instead of a request line": b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\r\n\r\n",
    "a request line of one word": b"HELLO\r\n\r\n",
    "an unknown protocol": b"GET / SPDY/9\r\n\r\n",
    "a method in lower case": b"post /batch HTTP/1.1\r\nHost: x\r\n\r\n",
    "a request line of 100 kB": b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
    "a header of 100 kB": b"GET / HTTP/1.1\r\nHost: x\r\nA: " + b"a" * 100_000 + b"\r\n\r\n",
    "headers of 2 MB": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 300_000 + b"\r\n",
    "a thousand headers": b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 1000 + b"\r\n",
    "a header without a colon": b"GET / HTTP/1.1\r\nHost x\r\n\r\n",
    "a header with a NUL": b"GET / HTTP/1.1\r\nHost: x\r\nA: \0\r\n\r\n",
    "a folded header": b"GET / HTTP/1.1\r\nHost: x\r\nA: b\r\n c\r\n\r\n",
    "a NUL in the path": b"GET /batch\0 HTTP/1.1\r\nHost: x\r\n\r\n",
    "a coded NUL in the path": b"POST /batch%00 HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "bytes that are no UTF-8 in the path": b"POST /batch/%ff%fe HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n",
    "a malformed Host": b"POST /batch HTTP/1.1\r\nHost: a b/c@d\r\nContent-Length: 0\r\n\r\n",
    "two Hosts": b"POST /batch HTTP/1.1\r\nHost: a\r\nHost: b\r\nContent-Length: 0\r\n\r\n",
    "a Content-Length that is no number": head("ten"),
    "a negative Content-Length": head(-5),
    "a Content-Length of 30 digits": head("9" * 30),
    "a Content-Length of other digits": head("_").replace(b"_", b"\xb2"),
    "two Content-Lengths": head(2, extra="Content-Length: 3\r\n") + b"{}",
    "both lengths": head(5, extra="Transfer-Encoding: chunked\r\n") + b"0\r\n\r\n",
    "an unknown transfer coding": head(0, extra="").replace(b"Content-Length: 0", b"Transfer-Encoding: zip"),
    "gzip as transfer coding": head(0).replace(b"Content-Length: 0", b"Transfer-Encoding: gzip"),
    "an impossible expectation": head(2, extra="Expect: a miracle\r\n") + b"{}",
    "a chunk size that is no number": b"zz\r\nhello\r\n0\r\n\r\n",
    "a chunk size that is too small": b"2\r\nhello\r\n0\r\n\r\n",
    "a chunk size line without end": b"1" * 100_000,
    "a chunk without end": b"5\r\n{}",
    "no last chunk": b"2\r\n{}\r\n",
    "broken trailers": b"2\r\n{}\r\n0\r\nno colon\r\n\r\n",
    "less body than announced": head(500) + b"{}",
}


@pytest.mark.parametrize("request_", BROKEN.values(), ids=BROKEN)
def test_broken_http_is_refused_with_a_4xx_in_json(service, request_):
    if b" HTTP/" not in request_ and request_[:1] in b"z215":
        request_ = b"POST /batch HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n" + request_
    answer = raw(service, request_)
    if answer:
        status, body = status_and_body(answer)
        assert 400 <= status < 500
        assert body["code"] == status
    assert service.is_healthy()


def test_refusals_can_be_read_by_a_page_of_another_origin(service):
    assert b"\r\nAccess-Control-Allow-Origin: *\r\n" in raw(service, head("ten"))


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "PATCH", "HEAD"])
def test_another_method_is_refused(service, method):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request(method, "/amplitude-ingest")
    answer = connection.getresponse()
    body = answer.read()
    connection.close()
    assert (answer.status, answer.getheader("Access-Control-Allow-Origin")) == (405, "*")
    assert answer.getheader("Content-Type") == "application/json"
    assert method == "HEAD" or json.loads(body)["code"] == 405


def test_a_connection_is_kept_for_many_requests(service, key):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.connect()
    kept = connection.sock
    for body in (body_of(key), b"not json", body_of(key, 100), body_of("drengr_pk_wrong")):
        connection.request("POST", "/batch", body)
        connection.getresponse().read()
        assert connection.sock is kept
    connection.close()


@pytest.mark.parametrize("path", ["/batch", "/nowhere", "/import-events"])
def test_the_answer_to_an_endless_body_announces_the_end_of_the_connection(service, path):
    """Or a proxy would send the next client's request on it, and answer that one 502."""
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=30)
    connection.request("POST", path, bytes(34 << 20))
    answer = connection.getresponse()
    assert answer.getheader("Connection") == "close"
    assert json.loads(answer.read())["code"] in (401, 404, 413)
    connection.close()


def test_two_requests_in_one_packet_are_both_answered(service, key):
    one = body_of(key)
    last = head(len(one), extra="Connection: close\r\n") + one
    answers = raw(service, head(len(one)) + one + last)
    assert answers.count(b'"code":200') == 2


def test_a_chunked_batch_is_stored(service, key):
    connection = http.client.HTTPConnection("127.0.0.1", service.port, timeout=60)
    connection.request("POST", "/batch", iter([body_of(key, 3)[:50]]), encode_chunked=True)
    assert connection.getresponse().status == 400  # half of it is no JSON
    connection.close()
    whole = body_of(key, 3)
    connection.request("POST", "/batch", iter([whole[:50], whole[50:]]), encode_chunked=True)
    answer = json.loads(connection.getresponse().read())
    connection.close()
    assert (answer["code"], answer["events_ingested"], answer["payload_size_bytes"]) == (200, 3, len(whole))


def resident_kib(service: Service, field: str) -> int:
    """Of all worker processes: VmRSS (now) or VmHWM (at its highest)."""
    total = 0
    for pid in workers_of(service):
        with open(f"/proc/{pid}/status", encoding="ascii") as status:
            total += sum(int(line.split()[1]) for line in status if line.startswith(field))
    return total


def test_memory_is_bounded_while_64_clients_send_a_megabyte_each(tmp_path, capsys):
    """Each of 64 threads holds its body, and two of them at a time become some 30 MiB of Python objects each."""
    with Service(tmp_path / "events.db") as service:
        key = service.project("shop")["publishable_key"]
        body = body_of(key, 1000, size=800)
        assert 950_000 < len(body) < 1_048_576
        before = resident_kib(service, "VmRSS")
        statuses = together([lambda: post(service, body).status] * 64)
        peak = resident_kib(service, "VmHWM")
        with capsys.disabled():
            print(f"\n64 clients x {len(body):,} bytes: {before / 1024:.0f} MiB before, {peak / 1024:.0f} at the peak; "
                  f"{statuses.count(200)} stored, {statuses.count(503)} answered 503")
        assert set(statuses) <= {200, 503}
        assert 200 in statuses
        assert peak - before < 250 * 1024


def together(calls: list) -> list:
    """The results of all calls, made at the same moment."""
    results: list = []
    threads = [threading.Thread(target=lambda call=call: results.append(call())) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == len(calls), "a request was not answered"
    return results


def test_past_capacity_every_request_is_answered_and_no_acknowledged_event_is_lost(tmp_path):
    with Service(tmp_path / "events.db", DRENGR_IN_FLIGHT="1") as service:
        key = service.project("shop")["publishable_key"]
        answers: list[tuple[int, dict, str]] = []

        def send() -> None:
            for _ in range(3):
                events = batch(500, size=300)
                answer = post(service, json.dumps({"api_key": key, "events": events}).encode())
                answers.append((answer.status, answer.body, [event["insert_id"] for event in events]))

        together([send] * 40)
        stored = {row["event_id"] for row in service.events()}
        log = service.log_text()
    assert len(answers) == 120
    assert {status for status, *_ in answers} == {200, 503}
    for status, body, ids in answers:
        assert body["code"] == status
        assert (set(ids) <= stored) if status == 200 else stored.isdisjoint(ids)
    refused = sum(status == 503 for status, *_ in answers)
    assert 1 <= log.count(" 503 ") + log.count("Busy") < refused, "one line a second, not one a refusal"


def test_sigterm_under_load_answers_what_is_in_flight(tmp_path):
    service = Service(tmp_path / "events.db").start()
    try:
        key = service.project("shop")["publishable_key"]
        with Crowd(service, key, 8) as crowd:
            while len(crowd.acknowledged) <= 100:
                time.sleep(0.02)
            half = body_of(key, 4)
            with connect(service) as connection:
                connection.sendall(head(len(half)) + half[:100])
                until_read(connection)
                service.process.send_signal(signal.SIGTERM)
                time.sleep(0.3)
                connection.sendall(half[100:])
                assert status_and_body(everything(connection))[0] == 200
            assert service.wait() == 0
        stored = {row["event_id"] for row in service.events()}
        assert crowd.acknowledged <= stored
        assert set(crowd.statuses) == {200}
    finally:
        if service.process is not None:
            service.kill()
