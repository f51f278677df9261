"""Which questions of the view `events` are answered by an index: docs/asking-the-file.md says so to whoever asks."""

import sqlite3
from contextlib import closing

import pytest

from drengr.store.sqlite.migrate import schema_sql

FAST = {
    "a name and a time": ("event_name = 'e' AND occurred_at > 5", "events_by_name_and_time (name_id=? AND occurred"),
    "a name, of all times": ("event_name = 'e' AND occurred_at > 0", "events_by_name_and_time (name_id=? AND occurred"),
    "a project and a time": ("project = 'p' AND occurred_at > 5", "events_by_time (project_id=? AND occurred_at>?)"),
    "the only project and a time": (
        "project = (SELECT uuid FROM projects) AND occurred_at > 5",
        "events_by_time (project_id=? AND occurred_at>?)",
    ),
    "an event_id": (
        "id = (SELECT id FROM semantic_events WHERE project_id = 1 AND event_id = 'a')",
        "event_by_dedup_id (project_id=? AND event_id=?)",
    ),
    "the newest": ("id > 7", "SEARCH e USING INTEGER PRIMARY KEY (rowid>?)"),
}


@pytest.mark.parametrize(("where", "expected"), FAST.values(), ids=FAST)
def test_an_index_answers(where, expected):
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_sql())
        plan = [row[3] for row in connection.execute(f"EXPLAIN QUERY PLAN SELECT * FROM events WHERE {where}")]
    assert expected in "\n".join(plan)
    assert "SCAN e" not in plan
