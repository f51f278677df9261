"""Answers of any length, made while they are sent: a few at once, begun only when they can be (contract 7, 9)."""

import errno
import threading
import zlib
from collections.abc import Iterable, Iterator
from itertools import chain

from flask import Response, request

from drengr.api import arrivals
from drengr.api.errors import ApiError
from drengr.log import faults

STREAMS_AT_ONCE = 4  # in a worker: each holds a thread, and those belong to live events
_GZIP_LEVEL = 1

_streams = threading.BoundedSemaphore(STREAMS_AT_ONCE)


class StreamCut(OSError):
    """The answer ends here, without its end mark: the client sees that it is not whole."""

    def __init__(self) -> None:
        super().__init__(errno.EPIPE, "the answer was cut")  # for the server it is as if the client had left


def streamed(pieces: Iterable[bytes], mimetype: str, *, may_pack: bool = False) -> Response:
    """The answer that these pieces make; the first is made before anything is sent, and may raise.

    may_pack  by gzip, for whoever accepts it
    Raises    ApiError 503 when so many are under way already, and what the first piece raises
    """
    place = _Place()
    try:
        begun = iter(pieces)
        whole = chain((next(begun, b""),), begun)
    except BaseException:
        place.leave()
        raise
    packs = may_pack and request.accept_encodings["gzip"] > 0
    response = Response(_sent(_packed(whole) if packs else whole, place), mimetype=mimetype)
    response.call_on_close(place.leave)  # for HEAD, and a client that is gone, nobody ever asks for a piece
    if packs:
        response.headers["Content-Encoding"] = "gzip"
    if may_pack:
        response.headers["Vary"] = "Accept-Encoding"
    return response


class _Place:
    """One of the few that there are. Raises ApiError 503."""

    def __init__(self) -> None:
        self._is_held = _streams.acquire(blocking=False)
        if not self._is_held:
            text = f"{STREAMS_AT_ONCE} exports are being made at this moment; ask again later"
            raise ApiError(503, text, "UNAVAILABLE")

    def leave(self) -> None:
        """Give it back; a second time does nothing."""
        if self._is_held:
            self._is_held = False
            _streams.release()


def _sent(pieces: Iterable[bytes], place: _Place) -> Iterator[bytes]:
    """The pieces, until the service is to stop or one cannot be made. Raises StreamCut."""
    try:
        for piece in pieces:
            if arrivals.is_stopping():
                break
            if piece:
                yield piece
        else:
            return
    except Exception as error:  # the status is sent: only a broken end can tell the client
        faults.error("an export was cut: %s: %s", type(error).__name__, error)
    finally:
        place.leave()
    raise StreamCut


def _packed(pieces: Iterable[bytes]) -> Iterator[bytes]:
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    for piece in pieces:
        yield packer.compress(piece)
    yield packer.flush()
