"""What the service is measured against, served by the same gunicorn settings."""

import sqlite3
import threading

from flask import Flask, Response

from drengr import create_app
from drengr.api.service import EXTENSION
from drengr.sources import Mapped
from drengr.store import Added
from drengr.store.entries import Entries
from drengr.store.sqlite.group_commit import GroupCommit


def fixed():
    """Flask answering a fixed JSON: what any Flask service costs."""
    app = Flask("fixed", static_folder=None)
    answer = b'{"code":200,"events_ingested":1,"payload_size_bytes":460,"server_upload_time":1795188904355}'

    @app.post("/amplitude-ingest")
    def ingest():
        return Response(answer, mimetype="application/json")

    return app


def without_store():
    """The service, but what it would store is forgotten: what reading, key, quota and mapping cost."""
    app = create_app()
    app.extensions[EXTENSION].store.events.add = lambda _project, events, *_, **__: Added(len(events), 0)
    return app


def without_ledger():
    """The service, but no row is accounted for: what the ledger costs."""
    Entries.add = lambda *_: None
    Entries.saw = lambda *_: None
    Mapped.changed = Mapped.dropped = Mapped.problems = property(lambda _: {})
    return create_app()


def commit_per_request():
    """The service, but each request commits by itself; SQLite's busy handler gives the turns."""
    app = create_app()
    store = app.extensions[EXTENSION].store
    store.events._commits = _PerRequest(store)
    return app


class _PerRequest(GroupCommit):
    def __init__(self, store) -> None:
        self._path = store.database.path
        self._own = threading.local()

    def run(self, work, rows=1):
        connection = getattr(self._own, "connection", None)
        if connection is None:
            connection = self._own.connection = sqlite3.connect(self._path, isolation_level=None, timeout=60)
            connection.executescript(
                "PRAGMA synchronous = FULL; PRAGMA wal_autocheckpoint = 16000; PRAGMA foreign_keys = 1"
            )
        connection.execute("BEGIN IMMEDIATE")
        try:
            result = work(connection)
            connection.execute("COMMIT")
        except BaseException:
            connection.execute("ROLLBACK")
            raise
        return result
