"""The room Settings: keys, erasures, sessions, limits, backups, what doctor finds, the lines that send events."""

from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flask import Response

from drengr.admin.deletions import MOST_KEPT_DAYS
from drengr.admin.questions import MAX_LIMIT, single_values
from drengr.api import amplitude_ingest, import_events
from drengr.api.service import service
from drengr.checks import Finding, quick_findings
from drengr.events import properties
from drengr.events.times import DAY_MS, iso_text
from drengr.page import addresses, session
from drengr.page.frame import may_know_all, render, room
from drengr.page.snippets import snippets
from drengr.page.tables import Column, Table, csv_answer, every_row, wants_csv
from drengr.store import Project, Store, clock

_MIB = 2**20
_RECEIPTS = 20  # shown; the API lists all


_TABLES = {
    "keys": tuple(map(Column, ("Key", "Kind", "Made", "Last used", "Good until", "Change"))),
    "erasures": (
        Column("Receipt"), Column("Asked for at"), Column("What"), Column("Events", True), Column("Devices", True),
        Column("Status"), Column("By"),
    ),
    "sessions": tuple(map(Column, ("Signed in with", "Since", "Last used"))),
    "limits": tuple(map(Column, ("What", "At most", "Setting"))),
}  # fmt: skip


class Limit(NamedTuple):
    """What is taken, and where it is changed."""

    what: str
    value: str
    setting: str = ""


@room("settings")
def settings(project: Project) -> Response | str:
    """All of it, read only; what changes something is a page of its own."""
    single_values(addresses.arguments("format", "table"), ())
    store, now_ms = service().store, service().now_ms()
    for name, columns, rows_of in _TABLES_AS_CSV:
        if wants_csv(name, is_first=name == "keys"):
            return csv_answer(Table(name, columns, rows_of(store, project)))
    mine = session.current()
    keys = store.all_keys(project)
    good = [key for key in keys if key.is_good(clock.now_ms())]
    may_know = may_know_all()
    return render(
        "settings.html",
        "Settings",
        keys=good,
        ended=len(keys) - len(good),
        mine=mine,
        sessions=store.sessions(project.id, now_ms),
        keeping=store.keeping(project.id),
        most_days=MOST_KEPT_DAYS,
        erasures=store.erasures(project.id, _RECEIPTS + 1),
        receipts_shown=_RECEIPTS,
        limits=list(_limits(_stored_today(project))),
        last_backup_at=store.condition().last_backup_at if may_know else None,
        findings=_findings() if may_know else None,
        snippets=snippets(project),
        tables={name: Table(name, columns) for name, columns in _TABLES.items()},
    )


def _findings() -> list[Finding]:
    """What is not as it should be; then the rest in one word."""
    found = quick_findings(service().config, service().store)
    return [finding for finding in found if finding.status != "ok"]


def _stored_today(project: Project) -> int:
    """Live events that count against the quota of this UTC day."""
    today = service().now_ms() // DAY_MS
    lines = service().store.ledger(project.id, today, today)
    return sum(line.counts["stored"] for line in lines if line.door == "acceptor")


def _limits(stored_today: int) -> Iterator[Limit]:
    config = service().config
    quota = config["DRENGR_DAILY_EVENT_QUOTA"]
    yield Limit("Live events a UTC day", f"{quota:,}; {stored_today:,} today", "DRENGR_DAILY_EVENT_QUOTA")
    live = f"{amplitude_ingest.MAX_BODY_BYTES // _MIB} MiB, {amplitude_ingest.MAX_EVENTS:,} events"
    yield Limit("One live request", live)
    yield Limit("One import request", f"{import_events.MAX_BODY_BYTES // _MIB} MiB, {import_events.MAX_EVENTS:,} rows")
    yield Limit("One imported file", f"{config['DRENGR_MAX_FILE_BYTES']:,} bytes, unpacked", "DRENGR_MAX_FILE_BYTES")
    yield Limit("One row of a file", f"{config['DRENGR_MAX_LINE_BYTES']:,} bytes", "DRENGR_MAX_LINE_BYTES")
    yield Limit("Text and number properties of an event", f"{properties.MAX_DIMS} and {properties.MAX_MEASURES}")
    kept = ", ".join(config["DRENGR_ALLOWED_KEYS"]) or "none"
    yield Limit("Keys kept although they look personal", kept, "DRENGR_ALLOWED_KEYS")
    more = ", ".join(config["DRENGR_SENSITIVE_WORDS"]) or "none"
    yield Limit("Words that make a key look personal, beside the usual", more, "DRENGR_SENSITIVE_WORDS")


Row = tuple[object, ...]  # the rows of a file are made while it is sent, when the request is over


def _key_rows(store: Store, project: Project) -> Iterator[Row]:
    for key in store.all_keys(project):
        yield key.id, key.kind, key.key or key.hint, *map(_time, (key.created_at, key.last_used_at, key.revoked_at))


def _erasure_rows(store: Store, project: Project) -> Iterator[Row]:
    newest: int | None = None
    receipts = every_row(
        lambda before: store.erasures(project.id, MAX_LIMIT, before), newest, lambda _, receipt: receipt.id
    )
    for each in receipts:
        numbers = each.events, each.devices
        yield each.id, each.kind, each.person, *numbers, _time(each.erased_at), each.status, each.by


def _session_rows(store: Store, project: Project) -> Iterable[Row]:
    found = store.sessions(project.id, service().now_ms())
    return [(each.kind, each.hint or "", _time(each.created_at), _time(each.last_used_at)) for each in found]


def _limit_rows(_: Store, project: Project) -> Iterable[Row]:
    return list(_limits(_stored_today(project)))


def _time(epoch_ms: int | None) -> str:
    return "" if epoch_ms is None else iso_text(epoch_ms)


def _columns(names: str) -> tuple[Column, ...]:
    return tuple(map(Column, names.split()))


_TABLES_AS_CSV = (
    ("keys", _columns("id kind key created_at last_used_at revoked_at"), _key_rows),
    ("erasures", _columns("id kind person events devices erased_at status by"), _erasure_rows),
    ("sessions", _columns("kind key created_at last_used_at"), _session_rows),
    ("limits", _columns("what at_most setting"), _limit_rows),
)
