"""The room Import: a vendor's file, looked at and then stored (contract 5, 12)."""

from collections.abc import Iterator

from flask import Response

from drengr.admin.questions import MAX_LIMIT, single_values
from drengr.answering import shown_import
from drengr.api.dry_run import LOOKED_AT_BYTES
from drengr.api.errors import ApiError, json_response
from drengr.api.import_events import whole_file
from drengr.api.incoming import BodyTooLarge, drain, read_body
from drengr.api.service import service
from drengr.page import addresses
from drengr.page.frame import render, room
from drengr.page.guessing import HEAD_BYTES, guessed_source
from drengr.page.snippets import Snippet, address
from drengr.page.tables import Column, Table, csv_answer, every_row, wants_csv
from drengr.sources import SOURCES
from drengr.store import Project, Store

_SHOWN = 50  # imports; CSV has all
_IMPORTS = (
    Column("Number"), Column("When"), Column("File"), Column("Source"), Column("Stored", True),
    Column("Here already", True), Column("Left out", True),
)  # fmt: skip
_OF_CSV = (
    "number", "source", "app_package", "file", "received_at", "imported", "skipped", "duplicates", "undone_at",
)  # fmt: skip
_CSV_IMPORTS = tuple(map(Column, _OF_CSV))
_MAPPING = """\
{
  "event_name_field": "event",
  "timestamp_field": "time",
  "timestamp_unit": "iso8601",
  "user_id_field": "user_id",
  "anon_id_field": "device_id"
}"""
_CURL = """\
curl -T export.zip -H 'Authorization: Bearer drengr_sk_…' \\
  '{address}/import-events?source=amplitude'"""
_COMMAND = """\
drengr import export.zip --source amplitude --dry-run
drengr import export.zip --source amplitude"""


@room("import")
def import_room(project: Project) -> Response | str:
    """Where a file is dropped, what was imported, and the lines that import without a browser."""
    single_values(addresses.arguments("format", "table"), ())
    store = service().store
    if wants_csv("imports", is_first=True):
        return csv_answer(Table("imports", _CSV_IMPORTS, _import_rows(store, project)))
    return render(
        "import.html",
        "Import",
        vendors={name: source.VENDOR for name, source in SOURCES.items()},
        mapping=_MAPPING,
        looked_at_bytes=LOOKED_AT_BYTES,
        head_bytes=HEAD_BYTES,
        past=store.imports(project.id, _SHOWN),
        table=Table("imports", _IMPORTS),
        shown=_SHOWN,
        lines=[
            Snippet("command", "On the machine of the service", _COMMAND),
            Snippet("curl", "From anywhere, with a secret key", _CURL.format(address=address())),
        ],
    )


@room("import/guess", post=True, belongs_to="import_room")
def guess(project: Project) -> Response:
    """Whose export the first bytes of a file are from: {"source": "amplitude"}, or null."""
    try:
        head, _ = read_body(HEAD_BYTES, inflate=False)
    except BodyTooLarge:
        raise ApiError(413, "Only the beginning of a file is looked at.") from None
    return json_response({"source": guessed_source(head, service().now_ms())})


@room("import/file", post=True, belongs_to="import_room")
def import_file(project: Project) -> Response:
    """What POST /import-events?source=… answers to the same body and query; progress only once the body is here: a
    browser that is answered earlier sends no more.
    """
    try:
        return whole_file(project, lines_while_sent=False)
    except ApiError as error:
        drain()
        return json_response({"code": error.status, "error": error.message}, error.status)


def _import_rows(store: Store, project: Project) -> Iterator[tuple[object, ...]]:
    """All imports, newest first; read while the file is sent."""
    newest: int | None = None
    past = every_row(lambda before: store.imports(project.id, MAX_LIMIT, before), newest, lambda _, each: each.number)
    for each in past:
        yield tuple("" if value is None else value for value in shown_import(each).values())
