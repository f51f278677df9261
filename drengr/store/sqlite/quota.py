"""The day's live usage, for the quota (contract 4). It fails open: a metering fault lets events in."""

import hmac
import sqlite3

from peewee import PeeweeException

from drengr.events.times import DAY_MS
from drengr.keys import key_hash
from drengr.log import faults
from drengr.store import clock
from drengr.store.errors import StoreError
from drengr.store.projects import STILL_GOOD, project_of_key
from drengr.store.results import Project
from drengr.store.sqlite.database import Database

_SENDER = f"""
SELECT k.key_hash, p.id, p.uuid, p.name, ifnull(u.events, 0)
FROM api_keys AS k JOIN projects AS p ON p.id = k.project_id
LEFT JOIN live_usage AS u ON u.project_id = p.id AND u.day = ?
WHERE k.key_hash = ? AND k.kind = 'publishable' AND {STILL_GOOD}
"""


def project_and_usage(database: Database, key: object, now_ms: int) -> tuple[Project | None, int]:
    """(the project that a publishable key opens, else None; events it stored through the acceptor this UTC day).

    One question for both: every request asks it, and every question to SQLite gives the other threads a turn.
    Raises  StoreError and SQLite's errors when not even the key can be read
    """
    if not isinstance(key, str):
        return None, 0
    digest = key_hash(key)
    try:
        found = database.read(_SENDER, (now_ms // DAY_MS, digest, clock.now_ms()))
    except (sqlite3.Error, PeeweeException, StoreError) as fault:
        project = project_of_key(database, key, "publishable")
        faults.warning("The daily quota cannot be read (%s); events are let in.", fault)
        return project, 0
    if not found or not hmac.compare_digest(found[0][0], digest):
        return None, 0
    return Project(*found[0][1:4]), found[0][4]
