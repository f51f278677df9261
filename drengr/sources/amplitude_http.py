"""Live events as Amplitude's SDKs post them (contract 4), and as their predecessors did in a form."""

from drengr.events.event import Context, Reading, id_or_number, id_text, joined
from drengr.events.times import epoch_ms
from drengr.sources.bags import bag_of

SOURCE = "amplitude_http"
# (time, event id, app version), as the SDKs name them now, and as amplitude-js 8, legacy Android and iOS did.
_NAMES = ("time", "insert_id", "app_version")
_OLD_NAMES = ("timestamp", "uuid", "version_name")


def reading_of(row: dict[str, object], context: Context) -> Reading:
    """What one member of `events` says, or of the older form's `e`."""
    fields = row.get
    notes: list[str] = []
    time, event_id, app_version = _OLD_NAMES if context.old_names else _NAMES
    sent_at = fields(time)
    keep = context.keep_fields
    return Reading(
        name=fields("event_type"),
        time=sent_at,
        occurred_at=lambda: epoch_ms(sent_at, "ms"),
        anonymous_id=fields("device_id"),
        user_id=fields("user_id"),
        event_id=fields(event_id),
        session_id=fields("session_id"),
        os=joined(fields("os_name"), fields("os_version")),
        device_model=id_text(fields("device_model")) or fields("device_family"),
        app_version=id_or_number(fields(app_version)),
        event_properties=bag_of(fields("event_properties"), "event_properties", notes),
        user_properties=bag_of(fields("user_properties"), "user_properties", notes),
        kept_fields=None if row.keys().isdisjoint(keep) else {name: row[name] for name in keep if name in row},
        notes=notes,
    )
