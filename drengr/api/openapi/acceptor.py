"""POST of live events, and of what users and groups are like (contract 4, 8)."""

from drengr.api import amplitude_identify, amplitude_ingest
from drengr.api.openapi.words import INFRASTRUCTURE, answer, errors_of, named, ref


def paths() -> dict[str, dict]:
    """The paths of the acceptor."""
    found = {path: {"post": _acceptor(path), "options": _preflight(path)} for path in amplitude_ingest.PATHS}
    for path, who in zip(amplitude_identify.PATHS, ("User", "Group"), strict=True):
        found[path] = {"post": _identify(path, who), "options": _preflight(path)}
    return found


def _acceptor(path: str) -> dict:
    missing = ("The key is no good, or there is no events array", "invalid api_key", "api_key")
    return {
        "operationId": named("sendEvents", path),
        "summary": "Live events, as Amplitude's SDKs send them",
        "description": "JSON, plain or with Content-Encoding gzip or deflate, whatever the Content-Type says; or the "
        "form that older SDKs post. A trailing slash is welcome too. Events without a name or an id are left out.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref("AmplitudeBatch")},
                "application/x-www-form-urlencoded": {"schema": ref("LegacyAmplitudeForm")},
            },
        },
        "responses": {"200": answer("Stored, repeats included", "Accepted"), **errors_of("Error", _errors(*missing))},
    }


def _identify(path: str, who: str) -> dict:
    missing = ("The key is no good, or there is no identification", "missing_event", "identification")
    success = {"description": "Stored", "content": {"text/plain": {"schema": {"const": "success"}}}}
    return {
        "operationId": named("send", path),
        "summary": f"What {who.lower()}s are like, as scripts and older SDKs send it",
        "description": f"Stored as the ${path[1:]} events that SDKs send. A form or JSON, packed or not.",
        "requestBody": {
            "required": True,
            "content": {
                "application/json": {"schema": ref(f"{who}Identifications")},
                "application/x-www-form-urlencoded": {"schema": ref("IdentificationForm")},
            },
        },
        "responses": {"200": success, **errors_of("Error", _errors(*missing))},
    }


def _errors(description: str, error: str, field: str) -> dict[str, tuple[str, dict]]:
    return {
        "400": (description, {"code": 400, "error": error, "missing_field": field}),
        "408": ("The body did not arrive in time", {"code": 408, "error": "the request body did not arrive in time"}),
        "413": ("Over 1 MiB or 2,000 events", {"code": 413, "error": "payload too large"}),
        "429": (
            "The project's daily quota is used up",
            {"code": 429, "error": "exceeded daily quota", "throttled_events": [0]},
        ),
        **INFRASTRUCTURE,
    }


def _preflight(path: str) -> dict:
    responses = {"204": {"description": "Any origin may send; the answer may be cached"}}
    return {"operationId": named("mayISend", path), "summary": "CORS preflight, no key needed", "responses": responses}
