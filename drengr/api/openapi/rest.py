"""What is no door: health, metrics, this document (contract 7, 11)."""

from drengr.api.openapi.words import answer, errors_of


def paths() -> dict[str, dict]:
    """The paths."""
    return {
        "/healthz": {"get": _health()},
        "/metrics": {"get": _metrics()},
        "/openapi.json": {"get": _itself()},
    }


def _health() -> dict:
    failed = {"503": ("It cannot", {"code": 503, "status": "unavailable", "error": "database is locked"})}
    return {
        "operationId": "health",
        "summary": "Whether the database can be written, proved by a write",
        "responses": {"200": answer("It can", "Health"), **errors_of("Error", failed)},
    }


def _metrics() -> dict:
    content = {"text/plain": {"schema": {"type": "string"}}}
    errors = {
        "401": ("No good token", {"code": 401, "error": "invalid metrics token"}),
        "404": ("DRENGR_METRICS_TOKEN is not set", {"code": 404, "error": "not found"}),
    }
    return {
        "operationId": "metrics",
        "summary": "Prometheus text 0.0.4, one answer for all workers",
        "security": [{"metricsToken": []}],
        "responses": {"200": {"description": "All metrics", "content": content}, **errors_of("Error", errors)},
    }


def _itself() -> dict:
    content = {"application/json": {"schema": {"type": "object", "required": ["openapi", "info", "paths"]}}}
    responses = {"200": {"description": "OpenAPI 3.1", "content": content}}
    return {"operationId": "openapi", "summary": "This document", "responses": responses}
