"""GET /openapi.json: all doors in a form that machines read. A file here for each door."""

from functools import cache

import orjson
from flask import Blueprint, Response

from drengr import __version__
from drengr.api.openapi import acceptor, admin, amplitude, importer, owner, people, rest
from drengr.api.openapi.owner import OWNER_SCHEMAS
from drengr.api.openapi.people_schemas import PEOPLE_SCHEMAS
from drengr.api.openapi.schemas import SCHEMAS

door = Blueprint("openapi", __name__)


@door.get("/openapi.json")
def openapi() -> Response:
    """The document."""
    return Response(_text(), mimetype="application/json")


@cache
def _text() -> bytes:
    return orjson.dumps(document())


def document() -> dict:
    """The OpenAPI 3.1 document."""
    paths: dict[str, dict] = {}
    for part in (acceptor, importer, admin, people, owner, amplitude, rest):
        paths |= part.paths()
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Drengr",
            "version": __version__,
            "description": "Product events on your own machine: live from Amplitude's SDKs, history from five vendors' "
            "exports, and an admin API over everything that landed.",
        },
        "servers": [{"url": "/"}],
        "paths": paths,
        "components": {
            "schemas": SCHEMAS | PEOPLE_SCHEMAS | OWNER_SCHEMAS,
            "securitySchemes": {
                "secretKey": {"type": "http", "scheme": "bearer", "description": "drengr_sk_…"},
                "bothKeys": {"type": "http", "scheme": "basic", "description": "drengr_pk_… and drengr_sk_…"},
                "metricsToken": {"type": "http", "scheme": "bearer", "description": "DRENGR_METRICS_TOKEN"},
            },
        },
    }
