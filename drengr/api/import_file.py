"""A vendor's whole file as the body of POST /import-events?source=…: read and stored as it arrives (contract 5)."""

import logging
import tempfile
import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any, BinaryIO

import orjson
from flask import Response, request, stream_with_context
from werkzeug.http import parse_options_header

from drengr.api import arrivals
from drengr.api.dry_run import A_LARGE_ZIP, LOOKED_AT_BYTES, ROWS_AT_ONCE, DryRun
from drengr.api.errors import ApiError, json_response, refusal_reason
from drengr.api.incoming import body_pieces, drain
from drengr.api.service import service, tell_refusal
from drengr.events.event import Context
from drengr.events.jsontext import clean_text
from drengr.files.broken import BrokenFile, Enough
from drengr.files.reader import FileReader, spooled, transferred
from drengr.importing import Fruitless, Import, Tally, Waiting, limits_of
from drengr.sources import SOURCES, ga4
from drengr.store import Account, Added, ImportRun, Project, StoreError

log = logging.getLogger("drengr.api")

MAX_UPLOADS = 4  # whole files at once in a worker: threads and memory belong to live events
MAX_FILE_NAME = 255  # as much as file systems take
_PROGRESS_S = 1.0
_NDJSON = "application/x-ndjson"
_FORM = "application/x-www-form-urlencoded"  # what curl says of whatever follows -d

_uploads = threading.BoundedSemaphore(MAX_UPLOADS)


def imported_file(
    project: Project, context: Context, *, dry_run: bool = False, lines_while_sent: bool = True
) -> Response:
    """The answer when the file is read and stored, or an answer that tells of the progress until then.

    dry_run           nothing is stored and nothing counted: the answer says what would be
    lines_while_sent  whether progress is told before the body is here
    """
    upload = _Upload(project, context, dry_run, lines_while_sent)
    lines = upload.progress()
    if _NDJSON in request.headers.get("Accept", ""):
        return Response(stream_with_context(lines), mimetype=_NDJSON)
    for _ in lines:
        pass
    return json_response(upload.answer, upload.answer.get("code", 200))


def counts_of(source: str, tally: Tally) -> dict[str, Any]:
    """The members that the answer to a batch and to a whole file share."""
    counts: dict[str, Any] = {
        "imported": tally.imported,
        "skipped": tally.skipped,
        "errors": tally.reasons,
        "duplicates": tally.duplicates,
    }
    if tally.notes:
        counts["notes"] = [{"rows": rows, "note": note} for note, rows in tally.notes.most_common()]
    return counts | {"meta": ga4.META} if source == ga4.SOURCE else counts


def _file_name() -> str | None:
    """As `drengr import --url` and the page tell it; curl -T does not."""
    name = parse_options_header(request.headers.get("Content-Disposition"))[1].get("filename")
    return clean_text(name)[:MAX_FILE_NAME] or None if name else None


class _BrokeOff(BrokenFile):
    """The body did not come to its end; another try may."""


class _Stopped(_BrokeOff):
    """The service is to end: what was read is stored, no more is read."""


