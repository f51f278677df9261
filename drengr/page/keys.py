"""Settings → Keys: make, rotate, revoke; a key that was just made is shown this once (contract 1, 9, 12)."""

from flask import Response

from drengr.api.errors import ApiError
from drengr.api.service import service
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.keys import KINDS
from drengr.page import session
from drengr.page.forms import form
from drengr.page.frame import render, room, room_url, seen_at
from drengr.store import Key, Project, clock

_GRACES = {  # how long a rotated key stays good: as the form says it → ms
    "0": ("not at all: it stops at once", 0),
    "1h": ("1 hour", HOUR_MS),
    "24h": ("24 hours", DAY_MS),
    "7d": ("7 days", 7 * DAY_MS),
    "30d": ("30 days", 30 * DAY_MS),
    "365d": ("a year", 365 * DAY_MS),
}
_USUAL = {"secret": "24h", "publishable": ""}  # apps in the field keep theirs for months: that is to be chosen


@room("settings/keys", post=True, belongs_to="settings")
def make_key(project: Project) -> str:
    """A new key, shown this once."""
    kind = form().get("kind", "")
    if kind not in KINDS:
        raise ApiError(400, "A key is publishable or secret; choose one.")
    return _shown(service().store.make_key(project, kind), kind)


@room("settings/keys/<key_id>/rotate", belongs_to="settings")
def rotate_key(project: Project, key_id: str) -> str:
    """Asks how long the old key shall stay good."""
    key = _good_key(project, key_id)
    return render("key_rotate.html", "Rotate a key", key=key, graces=_GRACES, usual=_USUAL[key.kind])


@room("settings/keys/<key_id>/rotate/done", post=True, belongs_to="settings")
def rotate_key_now(project: Project, key_id: str) -> str:
    """A new key of the same kind; the old one ends later."""
    key, grace = _good_key(project, key_id), form().get("grace", "")
    if grace not in _GRACES:
        raise ApiError(400, "Choose how long the old key stays good.")
    if key.revoked_at is not None:
        raise ApiError(400, "This key was rotated already; to end it now, revoke it.")
    store = service().store
    made = store.make_key(project, key.kind)
    until = clock.now_ms() + _GRACES[grace][1]
    store.revoke_key(str(key.id), until)
    return _shown(made, key.kind, old=key, until=until if grace != "0" else None)


@room("settings/keys/<key_id>/revoke", belongs_to="settings")
def revoke_key(project: Project, key_id: str) -> str:
    """Asks once more, with what tells whether it is in use."""
    mine = session.current()
    key = _good_key(project, key_id)
    return render("key_revoke.html", "Revoke a key", key=key, is_mine=bool(mine and mine.key_id == key.id))


@room("settings/keys/<key_id>/revoke/done", post=True, belongs_to="settings")
def revoke_key_now(project: Project, key_id: str) -> Response:
    """It opens nothing any more, in every worker."""
    key = _good_key(project, key_id)
    service().store.revoke_key(str(key.id))
    return seen_at(room_url("settings"))


def _shown(made: str, kind: str, old: Key | None = None, until: int | None = None) -> str:
    return render("key_made.html", "A new key", made=made, kind=kind, old=old, until=until)


def _good_key(project: Project, key_id: str) -> Key:
    """The project's key with this id. Raises ApiError 404 for another's, or one that is over."""
    for key in service().store.all_keys(project):
        if str(key.id) == key_id and key.is_good(clock.now_ms()):
            return key
    raise ApiError(404, "This project has no good key with this id.")
