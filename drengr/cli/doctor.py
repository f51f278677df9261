"""`drengr doctor`: what is wrong on this machine, and what to do about it; writes nothing (contract 11)."""

import json
import os
import platform
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import suppress
from glob import escape, glob
from http.client import HTTPException
from typing import NamedTuple

import click

from drengr import __version__
from drengr.cli.database import open_store
from drengr.cli.printing import say, shown
from drengr.config import BadSetting, Config, read_config, unknown_settings
from drengr.events.times import DAY_MS, iso_text
from drengr.store import Condition, LedgerDay, Store, StoreError
from drengr.store.clock import now_ms

_EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}
_WEEK = 7
_MIB = 1024 * 1024
_WAL_WARN = 256 * _MIB
_DISK_WARN, _DISK_FAIL = 1024 * _MIB, 256 * _MIB
_DAYS_WARN, _DAYS_FAIL = 30, 2
_BACKUP_HOURS = 26
_CHECK_S = 10.0
_ANSWER_S = 5.0


class Finding(NamedTuple):
    """What one check found."""

    check: str
    status: str  # "ok" | "warn" | "fail"
    message: str
    advice: str = ""


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Look for what is wrong, and say what to do.

    Writes nothing, beside a running service too. Exit codes: 0 all is well, 1 something deserves attention, 2 something
    is wrong.
    """
    findings = list(_findings())
    worst = max(findings, key=lambda finding: _EXIT_CODES[finding.status]).status
    if as_json:
        say(json.dumps({"status": worst, "checks": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            advice = f" {finding.advice}" if finding.advice else ""
            say(f"{finding.status:4}  {finding.check:10}  {shown(finding.message)}{shown(advice)}")
    raise SystemExit(_EXIT_CODES[worst])


def _findings() -> Iterator[Finding]:
    try:
        config = read_config()
    except BadSetting as error:
        yield Finding("settings", "fail", str(error), "Mend it where the service gets its environment.")
        return
    yield _settings(config)
    yield _service(config)
    try:
        with open_store(must_exist=True, access="inspect") as store:
            for check in _CHECKS:
                yield _of_store(check, store)
    except (StoreError, click.UsageError) as error:
        message = error.message if isinstance(error, click.UsageError) else str(error)
        yield Finding("integrity", "fail", message, "Set DRENGR_DATABASE to the service's file, or restore a backup.")
    yield _keys_file(config)


def _of_store(check: Callable[[Store], Finding], store: Store) -> Finding:
    try:
        return check(store)
    except (StoreError, OSError) as error:
        return Finding(check.__name__.strip("_"), "fail", f"cannot be looked at: {error}", "See the check integrity.")


def _settings(config: Config) -> Finding:
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
    there = sum(line.counts["stored"] - sum(line.by("removed").values()) for line in lines)
    recent = sum(line.counts["stored"] for line in lines if line.day > today - _WEEK)
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
    last = store.condition().last_backup_at
    if not last:
        return Finding("backup", "warn", "No backup was ever made.", "See docs/operating.md for a copy every night.")
    age_hours = (now_ms() - last) / 3_600_000
    status = "warn" if age_hours > _BACKUP_HOURS else "ok"
    return Finding("backup", status, f"The last good backup is {age_hours:.0f} hours old.",
                   "Make one every night." if status == "warn" else "")  # fmt: skip


def _filesystem(store: Store) -> Finding:
    kind = store.condition().network_share
    if kind:
        return Finding("filesystem", "warn", f"The database lies on {kind}, a network share.",
                       "SQLite's locks do not work there: move it to a disk of this machine.")  # fmt: skip
    return Finding("filesystem", "ok", "The database lies on a disk of this machine.")


def _versions(_: Store) -> Finding:
    return Finding("versions", "ok", f"Drengr {__version__}, Python {platform.python_version()}.")


_CHECKS = (
    _rights, _disk, _wal, _integrity, _totals, _clock, _versions, _secret_key, _backup, _filesystem,
)  # fmt: skip


def _keys_file(config: Config) -> Finding:
    paths = sorted(glob(os.path.join(escape(config.folder), "drengr-keys*.json")))
    if paths:
        names = ", ".join(paths)
        return Finding("keys_file", "warn", f"{names} still holds keys.", "Put them somewhere safe, then delete it.")
    return Finding("keys_file", "ok", "No file holds keys.")


def _service(config: Config) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config["HOST"], config["HOST"])
    url = f"http://{f'[{host}]' if ':' in host else host}:{config['PORT']}/healthz"
    reason = "no answer"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return Finding("service", "ok", f"{url} answers {answer.status}.")
    except urllib.error.HTTPError as refused:
        with refused, suppress(ValueError, AttributeError):
            reason = f"{refused.code}, {json.load(refused).get('error', '')}"
    except (OSError, ValueError, HTTPException) as error:  # ValueError: a HOST that is no host's name
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or str(cause)
    advice = "Start it, or see its log; HOST and PORT must be the service's."
    return Finding("service", "fail", f"{url}: {reason}.", advice)
