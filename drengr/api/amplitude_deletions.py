"""/api/2/deletions/users, as Amplitude answers it: RudderStack, Segment and scripts call it (contract 9)."""

from urllib.parse import parse_qs

from flask import Blueprint, Response, request

from drengr.api.amplitude_api import project_of_both_keys
from drengr.api.errors import ApiError, json_response
from drengr.api.incoming import BadEncoding, BodyTooLarge, is_json, read_body
from drengr.api.service import service
from drengr.events.jsontext import read_envelope
from drengr.events.times import DAY_MS
from drengr.people.deletions import (
    BadDeletion,
    Deletion,
    deletion_days,
    deletion_of,
    shown_deletion,
    shown_deletions,
)
from drengr.people.questions import Who
from drengr.store import Store

MAX_BODY_BYTES = 1 << 20
_PATIENCE_S = 3.0  # for all of one call: the service goes on with the rest
_MOST_FIELDS = 200
_AT_ONCE = 1000  # receipts read at a time

door = Blueprint("amplitude_deletions", __name__)


@door.route("/api/2/deletions/users", methods=["POST"], strict_slashes=False, provide_automatic_options=False)
def delete_users() -> Response:
    """An erasure for each of the ids; with unknown ids none at all, unless they may be ignored."""
    project = project_of_both_keys()
    try:
        asked = deletion_of(_posted())
    except BadDeletion as error:
        raise ApiError(400, str(error)) from None
    here = service()
    with here.gate.at_work():
        known, unknown = _sorted_out(here.store, project.id, asked)
        if unknown and not asked.ignores_unknown:
            raise ApiError(400, f"{len(unknown)} ids are not known; nothing was erased", invalid_ids=unknown)
        strangers = [Who("user", each) for each in unknown if isinstance(each, str)]
        patience = _PATIENCE_S / max(1, len(known) + len(strangers))
        erased = [
            (who.id if who.kind == "user" else None,
             here.store.erase(project.id, who, "amplitude", asked.requester, patience))
            for who in (*known, *strangers)
        ]  # fmt: skip
    return json_response(shown_deletion(erased[: len(known)], unknown, here.now_ms()))


@door.route("/api/2/deletions/users", methods=["GET"], strict_slashes=False, provide_automatic_options=False)
def list_deletions() -> Response:
    """The erasures of some days, whoever asked for them."""
    project = project_of_both_keys()
    try:
        days = deletion_days(request.args.get("start_day"), request.args.get("end_day"))
    except BadDeletion as error:
        raise ApiError(400, str(error)) from None
    store, found, before = service().store, [], None
    while page := store.erasures(project.id, _AT_ONCE, before):
        found += [erasure for erasure in page if (erasure.erased_at or 0) // DAY_MS in days]
        before = page[-1].id
        if (page[-1].erased_at or 0) // DAY_MS < days.start:
            break
    return json_response(shown_deletions(found))


@door.route(
    "/api/2/deletions/users/<number>/<day>", methods=["DELETE"], strict_slashes=False, provide_automatic_options=False
)
def revoke_deletion(number: str, day: str) -> Response:
    """An erasure cannot be taken back."""
    project_of_both_keys()
    raise ApiError(400, "it is done already: an erasure cannot be taken back")


def _sorted_out(store: Store, project_id: int, asked: Deletion) -> tuple[list[Who], list[str | int]]:
    """(whom there is, ids that nobody has)."""
    known: list[Who] = []
    unknown: list[str | int] = []
    for user in asked.user_ids:
        if store.number_of(project_id, Who("user", user)) is None:
            unknown.append(user)
        else:
            known.append(Who("user", user))
    for number in asked.numbers:
        meant = store.person_by_number(project_id, number)
        if meant is None:
            unknown.append(number)
        else:
            known.append(meant)
    return list(dict.fromkeys(known)), unknown


def _posted() -> object:
    try:
        body = read_body(MAX_BODY_BYTES)[0]
    except BodyTooLarge:
        raise BadDeletion("the body is too large") from None
    except BadEncoding:
        raise BadDeletion("the body is not what its Content-Encoding says") from None
    if is_json(body):
        try:
            return read_envelope(body)
        except ValueError:
            raise BadDeletion("the body is not JSON") from None
    return _of_form(body)


def _of_form(body: bytes) -> dict[str, object]:
    """The members of a form; user_ids may come several times."""
    try:
        fields = parse_qs(body.decode("utf-8", "replace"), max_num_fields=_MOST_FIELDS)
    except ValueError:
        raise BadDeletion(f"at most {_MOST_FIELDS} fields in a form") from None
    lists = ("user_ids", "amplitude_ids")
    return {name: values if name in lists else values[-1] for name, values in fields.items()}
