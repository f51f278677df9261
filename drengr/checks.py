"""What is wrong on this machine, and what to do about it: what `drengr doctor` and the page tell (contract 11).

Nothing here writes, or knows who asks.
"""

import os
import platform
from collections.abc import Callable, Iterator
from glob import escape, glob
from typing import NamedTuple

from drengr import __version__
from drengr.config import Config, unknown_settings
from drengr.events.times import DAY_MS, iso_text
from drengr.store import Condition, LedgerDay, Store, StoreError, Upgrade
from drengr.store.clock import now_ms

_WEEK = 7
_MIB = 1024 * 1024
_WAL_WARN = 256 * _MIB
_DISK_WARN, _DISK_FAIL = 1024 * _MIB, 256 * _MIB
_DAYS_WARN, _DAYS_FAIL = 30, 2
_BACKUP_HOURS = 26
_CHECK_S = 10.0


class Finding(NamedTuple):
    """What one check found."""

    check: str
    status: str  # "ok" | "warn" | "fail"
    message: str
    advice: str = ""


def quick_findings(config: Config, store: Store) -> Iterator[Finding]:
    """What can be told in a moment: of settings, files, room, backup."""
    yield settings(config)
    for check in _QUICK:
        yield _of_store(check, store)
    yield versions()
    yield keys_file(config)


def store_findings(store: Store) -> Iterator[Finding]:
    """All that the database tells; takes a while."""
    for check in _CHECKS:
        yield _of_store(check, store)


def _of_store(check: Callable[[Store], Finding], store: Store) -> Finding:
    try:
        return check(store)
    except (StoreError, OSError) as error:
        return Finding(check.__name__.strip("_"), "fail", f"cannot be looked at: {error}", "See the check integrity.")


def settings(config: Config) -> Finding:
    """Whether variables look like settings and are none."""
    unknown = unknown_settings(os.environ)
    if unknown:
        return Finding("settings", "warn", f"{', '.join(unknown)}: no such setting.", "Misspelt? See docs/settings.md.")
    return Finding("settings", "ok", "Every setting can be used.")


def _rights(store: Store) -> Finding:
    condition = store.condition()
    if condition.not_writable:
        files = ", ".join(condition.not_writable)
        return Finding("rights", "fail", f"{files}: not writable by the folder's owner.", "chown them to that user.")
    if condition.open_to_others:
        files = ", ".join(condition.open_to_others)
        return Finding("rights", "warn", f"{files}: other users of this machine can read them.", "chmod 600 them.")
    return Finding("rights", "ok", "Only the service's user reads the files.")


def _disk(store: Store) -> Finding:
    condition = store.condition()
    free = condition.disk_free_bytes
    if free is None:
        return Finding("disk", "ok", "PostgreSQL's disk cannot be seen from here.")
    growth = _growth_bytes_a_day(store, condition)
    days = free / growth if growth else float("inf")
    lasts = f", some {days:,.0f} days at last week's pace" if growth else ""
    message = f"{free / _MIB:,.0f} MiB free{lasts}."
    status = "ok"
    if free < _DISK_WARN or days < _DAYS_WARN:
        status = "warn"
    if free < _DISK_FAIL or days < _DAYS_FAIL:
        status = "fail"
    return Finding("disk", status, message, "" if status == "ok" else "Make room, or move it to a larger disk.")


def _growth_bytes_a_day(store: Store, condition: Condition) -> float:
    today = now_ms() // DAY_MS
    lines = store.ledger(None, 0, today + 1)
    left = [(line.day, line.counts["stored"] - sum(line.by("removed").values())) for line in lines]
    there = sum(events for _, events in left)
    recent = sum(events for day, events in left if day > today - _WEEK)
    return recent / _WEEK * condition.bytes["db"] / there if there > 0 else 0.0


def _wal(store: Store) -> Finding:
    size = store.condition().bytes.get("wal")
    if size is None:
        return Finding("wal", "ok", "PostgreSQL looks after its own log.")
    if size > _WAL_WARN:
        advice = "Something reads for a long time: end it; the file shrinks by itself, or when the service restarts."
        return Finding("wal", "warn", f"The -wal file has {size / _MIB:,.0f} MiB.", advice)
    return Finding("wal", "ok", f"The -wal file has {size / _MIB:,.0f} MiB.")


def _integrity(store: Store) -> Finding:
    faults = store.quick_check(_CHECK_S)
    if faults:
        return Finding("integrity", "fail", f"The file is damaged: {faults[0]}", "Restore a backup.")
    if faults is None:
        last = store.condition().last_backup_at
        sound = f"; the backup of {iso_text(last)} was sound" if last else ""
        message = f"Nothing found within {_CHECK_S:.0f} s{sound}."
        return Finding("integrity", "ok", message, "`drengr verify` reads all of it.")
    return Finding("integrity", "ok", "The file is sound.")


