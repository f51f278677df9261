"""POST /import-events: history in batches of 1,000 rows, or the vendor's file as it is (contract 5)."""

from flask import Blueprint, Response, request

from drengr.api.errors import ApiError, json_response
from drengr.api.import_file import counts_of, imported_file
from drengr.api.incoming import BadEncoding, BodyTooLarge, drain, read_body, require_project_of_secret_key
from drengr.api.service import service
from drengr.events.event import Context
from drengr.events.jsontext import read_envelope
from drengr.importing import Tally, Waiting
from drengr.sources import (
    BadPackage,
    BadSource,
    BadZone,
    checked_mapping,
    checked_package,
    checked_source,
    checked_zone,
    read_batch,
)
from drengr.sources.generic import BadMapping
from drengr.store import Account, Project

MAX_BODY_BYTES = 5 * 1024 * 1024
MAX_EVENTS = 1_000

_OF_A_BATCH = ("time_zone",)
_OF_A_FILE = ("source", "app_package", "mapping", "time_zone", "dry_run")
_AS_IT_IS = "send the file as it is: curl -T FILE, or curl --data-binary @FILE"

door = Blueprint("import_events", __name__)


# `curl -T FILE` sends a PUT.
@door.route("/import-events", methods=["POST", "PUT"], strict_slashes=False, provide_automatic_options=False)
def import_events() -> Response:
    """A batch, or a whole file when the query string names its source."""
    try:
        project = require_project_of_secret_key()
        if "source" in request.args:
            return whole_file(project)
        _check_parameters(_OF_A_BATCH)
        _check_is_no_form()
        return _batch(project)
    except ApiError:
        drain()
        raise


def _check_parameters(known: tuple[str, ...]) -> None:
    """Raises ApiError 400 for a parameter of the query that would do nothing, most likely misspelt."""
    for name, values in request.args.lists():
        if name not in known:
            of_a_file = "" if "source" in known else "; of a whole file, which source marks: " + ", ".join(_OF_A_FILE)
            raise ApiError(400, f"unknown query parameter {name[:64]!r}; there are {', '.join(known)}{of_a_file}")
        if len(values) > 1:
            raise ApiError(400, f"query parameter {name} comes twice")


def _check_is_no_form() -> None:
    if request.mimetype == "multipart/form-data":
        raise ApiError(400, f"this is a form (curl -F), which wraps the file; {_AS_IT_IS}")


# A whole file ---------------------------------------------------------------------------------------------------------


def whole_file(project: Project, *, lines_while_sent: bool = True) -> Response:
    """The answer to a whole file, which is the body of the request; the query says how it is read.

    lines_while_sent  whether progress, where it is wanted, is told before the body is here
    Raises            ApiError
    """
    _check_parameters(_OF_A_FILE)
    _check_is_no_form()
    context = _context(request.args.get("source"), _query_mapping(), request.args.get("app_package"))
    dry_run = request.args.get("dry_run")
    if dry_run not in (None, "1"):
        raise ApiError(400, "dry_run takes 1: nothing is stored, the answer says what would be")
    return imported_file(project, context, dry_run=dry_run is not None, lines_while_sent=lines_while_sent)


def _query_mapping() -> object:
    text = request.args.get("mapping")
    if text is None:
        return None
    try:
        return read_envelope(text.encode())
    except ValueError:
        raise ApiError(400, "mapping in the query string is not JSON") from None


# A batch --------------------------------------------------------------------------------------------------------------


def _batch(project: Project) -> Response:
    """The order of checks is the contract's: key, size, JSON, source, mapping, events, count."""
    body = _body()
    here = service()
    with here.gate.at_work():
        with here.gate.mapping(len(body)):
            source, read = _read(_envelope(body))
        account = Account("importer", read.rows, read.dropped, read.changed)
        added = here.put_away(project, read.events, account, read.problems)
    return json_response(counts_of(source, Tally().after(read, added)))


def _read(envelope: dict) -> tuple[str, Waiting]:
    context = _context(envelope.get("source"), envelope.get("mapping"), envelope.get("app_package"))
    rows = envelope.get("events")
    if not isinstance(rows, list):
        raise ApiError(400, "events must be an array of rows")
    if len(rows) > MAX_EVENTS:
        raise ApiError(413, f"too many events: {len(rows)} rows, at most {MAX_EVENTS} in one request")
    read = Waiting()
    read.take(read_batch(rows, context), len(rows), lambda position: f"event {position}")
    return context.source, read


def _body() -> bytes:
    try:
        return read_body(MAX_BODY_BYTES)[0]
    except BodyTooLarge:
        raise ApiError(413, f"payload too large: at most {MAX_BODY_BYTES} bytes (5 MiB) in one request") from None
    except BadEncoding as error:
        raise ApiError(400, f"the body cannot be read: {error}") from None


def _envelope(body: bytes) -> dict:
    try:
        envelope = read_envelope(body)
    except ValueError:
        raise ApiError(400, "the body is not JSON", reason="not_json") from None
    if not isinstance(envelope, dict):
        raise ApiError(400, 'the body must be an object: {"source", "app_package"?, "mapping"?, "events": [...]}')
    return envelope


def _context(source: object, mapping: object, app_package: object) -> Context:
    """What the rows are read by. Raises ApiError 400 that names the field and the values it takes."""
    try:
        source = checked_source(source)
        mapping = checked_mapping(source, mapping)
        time_zone = checked_zone(request.args.get("time_zone"))
        package = checked_package(app_package)
    except (BadSource, BadMapping, BadZone, BadPackage) as error:
        raise ApiError(400, str(error)) from None
    here = service()
    return Context(
        source, here.now_ms(), here.sensitive, app_package=package, mapping=mapping, time_zone=time_zone
    )
