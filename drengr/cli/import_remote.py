"""Files on this machine to a service elsewhere: the whole-file form of POST /import-events (contract 5)."""

import http.client
import io
import os
from collections import Counter
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC
from socket import socket
from ssl import SSLWantReadError
from typing import BinaryIO
from urllib.parse import urlencode, urlsplit

import click
import orjson

from drengr.cli.import_local import opened
from drengr.events.event import Context
from drengr.files.json_rows import BrokenFile
from drengr.files.reader import PIECE_BYTES
from drengr.importing import Tally

_PASSING = (408, 429)  # beside 5xx: answers after which another try may help
_PATIENCE_S = 300  # between two lines of progress: one a second is the rule, a long transaction the exception


class RemoteImport:
    """Sends each file as one upload; the service's progress lines come back while it is under way.

    `tally` and `files` are those of the last one.
    """

    resumed_at = 0  # an upload always begins at row one

    def __init__(self, url: str, key: str, context: Context) -> None:
        self.tally = Tally()
        self.files = 0
        try:
            parts = urlsplit(url if "//" in url else "//" + url, scheme="http")
            self._address = (parts.hostname, parts.port)
        except ValueError:  # a port of letters, half an IPv6 address
            parts = urlsplit("")
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise click.UsageError("--url takes the address of a service, such as https://events.example.com")
        self._tls = parts.scheme == "https"
        query = {"source": context.source}
        if context.app_package:
            query["app_package"] = context.app_package
        if context.mapping:
            query["mapping"] = orjson.dumps(context.mapping).decode()
        if context.time_zone is not UTC:
            query["time_zone"] = str(context.time_zone)
        self._path = f"{parts.path.rstrip('/')}/import-events?{urlencode(query)}"
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/x-ndjson", "Connection": "close"}

    def run(self, path: str) -> Iterator[int]:
        self.tally, self.files = Tally(), 0
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(*self._address, timeout=_PATIENCE_S)
        try:
            with opened(path) as file:
                yield from self._sent(connection, file, path)
        except http.client.HTTPException as error:
            raise ConnectionError(f"the service broke off ({type(error).__name__})") from error
        finally:
            connection.close()

    def _sent(self, connection: http.client.HTTPConnection, file: BinaryIO, path: str) -> Iterator[int]:
        size = os.path.getsize(path) if os.path.isfile(path) else None
        connection.putrequest("POST", self._path)
        length = ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size))
        for name, value in (*self._headers.items(), length, ("Content-Type", _media_type(path))):
            connection.putheader(name, value)
        connection.endheaders()
        replies = _Replies(connection.sock)
        yield from _send(connection.sock, file, size is None, replies)
        answer = http.client.HTTPResponse(replies, method="POST")
        answer.begin()
        last: dict = {}
        for line in answer:
            last = _object(line)
            self._note(last)
            yield size or 0
        self._check(answer.status, last)

    def finish(self) -> None:
        """The service noted nothing that could be forgotten."""

    def _note(self, counts: dict) -> None:
        imported, skipped = counts.get("imported", 0), counts.get("skipped", 0)
        duplicates = counts.get("duplicates", 0)
        notes = Counter({each["note"]: each["rows"] for each in counts.get("notes", [])})
        self.tally = Tally(
            imported + skipped + duplicates, imported, skipped, duplicates, counts.get("errors", []), notes
        )
        self.files = counts.get("files", 0)

    def _check(self, status: int, last: dict) -> None:
        """Raises BrokenFile when it is the file, ConnectionError when another try may help."""
        code = last.get("code", status)
        if code == 401:
            raise click.UsageError("The service does not know the key in DRENGR_SECRET_KEY; it takes a secret key.")
        if code == 200 and "imported" in last:
            return
        reason = f"the service answered {code}: {str(last.get('error', 'no reason given')).rstrip('.')}"
        if code >= 500 or code in _PASSING:
            raise ConnectionError(reason)
        raise BrokenFile(reason)


class _Replies(io.RawIOBase):
    """What the service says. It tells of its progress while we still send: unread, that would fill the pipe."""

    def __init__(self, connection: socket) -> None:
        self._connection = connection
        self._early = bytearray()

    def readable(self) -> bool:
        return True

    def makefile(self, mode: str) -> io.BufferedReader:
        """The replies as http.client wants them from a socket."""
        return io.BufferedReader(self)

    def take_early(self) -> None:
        """Keep what has come in so far, without waiting for more."""
        self._connection.settimeout(0)
        try:
            while reply := self._connection.recv(65_536):
                self._early += reply
        except (BlockingIOError, SSLWantReadError):
            pass
        finally:
            self._connection.settimeout(_PATIENCE_S)

    def readinto(self, buffer) -> int:
        if not self._early:
            return self._connection.recv_into(buffer)
        count = min(len(buffer), len(self._early))
        buffer[:count] = self._early[:count]
        del self._early[:count]
        return count


def _send(connection: socket, file: BinaryIO, chunked: bool, replies: _Replies) -> Iterator[int]:
    """Send the body; yields the bytes sent. When the service hangs up, its answer says why."""
    sent = 0
    with suppress(ConnectionError):
        while piece := file.read(PIECE_BYTES):
            connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            replies.take_early()
            sent += len(piece)
            yield sent
        if chunked:
            connection.sendall(b"0\r\n\r\n")


def _object(line: bytes) -> dict:
    try:
        value = orjson.loads(line)
    except ValueError:
        return {"error": "no answer of Drengr's; is the address right?"}
    return value if isinstance(value, dict) else {}


def _media_type(path: str) -> str:
    return "text/csv" if path.lower().removesuffix(".gz").endswith(".csv") else "application/octet-stream"
