"""Where a request ends, told from its bytes so far, so that only whole requests are given a thread.

Read loosely: gunicorn's parser, which is strict, reads the same bytes again and has the last word on what they mean.
"""

import re
from enum import Enum

from drengr.api import arrivals

MAX_HEAD_BYTES = 64 * 1024
MAX_KEPT_BYTES = 6 * 1024 * 1024  # above the largest body that is no whole file: a batch of 5 MiB
_MAX_SIZE_LINE_BYTES = 8 * 1024
_FRAMING = re.compile(rb"\r\n(content-length|transfer-encoding|expect):[ \t]*([^\r]*)", re.IGNORECASE)


class Stage(Enum):
    """How far a request has come."""

    PART = "more must come"
    WHOLE = "it is here, or enough of it to be refused"
    LONG = "it is read by the thread that works on it, as it comes"
    TOO_LONG = "its headers are larger than any client's"


class Arriving:
    """The bytes a client has sent that no request has taken yet. `end` is where the first request in them ends."""

    def __init__(self) -> None:
        self.bytes = bytearray()
        self.next_request()

    def next_request(self) -> None:
        """What is here now belongs to a request that has not been looked at."""
        self.end: int | None = None
        self.wants_continue = False
        self._head_end = 0
        self._chunk: int | None = None  # where the next chunk begins

    def stage(self) -> Stage:
        """Looked at anew whenever bytes have come."""
        if not self._head_end:
            head = self.bytes.find(b"\r\n\r\n")
            if head < 0:
                return self._headless()
            self._head_end = head + 4
            self._read_head(bytes(self.bytes[: head + 2]))
        if self._chunk is not None:
            self._walk_chunks()
        if self.end is not None and self.end <= len(self.bytes):
            return Stage.WHOLE
        is_long = (self.end or len(self.bytes)) > MAX_KEPT_BYTES + self._head_end
        return Stage.LONG if is_long or arrivals.is_whole_file(self._target()) else Stage.PART

    @property
    def has_head(self) -> bool:
        """Whether all the headers are here."""
        return self._head_end > 0

    def take(self, size: int) -> bytes:
        """Up to so many bytes from the front, of the first request only once its end is known."""
        size = size if self.end is None else min(size, self.end)
        piece = bytes(self.bytes[:size])
        del self.bytes[:size]
        if self.end is not None:
            self.end -= len(piece)
        return piece

    def _headless(self) -> Stage:
        if len(self.bytes) > MAX_HEAD_BYTES:
            return Stage.TOO_LONG
        if self.bytes.count(b"\n") == self.bytes.count(b"\r\n"):
            return Stage.PART
        self.end = len(self.bytes)  # a line that ends without CR: refused, whatever may follow
        return Stage.WHOLE

    def _read_head(self, head: bytes) -> None:
        self.end = self._head_end
        for name, value in _FRAMING.findall(head):
            match name.lower():
                case b"content-length" if value.strip().isdigit():
                    self.end = self._head_end + int(value)
                case b"transfer-encoding" if b"chunked" in value.lower():
                    self._chunk, self.end = self._head_end, None
                    break
                case b"expect":
                    self.wants_continue = True

    def _walk_chunks(self) -> None:
        """From chunk to chunk, to the end of the last; a size that is none ends the request there."""
        while self._chunk is not None and self._chunk < len(self.bytes):
            line_end = self.bytes.find(b"\r\n", self._chunk)
            if line_end < 0:
                if len(self.bytes) - self._chunk > _MAX_SIZE_LINE_BYTES:
                    self._chunk, self.end = None, len(self.bytes)
                return
            size = _chunk_size(bytes(self.bytes[self._chunk : line_end]))
            if size:
                self._chunk = line_end + 2 + size + 2
                continue
            last = -1 if size is None else self.bytes.find(b"\r\n\r\n", line_end)
            if size == 0 and last < 0 and len(self.bytes) - line_end < MAX_HEAD_BYTES:
                return  # in the trailers
            self._chunk, self.end = None, last + 4 if last >= 0 else len(self.bytes)

    def _target(self) -> str:
        return self.bytes[: self.bytes.find(b"\r\n")].decode("latin-1").partition(" ")[2].partition(" ")[0]


def _chunk_size(line: bytes) -> int | None:
    try:
        return int(line.split(b";", 1)[0], 16)
    except ValueError:
        return None
