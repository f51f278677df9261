"""POST /import-events: history in batches of 1,000 rows, or the vendor's file as it is (contract 5)."""

import logging
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from typing import BinaryIO

import orjson
from flask import Blueprint, Response, request, stream_with_context

from drengr.api import arrivals
from drengr.api.errors import ApiError, json_response
from drengr.api.incoming import (
    BadEncoding,
    BodyTooLarge,
    body_pieces,
    drain,
    read_body,
    require_project_of_secret_key,
)
from drengr.api.service import service
from drengr.events.event import Context
from drengr.events.jsontext import clean_text, read_json
from drengr.files.json_rows import BrokenFile
from drengr.files.reader import FileReader, inflated, spooled
from drengr.importing import MAX_REASONS, Import, limits_of
from drengr.sources import SOURCES, BadSource, Mapped, checked_mapping, checked_source, ga4, read_batch
from drengr.sources.generic import BadMapping
from drengr.store import Project, StoreError

log = logging.getLogger("drengr.api")

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_EVENTS = 1_000
MAX_APP_PACKAGE = 255
MAX_UPLOADS = 4  # whole files at once in a worker: threads and memory belong to live events
_PROGRESS_S = 1.0
_NDJSON = "application/x-ndjson"

_uploads = threading.BoundedSemaphore(MAX_UPLOADS)

door = Blueprint("import_events", __name__)


# `curl -T FILE` sends a PUT.
@door.route("/import-events", methods=["POST", "PUT"], strict_slashes=False, provide_automatic_options=False)
def import_events() -> Response:
    """A batch, or a whole file when the query string names its source."""
    try:
        project = require_project_of_secret_key()
        return _whole_file(project) if "source" in request.args else _batch(project)
    except ApiError:
        drain()
        raise


# A batch --------------------------------------------------------------------------------------------------------------


def _batch(project: Project) -> Response:
    """The order of checks is the contract's: key, size, JSON, source, mapping, events, count."""
    body = _body()
    here = service()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            source, mapped = _read(_envelope(body))
        added = here.store.add(project.id, mapped.events)
    texts = [f"event {position}: {reason}" for position, _, reason in mapped.skipped[:MAX_REASONS]]
    return json_response(_counts(source, added.inserted, len(mapped.skipped), texts, added.duplicates))


def _read(envelope: dict) -> tuple[str, Mapped]:
    context = _context(envelope.get("source"), envelope.get("mapping"), envelope.get("app_package"))
    rows = envelope.get("events")
    if not isinstance(rows, list):
        raise ApiError(400, "events must be an array of rows")
    if len(rows) > MAX_EVENTS:
        raise ApiError(413, f"too many events: {len(rows)} rows, at most {MAX_EVENTS} in one request")
    return context.source, read_batch(rows, context)


def _body() -> bytes:
    try:
        return read_body(MAX_BODY_BYTES)[0]
    except BodyTooLarge:
        raise ApiError(413, f"payload too large: at most {MAX_BODY_BYTES} bytes (5 MiB) in one request") from None
    except BadEncoding as error:
        raise ApiError(400, f"the body cannot be read: {error}") from None


def _envelope(body: bytes) -> dict:
    try:
        envelope = read_json(body)
    except ValueError:
        raise ApiError(400, "the body is not JSON") from None
    if not isinstance(envelope, dict):
        raise ApiError(400, 'the body must be an object: {"source", "app_package"?, "mapping"?, "events": [...]}')
    return envelope


def _context(source: object, mapping: object, app_package: object) -> Context:
    """What the rows are read by. Raises ApiError 400 that names the field and the values it takes."""
    try:
        source = checked_source(source)
        mapping = checked_mapping(source, mapping)
    except (BadSource, BadMapping) as error:
        raise ApiError(400, str(error)) from None
    if app_package is not None and (not isinstance(app_package, str) or len(app_package) > MAX_APP_PACKAGE):
        raise ApiError(400, f"app_package must be text of at most {MAX_APP_PACKAGE} characters")
    here = service()
    return Context(source, here.now_ms(), here.sensitive, app_package=app_package or None, mapping=mapping)


def _counts(source: str, imported: int, skipped: int, errors: list[str], duplicates: int) -> dict:
    counts = {"imported": imported, "skipped": skipped, "errors": errors, "duplicates": duplicates}
    return counts | {"meta": ga4.META} if source == ga4.SOURCE else counts


# A whole file ---------------------------------------------------------------------------------------------------------


