"""GET /healthz: 200 only when the database can really be written (contract 7)."""

from flask import Blueprint, Response

from drengr.api.errors import json_response
from drengr.api.service import service
from drengr.store import FAULTS

door = Blueprint("health", __name__)


@door.get("/healthz")
def healthz() -> Response:
    """Commits a line and says so; else the reason."""
    try:
        service().store.prove_writable()
    except (*FAULTS, OSError) as error:
        return json_response({"code": 503, "status": "unavailable", "error": str(error)}, 503)
    return json_response({"status": "ok"})
