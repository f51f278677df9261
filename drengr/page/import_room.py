"""The room Import: a vendor's file, looked at and then stored (contract 5, 12)."""

from flask import Response

from drengr.api.dry_run import LOOKED_AT_BYTES
from drengr.api.errors import ApiError, json_response
from drengr.api.import_events import whole_file
from drengr.api.incoming import BodyTooLarge, drain, read_body
from drengr.api.service import service
from drengr.page.frame import render, room
from drengr.page.guessing import HEAD_BYTES, guessed_source
from drengr.page.snippets import Snippet, address
from drengr.store import Project

VENDORS = {  # source → whose files it reads
    "amplitude": "Amplitude",
    "mixpanel": "Mixpanel",
    "posthog": "PostHog",
    "ga4": "Google Analytics 4 (BigQuery)",
    "generic": "rows of your own (generic)",
}
_SHOWN = 50  # imports; CSV has all
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
def import_room(project: Project) -> str:
    """Where a file is dropped, and the lines that import without a browser."""
    return render(
        "import.html",
        "Import",
        vendors=VENDORS,
        mapping=_MAPPING,
        looked_at_bytes=LOOKED_AT_BYTES,
        head_bytes=HEAD_BYTES,
        past=service().store.imports(project.id, _SHOWN),
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