def _whole_file(project: Project) -> Response:
    context = _context(request.args["source"], _query_mapping(), _query_text("app_package"))
    upload = _Upload(project, context)
    lines = upload.progress()
    if _NDJSON in request.headers.get("Accept", ""):
        return Response(stream_with_context(lines), mimetype=_NDJSON)
    for _ in lines:
        pass
    return json_response(upload.answer, upload.answer.get("code", 200))


def _query_text(name: str) -> str | None:
    value = request.args.get(name)
    return None if value is None else clean_text(value)


def _query_mapping() -> object:
    text = _query_text("mapping")
    if text is None:
        return None
    try:
        return read_json(text.encode())
    except ValueError:
        raise ApiError(400, "mapping in the query string is not JSON") from None


class _Upload:
    """One file as it comes in and is stored."""

    def __init__(self, project: Project, context: Context) -> None:
        here = service()
        kind = SOURCES[context.source].column_kind
        self._limits = limits_of(here.config)
        self._folder = here.store.folder
        self._patience_s = here.config["DRENGR_BODY_SECONDS"]
        self._source = context.source
        self._reader = FileReader(self._limits, lambda header: kind(header, context.mapping))
        self._import = Import(
            context, lambda events, _: here.store.add_history(project.id, events), lambda row, _: f"event {row}"
        )
        self._bytes = 0  # received
        self.answer: dict = {}  # at the end

    def progress(self) -> Iterator[bytes]:
        """Reads and stores; a line of JSON a second, the last being the answer, errors included.

        Whoever hangs up while it is told of the progress keeps what it sent, as anybody does who hangs up.
        """
        working, told = self._working(), time.monotonic()
        try:
            for _ in working:
                if time.monotonic() - told >= _PROGRESS_S:
                    told = time.monotonic()
                    yield orjson.dumps(self._counts() | {"bytes": self._bytes}) + b"\n"
        except GeneratorExit:
            for _ in working:
                pass
            raise
        yield orjson.dumps(self.answer) + b"\n"

    def _working(self) -> Iterator[None]:
        """The upload, step by step; at the end there is the answer."""
        if _uploads.acquire(blocking=False):
            try:
                yield from self._imported()
            finally:
                _uploads.release()
        else:
            self.answer = self._failure(503, f"{MAX_UPLOADS} files are being imported at this moment")
        drain()

    def _imported(self) -> Iterator[None]:
        try:
            batches = self._reader.batches(self._pieces(), request.headers.get("Content-Type", ""), self._spooled)
            for _ in self._import.run(batches):
                yield
            self.answer = self._counts()
        except BrokenFile as error:
            self.answer = self._failure(400, str(error))
        except (StoreError, OSError) as error:
            log.error("an import stopped: %s: %s", type(error).__name__, error)
            self.answer = self._failure(503, "the database cannot be used now")
        except Exception:  # the status may be sent already: only this line can tell the client
            log.exception("an import failed")
            self.answer = self._failure(500, "internal error")

    def _counts(self) -> dict:
        tally = self._import.tally
        counts = _counts(self._source, tally.imported, tally.skipped, tally.reasons, tally.duplicates)
        return counts | {"files": self._reader.files}

    def _failure(self, status: int, reason: str) -> dict:
        tally = self._import.tally
        where = f" in {self._reader.member[:100]}" if self._reader.member else ""
        text = (
            f"{reason}{where}. Before that {tally.rows} rows were read: {tally.imported} are stored now,"
            f" {tally.duplicates} already were, {tally.skipped} were skipped. Sending it again is safe"
        )
        return {"code": status, "error": text, **self._counts()}

    def _pieces(self) -> Iterator[bytes]:
        """The body as it was before the transfer packed it. Raises BrokenFile."""
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        if coding in ("gzip", "x-gzip"):
            return inflated(self._received(), self._limits)
        if coding not in ("", "identity"):
            raise BrokenFile(f"content encoding {coding[:40]!r} is not known; send it as gzip or as it is")
        return self._received()

    def _received(self) -> Iterator[bytes]:
        connection = request.environ.get("gunicorn.socket")
        pieces = body_pieces()
        while True:
            arrivals.awaited(connection, self._patience_s)
            try:
                piece = next(pieces, b"")
            except ApiError:
                raise BrokenFile("the upload broke off") from None
            finally:
                arrivals.received(connection)  # waiting for the database is ours, and may take longer
            if not piece:
                break
            self._bytes += len(piece)
            yield piece
        if self._bytes < (request.content_length or 0):
            raise BrokenFile(f"the upload broke off after {self._bytes} of {request.content_length} bytes")

    def _spooled(self, pieces: Iterable[bytes]) -> Iterator[BinaryIO | None]:
        """A zip can only be read from its end; the file has no name, it is gone whatever happens."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            yield from spooled(pieces, file, self._limits)
