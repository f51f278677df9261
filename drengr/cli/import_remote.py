"""Files on this machine to a service elsewhere: the whole-file form of POST /import-events (contract 5)."""

import http.client
import io
import os
import select
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import UTC
from socket import socket
from threading import Lock, Thread
from typing import Any, BinaryIO
from urllib.parse import quote, urlencode, urlsplit

import click
import orjson

from drengr.cli.import_local import open_file
from drengr.events.event import Context
from drengr.files.broken import BrokenFile
from drengr.importing import Tally

_PASSING = (408, 429)  # beside 5xx: answers after which another try may help
_PATIENCE_S = 300  # between two lines of progress: one a second is the rule, a long transaction the exception
_PIECE_BYTES = 32 * 1024
_TICK_S = 0.2


class RemoteImport:
    """Sends each file as one upload; the service's progress lines come back while it is under way.

    `tally` and `files` are those of the last one.
    """

    resumed_at = 0  # an upload always begins at row one

    def __init__(self, url: str, key: str, context: Context) -> None:
        self.tally = Tally()
        self.files = 0
        self._tls, self._host, self._port, path = _address(url)
        query = {"source": context.source}
        if context.app_package:
            query["app_package"] = context.app_package
        if context.mapping:
            query["mapping"] = orjson.dumps(context.mapping).decode()
        if context.time_zone is not UTC:
            query["time_zone"] = str(context.time_zone)
        self._path = f"{path}/import-events?{urlencode(query)}"
        self._headers = {"Authorization": f"Bearer {key}", "Accept": "application/x-ndjson", "Connection": "close"}

    def run(self, path: str) -> Iterator[int]:
        """Send the file; yields its bytes sent so far. Raises BrokenFile, OSError."""
        self.tally, self.files = Tally(), 0
        kind = http.client.HTTPSConnection if self._tls else http.client.HTTPConnection
        connection = kind(self._host, self._port, timeout=_PATIENCE_S)
        try:
            with open_file(path) as file:
                yield from self._sent(connection, file, path)
        except http.client.HTTPException as error:
            raise ConnectionError(f"the service broke off ({type(error).__name__})") from error
        finally:
            connection.close()

    def finish(self) -> None:
        """The service noted nothing that could be forgotten."""

    def _sent(self, connection: http.client.HTTPConnection, file: BinaryIO, path: str) -> Iterator[int]:
        size = os.path.getsize(path) if os.path.isfile(path) else None
        connection.putrequest("POST", self._path)
        length = ("Transfer-Encoding", "chunked") if size is None else ("Content-Length", str(size))
        told = [("Content-Type", _media_type(path)), *([("Content-Disposition", _named(path))] if path != "-" else [])]
        for name, value in (*self._headers.items(), length, *told):
            connection.putheader(name, value)
        connection.endheaders()
        turn = Lock()
        answer = _Answer(connection.sock, turn, self._note)
        answer.start()
        yield from _send(connection.sock, turn, file, chunked=size is None)
        while answer.is_alive():
            answer.join(_TICK_S)
            yield size or 0
        self._check(*answer.result())

    def _note(self, line: dict[str, Any]) -> None:
        if not isinstance(line.get("imported"), int):
            return  # an error before anything was read, or somebody else's answer
        imported, skipped, duplicates = line["imported"], line["skipped"], line["duplicates"]
        notes = Counter({each["note"]: each["rows"] for each in line.get("notes", [])})
        self.tally = Tally(imported + skipped + duplicates, imported, skipped, duplicates, line["errors"], notes)
        self.files = line.get("files", 0)

    def _check(self, status: int, last: dict[str, Any]) -> None:
        """Raises BrokenFile when it is the file, ConnectionError when another try may help."""
        code = last["code"] if isinstance(last.get("code"), int) else status
        if code == 401:
            raise click.UsageError("The service does not know the key in DRENGR_SECRET_KEY; it takes a secret key.")
        if code == 200 and isinstance(last.get("imported"), int):
            return
        reason = f"the service answered {code}: {str(last.get('error', 'no reason given')).rstrip('.')}"
        if code >= 500 or code in _PASSING:
            raise ConnectionError(reason)
        raise BrokenFile(reason)


class _Answer(Thread):
    """Reads what the service says while the file is still being sent: unread, its progress would fill the pipe."""

    def __init__(self, connection: socket, turn: Lock, note: Callable[[dict[str, Any]], None]) -> None:
        super().__init__(daemon=True)
        self._replies = _Replies(connection, turn)
        self._note = note
        self._status = 0
        self._last: dict[str, Any] = {}
        self._error: Exception | None = None

    def run(self) -> None:
        try:
            answer = http.client.HTTPResponse(self._replies, method="POST")  # type: ignore[arg-type]
            answer.begin()
            self._status = answer.status
            for line in answer:
                self._last = _object(line)
                self._note(self._last)
        except Exception as error:  # raised where it is waited for
            self._error = error

    def result(self) -> tuple[int, dict[str, Any]]:
        """(status, the last line). Raises OSError, HTTPException."""
        if self._error is not None:
            raise self._error
        return self._status, self._last


class _Replies(io.RawIOBase):
    """The receiving side of a connection whose sending side is in use: OpenSSL bears only one of them at a time."""

    def __init__(self, connection: socket, turn: Lock) -> None:
        self._connection = connection
        self._turn = turn

    def readable(self) -> bool:
        return True

    def makefile(self, mode: str) -> io.BufferedReader:
        """The replies as http.client wants them from a socket."""
        return io.BufferedReader(self)

    def readinto(self, buffer: Any) -> int:
        unread = getattr(self._connection, "pending", lambda: 0)()  # bytes that TLS has unpacked already
        if not unread and not select.select([self._connection], [], [], _PATIENCE_S)[0]:
            raise TimeoutError("the service says nothing")
        with self._turn:
            return self._connection.recv_into(buffer)


def _send(connection: socket, turn: Lock, file: BinaryIO, *, chunked: bool) -> Iterator[int]:
    """Send the body; yields the bytes sent. When the service hangs up, its answer says why."""
    sent = 0
    with suppress(ConnectionError):
        while piece := file.read(_PIECE_BYTES):
            with turn:
                connection.sendall(b"%x\r\n%b\r\n" % (len(piece), piece) if chunked else piece)
            sent += len(piece)
            yield sent
        if chunked:
            with turn:
                connection.sendall(b"0\r\n\r\n")


def _address(url: str) -> tuple[bool, str, int | None, str]:
    """(whether it is TLS, host, port, path). Raises UsageError."""
    with suppress(ValueError):  # a port of letters, half an IPv6 address
        parts = urlsplit(url if "//" in url else "//" + url, scheme="http")
        if parts.scheme in ("http", "https") and parts.hostname:
            return parts.scheme == "https", parts.hostname, parts.port, parts.path.rstrip("/")
    raise click.UsageError("--url takes the address of a service, such as https://events.example.com")


def _object(line: bytes) -> dict[str, Any]:
    try:
        value = orjson.loads(line)
    except ValueError:
        return {"error": "no answer of Drengr's; is the address right?"}
    return value if isinstance(value, dict) else {}


def _named(path: str) -> str:
    """The header that tells the file's name, whatever characters it has."""
    name = os.path.basename(path).encode("utf-8", "replace")
    return f"attachment; filename*=UTF-8''{quote(name)}"


def _media_type(path: str) -> str:
    return "text/csv" if path.lower().removesuffix(".gz").endswith(".csv") else "application/octet-stream"
