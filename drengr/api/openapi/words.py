"""What every part of the document is made of."""

from drengr.api.errors import ADMIN_PREFIXES

SECRET: list[dict[str, list[str]]] = [{"secretKey": []}]
PROJECT_ID = {
    "parameters": [
        {
            "name": "projectId",
            "in": "path",
            "required": True,
            "schema": {"type": "string", "minLength": 1},
            "description": "The project's UUID. Any other than the key's own is answered 403.",
        }
    ]
}
TIME = {"type": "string", "format": "date-time"}
INFRASTRUCTURE = {
    "500": ("A fault of the service", {"code": 500, "error": "internal error"}),
    "503": (
        "Disk, lock or too much at once; safe to send again",
        {"code": 503, "error": "the database is busy; nothing was stored, send it again later"},
    ),
}


def below_projects() -> list[str]:
    """What the admin API's paths begin with."""
    return [f"{prefix}projects/{{projectId}}" for prefix in ADMIN_PREFIXES]


def errors_of(schema: str, errors: dict[str, tuple[str, dict]]) -> dict[str, dict]:
    """Answers of one schema: description and example by status."""
    return {status: answer(description, schema, example) for status, (description, example) in errors.items()}


def answer(description: str, schema: str, example: dict | None = None) -> dict:
    """A JSON answer of this schema."""
    content: dict = {"schema": ref(schema)}
    if example is not None:
        content["example"] = example
    return {"description": description, "content": {"application/json": content}}


def admin_error(code: str, details: dict | None = None) -> dict:
    """An example in the shape of the admin API."""
    inner: dict = {"code": code, "message": "a sentence for people"}
    return {"error": inner | ({"details": details} if details else {})}


def query(name: str, schema: dict, description: str, *, required: bool = False) -> dict:
    """A parameter of the query string."""
    return {"name": name, "in": "query", "required": required, "description": description, "schema": schema}


def ref(schema: str) -> dict:
    """Where a schema stands."""
    return {"$ref": f"#/components/schemas/{schema}"}


def named(verb: str, path: str) -> str:
    """An operationId that no other path has."""
    return verb + "".join(word.capitalize() for word in path.replace("-", "/").split("/") if word.isalnum())


def admin_errors(codes: tuple[str, ...], fault: str) -> dict:
    """The errors of a call of the admin API: its own codes, and those of every call."""
    hint = {"index": 2} if "INVALID_EVENT" in codes else None
    return errors_of(
        "AdminError",
        {
            "400": (", ".join(codes), admin_error(codes[0], hint)),
            "401": ("No good secret key", admin_error("UNAUTHORIZED")),
            "403": ("Not the key's own project, whether it exists or not", admin_error("PROJECT_FORBIDDEN")),
            "404": ("No such path", admin_error("NOT_FOUND")),
            "500": ("Our fault; nothing was changed, safe to send again", admin_error(fault)),
            "503": ("Too busy; safe to send again", admin_error("UNAVAILABLE")),
        },
    )
