"""Addresses of the view that a request sees, with some of its parameters changed."""

from flask import request

from drengr.page.frame import room_url

_OF_A_PLACE = ("cursor", "format", "table", "after")  # in a list, or of another form of it


def changed(to: str = "", **changes: str | list[str] | None) -> str:
    """This very view with these parameters, from its beginning; None takes one away.

    to  another endpoint that takes the same parameters
    """
    asked: dict[str, str | list[str] | None] = dict(arguments(*_OF_A_PLACE))
    kept = {name: values for name, values in (asked | changes).items() if values is not None}
    endpoint = to or (request.endpoint or "").removeprefix("page.")
    parts = {name: value for name, value in (request.view_args or {}).items() if name != "project_id"}
    return room_url(endpoint, **parts, **kept)  # type: ignore[arg-type]


def arguments(*known: str) -> dict[str, list[str]]:
    """What the address asks for but for `known`, ready for the readers of admin and people. A box of a form that was
    left empty asks nothing.
    """
    asked = request.args.to_dict(flat=False)
    return {name: values for name, values in asked.items() if name not in known and values != [""]}