def _totals(store: Store) -> Finding:
    first_day = now_ms() // DAY_MS - _WEEK + 1
    wrong = store.wrong_totals(first_day)
    if wrong:
        return Finding("totals", "fail", f"{len(wrong)} wrong, such as {wrong[0]}.", "Run `drengr verify --repair`.")
    return Finding("totals", "ok", f"Totals and ledger of the last {_WEEK} days are those of the events.")


def _clock(store: Store) -> Finding:
    newest = max((line.last_received_at or 0 for line in _recent(store)), default=0)
    if newest > now_ms() + 1000:
        return Finding("clock", "warn", f"The newest event was received at {iso_text(newest)}, which is yet to come.",
                       "Set the clock (NTP); events keep the time they got.")  # fmt: skip
    stopped = [project.name for project in store.projects() if store.keeping(project.id).is_stopped]
    if stopped:
        return Finding("clock", "warn", f"It jumped by more than 31 days: nothing expires in {', '.join(stopped)}.",
                       "Set the clock (NTP), then say `drengr project keep` again.")  # fmt: skip
    return Finding("clock", "ok", "No event is from the future.")


def _recent(store: Store) -> list[LedgerDay]:
    return store.ledger(None, now_ms() // DAY_MS - _WEEK, 2**31)


def _secret_key(store: Store) -> Finding:
    shown_there = [p for p in store.problems(None) if p.door == "acceptor" and p.reason == "secret_key"]
    if shown_there:
        when = iso_text(shown_there[0].last_at)
        return Finding("secret_key", "fail", f"A secret key came to the acceptor, last at {when}: it sits in an app.",
                       "Revoke it and make another: `drengr key list`.")  # fmt: skip
    return Finding("secret_key", "ok", "No secret key was sent to the acceptor.")


def _backup(store: Store) -> Finding:
    condition = store.condition()
    last = condition.last_backup_at
    if condition.disk_free_bytes is None:
        return Finding("backup", "ok", "PostgreSQL's backups are made with its own tools and cannot be seen from here.")
    if not last:
        return Finding("backup", "warn", "No backup was ever made.", "See docs/operating.md for a copy every night.")
    age_hours = (now_ms() - last) / 3_600_000
    status = "warn" if age_hours > _BACKUP_HOURS else "ok"
    return Finding("backup", status, f"The last good backup is {age_hours:.0f} hours old.",
                   "Make one every night." if status == "warn" else "")  # fmt: skip


def _erasures(store: Store) -> Finding:
    hour_ago = now_ms() - 3_600_000
    left = [removal for removal in store.under_way() if max(removal.worked_at, removal.began_at) < hour_ago]
    if left:
        return Finding("erasures", "warn", f"{len(left)} removals of events have not gone on for an hour,"
                       f" the oldest since {iso_text(left[0].began_at)}.",
                       "Start the service, which goes on with them; its log says what stops it.")  # fmt: skip
    return Finding("erasures", "ok", "No removal of events waits.")


def _filesystem(store: Store) -> Finding:
    condition = store.condition()
    if condition.network_share:
        return Finding("filesystem", "warn", f"The database lies on {condition.network_share}, a network share.",
                       "SQLite's locks do not work there: move it to a disk of this machine.")  # fmt: skip
    if condition.alone_on_a_mount:
        return Finding("filesystem", "warn", "The database is mounted as a single file: its -wal lies elsewhere, and is"
                       " lost with the container.", "Mount its folder instead.")  # fmt: skip
    return Finding("filesystem", "ok", "The database lies on a disk of this machine.")


_CHECKS = (
    _rights, _disk, _wal, _integrity, _totals, _clock, _secret_key, _backup, _erasures,
    _filesystem,
)  # fmt: skip
_QUICK = (_rights, _disk, _wal, _clock, _secret_key, _backup, _erasures, _filesystem)


def versions(planned: Upgrade | None = None) -> Finding:
    """Which versions run here.

    planned  what the database lacks, where that may be older than the program
    """
    message = f"Drengr {__version__}, Python {platform.python_version()}."
    if planned is None:
        return Finding("versions", "ok", message)
    return Finding("versions", "warn", f"{message} The database is of an older version: {planned}",
                   "Restart the service, or stop it and run `drengr db migrate`.")  # fmt: skip


def keys_file(config: Config) -> Finding:
    """Whether the keys of a first start still lie in a file."""
    paths = sorted(glob(os.path.join(escape(config.folder), "drengr-keys*.json")))
    if paths:
        names = ", ".join(paths)
        return Finding("keys_file", "warn", f"{names} still holds keys.", "Put them somewhere safe, then delete it.")
    return Finding("keys_file", "ok", "No file holds keys.")