class _Upload:
    """One file as it comes in and is stored."""

    def __init__(self, project: Project, context: Context, dry_run: bool, lines_while_sent: bool) -> None:
        here = service()
        kind = SOURCES[context.source].column_kind
        self._project = project
        self._store = here.store
        self._outcomes = here.outcomes
        self._limits = limits_of(here.config)
        self._folder = here.config.folder
        self._patience_s = here.config["DRENGR_BODY_SECONDS"]
        self._source = context.source
        self._run = ImportRun(context.source, context.app_package, _file_name(), context.now_ms)
        self._reader = FileReader(self._limits, lambda header: kind(header, context.mapping))
        self._dry_run = DryRun(self._store, project) if dry_run else None
        self._is_part = dry_run and "Content-Range" in request.headers  # the page sends no more than is looked at
        self._import = Import(
            replace(context, names_dropped_keys=dry_run),
            self._dry_run.put if self._dry_run else self._put,
            lambda row, _: f"event {row}",
            rows_at_once=(lambda: ROWS_AT_ONCE) if dry_run else self._store.history_rows,
        )
        self._bytes = 0  # received
        self._tells = lines_while_sent  # whether progress may be told now
        self.answer: dict[str, Any] = {}  # at the end

    def progress(self) -> Iterator[bytes]:
        """Reads and stores; a line of JSON a second, the last being the answer, errors included.

        Whoever hangs up while it is told of the progress keeps what it sent, as anybody does who hangs up.
        """
        working, told = self._working(), time.monotonic()
        try:
            for _ in working:
                if self._tells and time.monotonic() - told >= _PROGRESS_S:
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
        if not (self._import.tally.rows or self._dry_run) and (status := self.answer.get("code")):
            tell_refusal("importer", refusal_reason(status), status)
        drain()

    def _imported(self) -> Iterator[None]:
        try:
            batches = self._reader.batches(self._pieces(), request.headers.get("Content-Type", ""), self._spooled)
            for _ in self._import.run(batches):
                yield
            self.answer = self._counts()
        except Enough:
            self.answer = self._looked_at()
        except Fruitless as error:
            hint = "; curl -d takes the line ends out of a file: send it with curl -T FILE" if self._is_form() else ""
            self.answer = {"code": 400, "error": f"{error}{hint}", **self._counts()}
        except _Stopped as error:
            self.answer = self._failure(503, str(error))
        except BrokenFile as error:
            self.answer = self._failure(400, str(error), repeat_helps=isinstance(error, _BrokeOff))
        except (StoreError, OSError) as error:
            log.error("an import stopped: %s: %s", type(error).__name__, error)
            self.answer = self._failure(503, "the database cannot be used now")
        except Exception:  # the status may be sent already: only this line can tell the client
            log.exception("an import failed")
            self.answer = self._failure(500, "internal error")

    def _put(self, waiting: Waiting, _: Tally) -> Added:
        account = Account("importer", waiting.rows, waiting.dropped, waiting.changed)
        added = self._store.add_history(self._project.id, waiting.events, account=account, run=self._run)
        self._outcomes.dropped(self._project, "importer", waiting.problems + waiting.refused_problems(added))
        return added

    def _looked_at(self) -> dict[str, Any]:
        """The answer when a dry run has seen enough of the file."""
        try:
            if not self._reader.files:
                raise Fruitless(A_LARGE_ZIP)
            self._import.check_fruits()
        except Fruitless as error:
            return {"code": 400, "error": str(error), **self._counts()}
        return self._counts()

    def _counts(self) -> dict[str, Any]:
        tally = self._import.tally
        told = self._dry_run.told(tally, is_part=self._is_part) if self._dry_run else {}
        return counts_of(self._source, tally) | {"files": self._reader.files} | told

    def _failure(self, status: int, reason: str, *, repeat_helps: bool = True) -> dict[str, Any]:
        tally = self._import.tally
        where = f" in {self._reader.member[:100]}" if self._reader.member else ""
        advice = (
            "Sending it again is safe"
            if repeat_helps
            else "Sending the same again changes nothing; what is stored already is not stored twice"
        )
        text = (
            f"{reason}{where}. {tally.rows} rows were read: {tally.imported} are stored now,"
            f" {tally.duplicates} already were, {tally.skipped} were skipped. {advice}"
        )
        return {"code": status, "error": text, **self._counts()}

    def _is_form(self) -> bool:
        return self._import.tally.rows == 0 and request.mimetype == _FORM

    def _pieces(self) -> Iterator[bytes]:
        """The body as it was before the transfer packed it. Raises BrokenFile."""
        coding = request.headers.get("Content-Encoding", "identity").strip().lower()
        return transferred(self._received(), coding, self._limits)

    def _received(self) -> Iterator[bytes]:
        connection = request.environ.get("gunicorn.socket")
        pieces = body_pieces()
        while True:
            arrivals.awaited(connection, self._patience_s)
            try:
                piece = next(pieces, b"")
            except ApiError:
                raise self._broke_off("the upload broke off") from None
            finally:
                arrivals.received(connection)  # waiting for the database is ours, and may take longer
            if not piece:
                break
            self._bytes += len(piece)
            if self._dry_run is None or self._bytes <= LOOKED_AT_BYTES:
                yield piece
            else:
                self._is_part = True
            if arrivals.is_stopping() and self._bytes != request.content_length:
                raise self._broke_off("")
        self._tells = True
        if self._bytes < (request.content_length or 0):
            raise self._broke_off(f"the upload broke off after {self._bytes} of {request.content_length} bytes")

        if self._is_part:
            raise Enough

    def _broke_off(self, why: str) -> _BrokeOff:
        return _Stopped("the service was stopped") if arrivals.is_stopping() else _BrokeOff(why)

    def _spooled(self, pieces: Iterable[bytes]) -> Iterator[BinaryIO | None]:
        """A zip can only be read from its end; the file has no name, it is gone whatever happens."""
        with tempfile.TemporaryFile(dir=self._folder) as file:
            yield from spooled(pieces, file, self._limits)
