"""Where a request ends, told from the bytes so far."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from drengr.serving.arriving import MAX_HEAD_BYTES, MAX_KEPT_BYTES, Arriving, Stage

GET = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
POST = b"POST /batch HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\n\r\nbody"
CHUNKED = (
    b"POST /batch HTTP/1.1\r\nHost: x\r\ntransfer-encoding:  Chunked\r\n\r\n3\r\nabc\r\nA;x=1\r\n0\r\n\r\n56789\r\n"
)
CHUNKED_END = b"0\r\n\r\n"
WHOLE_FILE = b"POST /import-events?source=ga4 HTTP/1.1\r\nContent-Length: 10\r\n\r\n"


def stage_of(request: bytes) -> tuple[Stage, int | None]:
    arriving = Arriving()
    arriving.bytes += request
    return arriving.stage(), arriving.end


WHOLE = {
    "without a body": GET,
    "with a body": POST,
    "in chunks": CHUNKED + CHUNKED_END,
    "in chunks with trailers": CHUNKED + b"0\r\nX: y\r\n\r\n",
    "with an empty line before it": b"\r\n" + POST,
    "without any header": b"GET / HTTP/1.0\r\n\r\n",
}


@pytest.mark.parametrize("request_", WHOLE.values(), ids=WHOLE)
def test_a_request_is_whole_at_its_last_byte_and_not_before(request_):
    for cut in range(len(request_)):
        assert stage_of(request_[:cut])[0] is Stage.PART
    assert stage_of(request_) == (Stage.WHOLE, len(request_))
    assert stage_of(request_ + b"GET /next") == (Stage.WHOLE, len(request_))


HOPELESS = {
    "a line without CR": b"GET / HTTP/1.1\nHost: x\r\n",
    "a chunk size that is no number": CHUNKED + b"zz\r\n",
    "a size line without end": CHUNKED + b"1" * 9000,
    "trailers without end": CHUNKED + b"0\r\n" + b"a: b\r\n" * 20_000,
}


@pytest.mark.parametrize("request_", HOPELESS.values(), ids=HOPELESS)
def test_what_can_only_be_refused_is_not_waited_for(request_):
    assert stage_of(request_) == (Stage.WHOLE, len(request_))


def test_headers_without_end_are_too_long():
    assert stage_of(b"GET / HTTP/1.1\r\nA: " + b"a" * MAX_HEAD_BYTES)[0] is Stage.TOO_LONG


def test_bodies_that_do_not_fit_in_memory_and_whole_files_are_read_as_they_come():
    assert stage_of(b"POST /batch HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % (MAX_KEPT_BYTES + 1))[0] is Stage.LONG
    assert stage_of(b"POST /batch HTTP/1.1\r\nContent-Length: %d\r\n\r\n" % MAX_KEPT_BYTES)[0] is Stage.PART
    assert stage_of(CHUNKED + b"%x\r\n" % (2**30) + b" " * (MAX_KEPT_BYTES + 1))[0] is Stage.LONG
    assert stage_of(WHOLE_FILE)[0] is Stage.LONG
    assert stage_of(WHOLE_FILE.replace(b"?source=ga4", b""))[0] is Stage.PART


def test_one_request_is_taken_and_the_next_one_left():
    arriving = Arriving()
    arriving.bytes += POST + GET
    assert arriving.stage() is Stage.WHOLE
    assert arriving.take(10) + arriving.take(1000) + arriving.take(1000) == POST
    arriving.next_request()
    assert (arriving.stage(), arriving.bytes) == (Stage.WHOLE, GET)


@given(st.binary(max_size=300), st.sampled_from(list(WHOLE.values())), st.lists(st.integers(0, 600), max_size=5))
def test_how_the_bytes_are_cut_makes_no_difference(garbage, request_, cuts):
    data = request_[: len(garbage)] + garbage
    at_once = stage_of(data)
    arriving, begin = Arriving(), 0
    for end in (*sorted(cuts), len(data)):
        arriving.bytes += data[begin:end]
        begin = max(begin, end)
        stage = arriving.stage()
        if stage is not Stage.PART:
            return  # the worker looks no further; what it saw till then is the same for whoever sent it at once
    assert (stage, arriving.end) == at_once
