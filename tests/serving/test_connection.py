"""A client's socket: it takes an answer without waiting, and waits only for whoever takes an endless one."""

import socket
import threading

import pytest

from drengr.serving import connection
from drengr.serving.connection import STREAMS_AT_ONCE, ClientSocket

LARGE = b"x" * 8_000_000


@pytest.fixture
def pair():
    """(the service's side, the client's)."""
    listener = socket.create_server(("127.0.0.1", 0))
    theirs = socket.create_connection(listener.getsockname())
    accepted, _ = listener.accept()
    ours = ClientSocket(accepted)
    yield ours, theirs
    for each in (ours, theirs, listener):
        each.close()


def read(theirs: socket.socket, size: int) -> bytes:
    received = b""
    while len(received) < size:
        received += theirs.recv(1_000_000)
    return received


def test_a_large_answer_is_taken_at_once_and_sent_as_the_client_reads(pair):
    ours, theirs = pair
    ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    ours.sendall(LARGE)
    assert 0 < len(ours.unsent) < len(LARGE)
    reading = threading.Thread(target=read, args=(theirs, len(LARGE) + 19))
    reading.start()
    while ours.unsent:
        ours.flush()
    reading.join()


def test_a_head_leaves_with_its_body_in_one_packet(pair):
    ours, theirs = pair
    ours.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
    theirs.setblocking(False)
    with pytest.raises(BlockingIOError):
        theirs.recv(100)
    ours.sendall(b"body")
    theirs.setblocking(True)
    assert theirs.recv(100) == b"HTTP/1.1 200 OK\r\n\r\nbody"


def test_the_next_piece_of_an_endless_answer_waits_for_the_one_before(pair):
    ours, theirs = pair
    ours.sendall(LARGE)
    sending = threading.Thread(target=ours.sendall, args=(LARGE,))
    sending.start()
    sending.join(0.3)
    assert sending.is_alive()
    read(theirs, len(LARGE))
    sending.join()
    assert len(ours.unsent) <= len(LARGE)


def test_an_endless_answer_ends_when_nothing_is_taken(pair, monkeypatch):
    monkeypatch.setattr(connection, "_STREAM_PATIENCE_S", 0.2)
    ours, _ = pair
    ours.sendall(LARGE)
    with pytest.raises(OSError, match="not taken"):
        ours.sendall(LARGE)


def test_a_few_endless_answers_are_waited_for_at_a_time(pair):
    ours, _ = pair
    ours.sendall(LARGE)
    taken = [connection._streams.acquire(blocking=False) for _ in range(STREAMS_AT_ONCE)]
    try:
        assert all(taken)
        with pytest.raises(OSError, match="too many"):
            ours.sendall(LARGE)
    finally:
        for _ in taken:
            connection._streams.release()
