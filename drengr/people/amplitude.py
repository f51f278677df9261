"""People as Amplitude's usersearch and useractivity show them, so that scripts go on working (contract 8)."""

from collections.abc import Iterable, Sequence

import orjson

from drengr.admin.amplitude_exports import App, amplitude_row
from drengr.admin.exports import WholeEvent
from drengr.admin.shown import StoredEvent
from drengr.events.times import iso_text
from drengr.people.results import Person
from drengr.people.shown import USER, Shown, user_properties

# Every member that Amplitude's userData has; what is not known here stays null.
_USER_DATA: Shown = {
    "user_id": None, "canonical_amplitude_id": None, "merged_amplitude_ids": [], "num_events": None,
    "num_sessions": None, "usage_time": None, "first_used": None, "last_used": None, "purchases": None, "revenue": None,
    "platform": None, "os": None, "version": None, "device": None, "device_type": None, "carrier": None,
    "country": None, "region": None, "city": None, "dma": None, "language": None, "start_version": None,
    "device_ids": [], "last_location": None, "properties": {},
}  # fmt: skip


def shown_matches(people: Sequence[Person]) -> Shown:
    """What usersearch answers; a device that is nobody's has no user_id."""
    matches = [{"user_id": _user_id(person), "amplitude_id": person.number} for person in people]
    return {"matches": matches, "type": "match_user_or_device_id" if matches else "nomatch"}


def shown_activity(app: App, person: Person, newest: Sequence[StoredEvent], events: Iterable[StoredEvent]) -> Shown:
    """What useractivity answers.

    newest  the person's newest events, which say what they are like
    events  those that were asked for
    """
    rows = [amplitude_row(app, _whole(event)) | {"amplitude_id": person.number} for event in events]
    return {"userData": _user_data(person, newest), "events": rows}


def _user_data(person: Person, newest: Sequence[StoredEvent]) -> Shown:
    device = _newest_dim(newest, "device_model")
    return _USER_DATA | {
        "user_id": _user_id(person),
        "canonical_amplitude_id": person.number,
        "num_events": person.events,
        "first_used": iso_text(person.first_seen_at)[:10],
        "last_used": iso_text(person.last_seen_at)[:10],
        "os": _newest_dim(newest, "os"),
        "version": _newest_dim(newest, "app_version"),
        "device": device,
        "device_type": device,
        "device_ids": person.devices,
        "properties": {key.removeprefix(USER): value for key, value in user_properties(newest).items()},
    }


def _user_id(person: Person) -> str | None:
    return person.id if person.kind == "user" else None


def _newest_dim(newest: Iterable[StoredEvent], key: str) -> str | None:
    for event in newest:
        if f'"{key}"' in event.dims and (text := orjson.loads(event.dims).get(key)) is not None:
            return str(text)
    return None


def _whole(event: StoredEvent) -> WholeEvent:
    """The event with an app_package, which these rows do not show."""
    return WholeEvent(app_package=None, **event._asdict())
