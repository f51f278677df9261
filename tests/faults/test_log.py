"""Whatever bytes arrive, no line of the log holds a key or a value (contract 10)."""

import contextlib
import random

import pytest

from tests.faults.test_overload import connect, everything, raw
from tests.service import Service

SECRET = "drengr_sk_abcdefghijklmnopqrstuvwxyz012345"
VALUE = "jane.doe@example.com"
BODY = f'{{"api_key": "{SECRET}", "events": [{{"user_id": "{VALUE}"}}]}}'
POST = "POST /2/httpapi HTTP/1.1\r\nHost: x\r\n"
LEAKS = {
    "a header without its colon": f"GET / HTTP/1.1\r\nAuthorization Bearer {SECRET}\r\n\r\n",
    "as method": f"{SECRET} / HTTP/1.1\r\n\r\n",
    "as a method in capitals": f"{SECRET.upper()} / HTTP/1.1\r\n\r\n",
    "as path": f"GET {SECRET} HTTP/1.1\r\n\r\n",
    "as a path that is none": f"POST /batch/{SECRET} HTTP/1.1\r\nContent-Length: 0\r\n\r\n",
    "as version": f"GET / {SECRET}\r\n\r\n",
    "as transfer coding": f"{POST}Transfer-Encoding: {SECRET}\r\n\r\n",
    "as expectation": f"{POST}Expect: {SECRET}\r\n\r\n",
    "as header name": f"{POST}{SECRET} : x\r\n\r\n",
    "as header value": f"{POST}Host: {SECRET}\r\n\r\n",
    "in a folded header": f"{POST}A: b\r\n {SECRET}\r\n\r\n",
    "as length": f"{POST}Content-Length: {SECRET}\r\n\r\n",
    "as chunk size": f"{POST}Transfer-Encoding: chunked\r\n\r\n{SECRET}\r\n\r\n",
    "after a chunk": f"{POST}Transfer-Encoding: chunked\r\n\r\n1\r\n1{SECRET}\r\n\r\n",
    "as trailer": f"{POST}Transfer-Encoding: chunked\r\n\r\n0\r\n{SECRET}\r\n\r\n",
    "a body without a length": f"{POST}\r\n{BODY}\r\n\r\n",
    "a body with a length that is too small": f"{POST}Content-Length: 2\r\n\r\n{{}}{BODY}\r\n\r\n",
    "in the query": f"GET /admin/projects/{SECRET}/events?x={VALUE} HTTP/1.1\r\n\r\n",
}


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("log") / "events.db", DRENGR_BODY_SECONDS="2") as running:
        yield running


def says_nothing(service: Service) -> None:
    log = service.log_text()
    for word in (SECRET, SECRET.upper(), VALUE, SECRET[10:], "jane"):
        assert word not in log


@pytest.mark.parametrize("request_", LEAKS.values(), ids=LEAKS)
def test_a_key_in_the_wrong_place_is_not_logged(service, request_):
    raw(service, request_.encode())
    says_nothing(service)


def test_neither_is_one_in_bytes_at_random(service):
    chance = random.Random(11)
    pieces = [text.encode() for text in LEAKS.values()] + [b"\r\n", b"\0", b"\xff", b" ", b":", BODY.encode()]
    for _ in range(150):
        mixed = b"".join(chance.choices(pieces, k=3))
        cut = chance.randrange(len(mixed))
        with connect(service) as connection, contextlib.suppress(OSError):
            connection.sendall(mixed[cut:] + mixed[:cut])
            connection.shutdown(1)
            everything(connection)
    says_nothing(service)
    assert service.is_healthy()


def test_what_was_wrong_is_logged_by_its_kind(tmp_path):
    with Service(tmp_path / "events.db") as service:
        raw(service, LEAKS["a header without its colon"].encode())
        assert "A request was refused: invalid header" in service.log_text()
