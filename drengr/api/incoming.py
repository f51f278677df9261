"""The request as it arrives: its body within limits, inflated, and the project its key opens (contract 4, 5, 7)."""

from collections.abc import Iterator
from contextlib import suppress

from flask import request

from drengr.api import arrivals
from drengr.api.errors import ApiError
from drengr.api.service import service, shows_key
from drengr.files.broken import BrokenFile
from drengr.files.inflating import DEFLATE, GZIP, ZLIB, inflated
from drengr.keys import bearer
from drengr.store import Project

MAX_DRAINED_BYTES = 32 * 1024 * 1024
_LEFT = "drengr.body_left"  # in the WSGI environment: bytes of the body that nobody has read
_READ_BYTES = 64 * 1024
_MOST_PACKINGS = 3  # one inside the other
_GZIP = b"\x1f\x8b"
_ZLIB = (b"x\x01", b"x\x5e", b"x\x9c", b"x\xda")  # its four levels of compression


class BodyTooLarge(Exception):
    """The body is over the limit, as sent or inflated. What was sent has been read, so that the client hears of it."""


class BadEncoding(ValueError):
    """The body is not what its Content-Encoding says."""


def read_body(max_bytes: int, *, inflate: bool = True) -> tuple[bytes, int]:
    """(the body, inflated; its size as sent).

    max_bytes  limit for both
    inflate    False: the body is what it is, packed or not
    Raises     BodyTooLarge, BadEncoding
    Source     contract 4: a client that is answered before it has sent everything sees a reset, not the 413
    """
    pieces: list[bytes] = []
    size = 0
    connection = request.environ.get("gunicorn.socket")
    for piece in body_pieces():
        size += len(piece)
        if size > max_bytes:
            pieces.clear()
            if size > MAX_DRAINED_BYTES:
                break
        else:
            pieces.append(piece)
    arrivals.received(connection)
    if size > max_bytes:
        raise BodyTooLarge
    if size < (request.content_length or 0):
        raise ApiError(408, "the request body did not arrive in time")
    body = b"".join(pieces)
    return _inflated(body, max_bytes) if inflate else body, size


def body_pieces() -> Iterator[bytes]:
    """The body as sent, piece by piece, from where the last look at it ended.

    Raises  ApiError 400 when the transfer itself is broken
    """
    stream = request.environ["wsgi.input"]
    # Under `flask run` reading past the end would wait for ever.
    left = request.environ.setdefault(_LEFT, request.content_length)
    if left is None and not request.environ.get("wsgi.input_terminated"):
        return
    while left is None or left > 0:
        try:
            piece = stream.read(_READ_BYTES if left is None else min(left, _READ_BYTES))
        except Exception as error:  # a reset, or gunicorn's own exceptions for chunks that are none
            rest = b""
            with suppress(Exception):
                rest = stream.read(_READ_BYTES)  # what had come in before that and waited to become a whole piece
            if rest:
                yield rest
            raise ApiError(400, "the request body is broken") from error
        if not piece:
            return
        if left is not None:
            left -= len(piece)
            request.environ[_LEFT] = left
        yield piece


def drain() -> None:
    """Read what is left: a client that is answered before it has sent everything sees a reset, not the answer."""
    drained = 0
    with suppress(ApiError):
        for piece in body_pieces():
            drained += len(piece)
            if drained > MAX_DRAINED_BYTES:
                return


def _inflated(body: bytes, max_bytes: int) -> bytes:
    """The body without its packing. Its first bytes tell; Content-Encoding is asked where they do not.

    Proxies unpack a body and keep the header, or drop it; scripts write `Content-Encoding: utf-8`.
    """
    codings = {word.strip().lower() for word in request.headers.get("Content-Encoding", "").split(",")}
    for _ in range(_MOST_PACKINGS):
        if body[:2] == _GZIP:
            body, codings = _unzipped(body, GZIP, max_bytes), codings - {"gzip", "x-gzip"}
        elif body[:2] in _ZLIB:
            body, codings = _unzipped(body, ZLIB, max_bytes), codings - {"deflate"}
        elif "deflate" in codings and not is_json(body):
            body, codings = _deflated(body, max_bytes), codings - {"deflate"}
        else:
            break
    if codings - {"", "identity"} and not _is_text(body):
        raise BadEncoding("it is not what its content encoding says, or in one that is not known; send gzip, or plain")
    return body


def is_json(body: bytes) -> bool:
    """Whether the body can only be JSON: it begins an object or an array."""
    return body.lstrip(b" \t\r\n\xef\xbb\xbf")[:1] in (b"{", b"[")


def _is_text(body: bytes) -> bool:
    return all(byte >= 32 or byte in b"\t\r\n" for byte in body[:64])


def _deflated(body: bytes, max_bytes: int) -> bytes:
    """What was packed without a header of its own, or with one that is rare; plain text as it is."""
    has_header = body[:1] and body[0] & 0x0F == 8 and int.from_bytes(body[:2], "big") % 31 == 0
    try:
        return _unzipped(body, ZLIB if has_header else DEFLATE, max_bytes)
    except BadEncoding:
        if _is_text(body):
            return body
        raise


def _unzipped(packed: bytes, window: int, max_bytes: int) -> bytes:
    """All members inflated, never more than a piece past the limit in memory."""
    pieces, size = [], 0
    try:
        for piece in inflated([packed], window):
            size += len(piece)
            if size > max_bytes:
                raise BodyTooLarge
            pieces.append(piece)
    except BrokenFile as error:
        raise BadEncoding(str(error)) from error
    return b"".join(pieces)


def require_project_of_secret_key(message: str = "invalid secret key", code: str = "UNAUTHORIZED") -> Project:
    """The project whose secret key the Authorization header bears. Raises ApiError 401."""
    key = bearer(request.headers.get("Authorization"))
    project = service().store.project_of_key(key, "secret")
    shows_key(key, project)
    if project is None:
        raise ApiError(401, message, code)
    return project
