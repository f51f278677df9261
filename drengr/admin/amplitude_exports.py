"""Events as Amplitude's Export API hands them out, so that scripts written for it go on working (contract 9).

Read again with source `amplitude`, a row gives the same dims and measures: what the service made of a row's system
fields goes back into those fields, `user.` keys into user_properties, everything else into event_properties.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import NamedTuple
from uuid import UUID, uuid5

import orjson

from drengr.admin.exports import WholeEvent
from drengr.events.event import normal_name
from drengr.events.times import DAY_MS, HOUR_MS

MAX_DAYS = 365
USER = "user."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d{1,2})", re.ASCII)  # scripts write T1 too
_NAME_AND_VERSION = re.compile(r"(.*\S.*) (\d.*)", re.DOTALL)

# Every key that Amplitude's rows have; what is not kept here stays as it stands.
_ROW: dict[str, object] = {
    "$insert_id": None, "$insert_key": None, "$schema": None, "adid": None, "amplitude_attribution_ids": None,
    "amplitude_event_type": None, "amplitude_id": None, "app": None, "city": None, "client_event_time": None,
    "client_upload_time": None, "country": None, "data": {}, "data_type": "event", "device_brand": None,
    "device_carrier": None, "device_family": None, "device_id": None, "device_manufacturer": None, "device_model": None,
    "device_type": None, "dma": None, "event_id": None, "event_properties": {}, "event_time": None, "event_type": None,
    "global_user_properties": None, "group_properties": {}, "groups": {}, "idfa": None, "ip_address": None,
    "is_attribution_event": None, "language": None, "library": None, "location_lat": None, "location_lng": None,
    "os_name": None, "os_version": None, "partner_id": None, "paying": None, "plan": {}, "platform": None,
    "processed_time": None, "region": None, "sample_rate": None, "server_received_time": None,
    "server_upload_time": None, "session_id": -1, "source_id": None, "start_version": None, "user_creation_time": None,
    "user_id": None, "user_properties": {}, "uuid": None, "version_name": None,
}  # fmt: skip


class BadHours(ValueError):
    """These hours cannot be asked for; the text says why."""


class App(NamedTuple):
    """A project as Amplitude's rows name it."""

    uuid: UUID

    @property
    def number(self) -> int:
        """Amplitude's `app` is a number. Ours is made from the id: a count of projects would tell of other projects."""
        return self.uuid.int >> 100

    def member_name(self, hour: int, part: int) -> str:
        """Of the file that holds the events received in an hour, by its number since 1970.

        >>> App(UUID(int=1)).member_name(1, 0)
        '00000000-0000-0000-0000-000000000001/00000000-0000-0000-0000-000000000001_1970-01-01_1#0.json.gz'
        """
        time = hour_time(hour)
        return f"{self.uuid}/{self.uuid}_{time:%Y-%m-%d}_{time.hour}#{part}.json.gz"


def asked_hours(start: str | None, end: str | None) -> range:
    """Epoch ms of the hours from `start` to `end`, both included.

    Raises  BadHours

    >>> asked_hours("19700101T00", "19700101T1")
    range(0, 7200000)
    """
    first, last = _hour_ms(start, "start"), _hour_ms(end, "end")
    if last < first:
        raise BadHours("end is before start")
    if last + HOUR_MS - first > MAX_DAYS * DAY_MS:
        raise BadHours(f"at most {MAX_DAYS} days fit in one export")
    return range(first, last + HOUR_MS)


def hour_time(hour: int) -> datetime:
    """The beginning of an hour, UTC, by its number since 1970."""
    return _EPOCH + timedelta(hours=hour)


def amplitude_lines(app: App, events: Iterable[WholeEvent]) -> bytes:
    """One line an event."""
    option = orjson.OPT_APPEND_NEWLINE
    return b"".join([orjson.dumps(amplitude_row(app, event), option=option) for event in events])


def amplitude_row(app: App, event: WholeEvent) -> dict[str, object]:
    """One event with all the keys that Amplitude's rows have."""
    dims = orjson.loads(event.dims)
    occurred, received = _time_text(event.occurred_at), _time_text(event.received_at)
    row = _ROW | {
        "$insert_id": event.event_id,
        "app": app.number,
        "client_event_time": occurred,
        "device_id": event.install_id,
        "event_id": event.id,
        "event_time": occurred,
        "event_type": _event_type(event.event_name, dims),
        "library": f"drengr/{event.source}",
        "processed_time": received,
        "server_received_time": received,
        "server_upload_time": received,
        "session_id": event.session_id if isinstance(event.session_id, int) else -1,
        "user_id": event.external_id,
        "uuid": str(uuid5(app.uuid, str(event.id))),
    }
    row["os_name"], row["os_version"] = _name_and_version(_system_dim(dims, "os"))
    row["device_type"] = row["device_family"] = _system_dim(dims, "device_model")
    row["version_name"] = _system_dim(dims, "app_version")
    bags: dict[bool, dict[str, object]] = {False: {}, True: {}}
    for key, value in (*dims.items(), *orjson.loads(event.measures).items()):
        is_user = key.startswith(USER)
        bags[is_user][key.removeprefix(USER) if is_user else key] = value
    return row | {"event_properties": bags[False], "user_properties": bags[True]}


def _event_type(name: str, dims: dict[str, str]) -> str:
    """The name as it was sent, which is taken out of the dims; as it is stored where that is not known."""
    sent = dims.get("_source_event_name")
    if sent is None or normal_name(sent) != (name, sent):
        return name
    del dims["_source_event_name"]
    return sent


def _system_dim(dims: dict[str, str], key: str) -> str | None:
    """A dim that is one of the row's own fields, taken out of the dims; blank text would not come back as such."""
    return dims.pop(key) if dims.get(key, "").strip() else None


def _name_and_version(os: str | None) -> tuple[str | None, str | None]:
    """The two that were joined; it does not matter where, as reading joins them again.

    >>> _name_and_version("iOS 17.4"), _name_and_version("Mac OS X"), _name_and_version(None)
    (('iOS', '17.4'), ('Mac OS X', None), (None, None))
    """
    match = _NAME_AND_VERSION.fullmatch(os or "")
    return (match[1], match[2]) if match else (os, None)


def _time_text(ms: int) -> str:
    """Amplitude's form: always six decimals, no zone.

    >>> _time_text(1795190400120)
    '2026-11-20 16:00:00.120000'
    """
    time = _EPOCH + timedelta(milliseconds=ms)
    return f"{time:%Y-%m-%d %H:%M:%S}.{time.microsecond:06}"


def _hour_ms(text: str | None, name: str) -> int:
    match = _HOUR.fullmatch(text or "")
    if match:
        year, month, day, hour = map(int, match.groups())
        try:
            return (datetime(year, month, day, hour, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            pass
    raise BadHours(f"{name} must be an hour in UTC, such as 20261124T05")
