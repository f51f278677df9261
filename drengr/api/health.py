"""GET /healthz: 200 only when the database can really be written (contract 7)."""

from flask import Blueprint, Response

from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.log import faults
from drengr.store import StoreError

door = Blueprint("health", __name__)


@door.get("/healthz")
def healthz() -> Response:
    """Commits a line and says so; else the reason."""
    try:
        service().store.prove_writable()
    except (StoreError, OSError) as error:
        faults.error("/healthz: %s", error)  # the path is for whoever reads the log, not for whoever asks
        reason = error.public if isinstance(error, StoreError) else StoreError.public
        return json_response({"code": 503, "status": "unavailable", "error": reason}, 503)
    return json_response({"status": "ok"})
