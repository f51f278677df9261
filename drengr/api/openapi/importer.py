"""POST and PUT of history (contract 5)."""

from drengr.api.openapi.words import INFRASTRUCTURE, SECRET, answer, errors_of, query, ref
from drengr.sources import SOURCES


def paths() -> dict[str, dict]:
    """The path of the importer."""
    return {"/import-events": {"post": _importer("post"), "put": _importer("put")}}


def _importer(method: str) -> dict:
    errors = {
        "400": (
            "A field is wrong, or the file is damaged or holds no event: what was read is counted",
            {"code": 400, "error": "events must be an array of rows"},
        ),
        "401": ("No good secret key", {"code": 401, "error": "invalid secret key"}),
        "408": ("The body did not arrive in time", {"code": 408, "error": "the request body did not arrive in time"}),
        "413": (
            "Over 1,000 events or 5 MiB",
            {"code": 413, "error": "too many events: 1001 rows, at most 1000 in one request"},
        ),
        **INFRASTRUCTURE,
    }
    of_a_file = "Marks the body as a whole file; "
    return {
        "operationId": "importEvents" if method == "post" else "importFile",
        "summary": "History: a batch of rows, or a vendor's whole file",
        "description": "Without `source` in the query the body is a JSON envelope of at most 1,000 rows and 5 MiB. "
        "With it the body is a file of any size: zip, gzip, NDJSON, JSON array or CSV. `Accept: application/x-ndjson` "
        "streams progress, the last line being the answer. Sending anything twice is safe.",
        "security": SECRET,
        "parameters": [
            query("source", {"enum": list(SOURCES)}, of_a_file + "whose it is"),
            query("app_package", {"type": "string", "maxLength": 255}, "Noted with every event of the file"),
            query("mapping", {"type": "string"}, "generic only: the mapping as JSON"),
            query("time_zone", {"type": "string"}, "IANA name, of times that name no zone; default: UTC"),
            query("dry_run", {"enum": ["1"]}, "Of a file: store nothing, say what would be"),
        ],
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("ImportBatch")},
                "application/x-ndjson": {"schema": {"type": "string"}},
                "text/csv": {"schema": {"type": "string"}},
                "application/gzip": {"schema": {"type": "string", "format": "binary"}},
                "application/zip": {"schema": {"type": "string", "format": "binary"}},
            },
        },
        "responses": {"200": answer("What became of the rows", "ImportCounts"), **errors_of("ImportError", errors)},
    }
