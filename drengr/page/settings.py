"""The room Settings: keys, sessions, limits, backups, what doctor finds, the lines that send events."""

from collections.abc import Iterator
from typing import NamedTuple

from drengr.api import amplitude_ingest, import_events
from drengr.api.service import service
from drengr.checks import Finding, quick_findings
from drengr.events import properties
from drengr.events.times import DAY_MS
from drengr.page import session
from drengr.page.frame import may_know_all, render, room
from drengr.page.keep import MOST_DAYS
from drengr.page.snippets import snippets
from drengr.store import Key, Project, clock

_MIB = 2**20
_RECEIPTS = 20  # shown; the API lists all


class Limit(NamedTuple):
    """What is taken, and where it is changed."""

    what: str
    value: str
    setting: str = ""


@room("settings")
def settings(project: Project) -> str:
    """All of it, read only; what changes something is a page of its own."""
    store, now_ms = service().store, service().now_ms()
    mine = session.current()
    keys = store.all_keys(project)
    may_know = may_know_all()
    return render(
        "settings.html",
        "Settings",
        keys=[key for key in keys if is_good(key)],
        ended=sum(not is_good(key) for key in keys),
        mine=mine,
        sessions=store.sessions(project.id, now_ms),
        keeping=store.keeping(project.id),
        most_days=MOST_DAYS,
        erasures=store.erasures(project.id, _RECEIPTS + 1),
        receipts_shown=_RECEIPTS,
        limits=list(_limits(_stored_today(project))),
        last_backup_at=store.condition().last_backup_at if may_know else None,
        findings=_findings() if may_know else None,
        snippets=snippets(project),
    )


def is_good(key: Key) -> bool:
    """Whether the key opens anything now."""
    return key.revoked_at is None or key.revoked_at > clock.now_ms()


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
