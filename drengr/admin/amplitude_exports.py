"""Events as Amplitude's Export API hands them out, so that scripts written for it go on working (contract 9).

Read again with source `amplitude`, a row gives the same dims and measures: what the service made of a row's system
fields goes back into those fields, `user.` keys into user_properties, everything else into event_properties.
"""

import re
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from hashlib import sha1
from typing import NamedTuple
from uuid import UUID

import orjson

from drengr.admin.exports import WholeEvent
from drengr.events.event import normal_name
from drengr.events.times import DAY_MS, HOUR_MS

MAX_DAYS = 365
USER = "user."

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_HOUR = re.compile(r"(\d{4})(\d\d)(\d\d)T(\d{1,2})", re.ASCII)  # scripts write T1 too
_NAME_AND_VERSION = re.compile(r"(.*\S.*) (\d.*)", re.DOTALL)

# Those of the keys of Amplitude's rows for which nothing is kept here.
_NOT_KEPT: dict[str, object] = {
    "$insert_key": None, "$schema": None, "adid": None, "amplitude_attribution_ids": None, "amplitude_event_type": None,
    "amplitude_id": None, "city": None, "client_upload_time": None, "country": None, "data": {}, "data_type": "event",
    "device_brand": None, "device_carrier": None, "device_manufacturer": None, "device_model": None, "dma": None,
    "global_user_properties": None, "group_properties": {}, "groups": {}, "idfa": None, "ip_address": None,
    "is_attribution_event": None, "language": None, "location_lat": None, "location_lng": None, "partner_id": None,
    "paying": None, "plan": {}, "platform": None, "region": None, "sample_rate": None, "source_id": None,
    "start_version": None, "user_creation_time": None,
}  # fmt: skip
# They end each line, written once: that is quicker to write and to pack than one by one between the others.
_REST = b"," + orjson.dumps(_NOT_KEPT, option=orjson.OPT_APPEND_NEWLINE)[1:]


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
    return b"".join([orjson.dumps(_kept(app, event))[:-1] + _REST for event in events])


def amplitude_row(app: App, event: WholeEvent) -> dict[str, object]:
    """One event with all the keys that Amplitude's rows have."""
    return _NOT_KEPT | _kept(app, event)


def _kept(app: App, event: WholeEvent) -> dict[str, object]:
    """What is known of the event, under Amplitude's keys; never empty."""
    dims: dict[str, str] = orjson.loads(event.dims)
    occurred, received = _time_text(event.occurred_at), _time_text(event.received_at)
    event_type = _event_type(event.event_name, dims)
    os_name, os_version = _name_and_version(_system_dim(dims, "os"))
    device, version = _system_dim(dims, "device_model"), _system_dim(dims, "app_version")
    properties: dict[str, object] = {}
    user_properties: dict[str, object] = {}
    for bag in (dims, orjson.loads(event.measures)):
        for key, value in bag.items():
            if key.startswith(USER):
                user_properties[key[len(USER) :]] = value
            else:
                properties[key] = value
    return {
        "$insert_id": event.event_id,
        "app": app.number,
        "client_event_time": occurred,
        "device_family": device,
        "device_id": event.install_id,
        "device_type": device,
        "event_id": event.id,
        "event_properties": properties,
        "event_time": occurred,
        "event_type": event_type,
        "library": f"drengr/{event.source}",
        "os_name": os_name,
        "os_version": os_version,
        "processed_time": received,
        "server_received_time": received,
        "server_upload_time": received,
        "session_id": event.session_id if isinstance(event.session_id, int) else -1,
        "user_id": event.external_id,
        "user_properties": user_properties,
        "uuid": _uuid5(app.uuid, str(event.id)),
        "version_name": version,
    }


def _uuid5(namespace: UUID, name: str) -> str:
    """As uuid.uuid5, three times as fast.

    >>> from uuid import uuid5
    >>> _uuid5(UUID(int=7), "12") == str(uuid5(UUID(int=7), "12"))
    True
    """
    digest = bytearray(sha1(namespace.bytes + name.encode(), usedforsecurity=False).digest()[:16])
    digest[6], digest[8] = digest[6] & 0x0F | 0x50, digest[8] & 0x3F | 0x80
    digits = digest.hex()
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-{digits[16:20]}-{digits[20:]}"


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


@lru_cache(256)
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
    day, of_day = divmod(ms, DAY_MS)
    second, of_second = divmod(of_day, 1000)
    return f"{_day_text(day)} {second // 3600:02}:{second // 60 % 60:02}:{second % 60:02}.{of_second:03}000"


@lru_cache(1024)
def _day_text(day: int) -> str:
    return f"{_EPOCH + timedelta(days=day):%Y-%m-%d}"


def _hour_ms(text: str | None, name: str) -> int:
    match = _HOUR.fullmatch(text or "")
    if match:
        year, month, day, hour = map(int, match.groups())
        try:
            return (datetime(year, month, day, hour, tzinfo=UTC) - _EPOCH) // timedelta(milliseconds=1)
        except ValueError:
            pass
    raise BadHours(f"{name} must be an hour in UTC, such as 20261124T05")
