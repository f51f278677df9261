"""Every question to the file that README and docs/ show is put to the system's sqlite3 shell, and has an answer."""

import json
import re
import shutil
import subprocess
import sys
import time
from datetime import UTC, datetime

import pytest

from drengr.api import build_app
from drengr.api.service import EXTENSION
from tests.pages import PAGES, blocks, section

pytestmark = pytest.mark.skipif(not shutil.which("sqlite3"), reason="This machine has no sqlite3 shell.")

WHEN = time.time() - 60
USER_PLAN = {"user_properties": {"plan": "pro"}}
ORDER = {"event_type": "Order Completed", "user_id": "u_9", "device_id": "d_9", "event_properties": {"revenue": 42.5}}
ROWS = [  # as the SDK sends them, and as the vendor exports them: the id of the event and its time apart
    {"event_type": "Sign Up", "user_id": "u_9", "device_id": "d_9"} | USER_PLAN,
    ORDER | USER_PLAN,
]


ABOUT_SQLITE = "\n".join(text for page, text in PAGES.items() if page != "docs/postgresql.md")


def asked() -> list[str]:
    """Every question: of the blocks of SQL, and what the shell's `sqlite3` is given as words or after <<'SQL'."""
    in_shell = "\n".join(blocks(ABOUT_SQLITE, "sh"))
    after_name = [sql for _, sql in re.findall(r"""(?s)sqlite3 [^"\n]*?(["'])(SELECT.*?)\1""", in_shell)]
    pasted = [*blocks(ABOUT_SQLITE, "sql"), *re.findall(r"(?s)<<'SQL'\n(.*?)\nSQL\n", in_shell), *after_name]
    return [sql.strip() for block in pasted for sql in re.split(r";\s*(?:\n|$)", block) if sql.strip()]


@pytest.fixture(scope="module")
def files(tmp_path_factory) -> dict:
    """"live": a file with events of an SDK, "imported": one with the same as history."""
    return {door: filled(tmp_path_factory.mktemp(door) / "drengr.db", door) for door in ("live", "imported")}


def filled(path, door: str):
    app = build_app({"DRENGR_DATABASE": str(path)})
    store = app.extensions[EXTENSION].store
    made = store.make_project("default")
    client = app.test_client()
    if door == "live":
        rows = [row | {"insert_id": f"a-{n}", "time": int(WHEN * 1000)} for n, row in enumerate(ROWS)]
        answer = client.post("/amplitude-ingest", json={"api_key": made.publishable_key, "events": rows})
        assert answer.json["events_ingested"] == len(ROWS)
    else:
        at = datetime.fromtimestamp(WHEN, UTC).strftime("%Y-%m-%d %H:%M:%S.%f")
        rows = [row | {"$insert_id": f"a-{n}", "event_time": at} for n, row in enumerate(ROWS)]
        bearer = {"Authorization": f"Bearer {made.secret_key}"}
        answer = client.post("/import-events", json={"source": "amplitude", "events": rows}, headers=bearer)
        assert answer.json["imported"] == len(ROWS)
    store.close()
    return path


def shell(path, sql: str, *options: str) -> str:
    ran = subprocess.run(
        ["sqlite3", *options, str(path)], input=sql + ";", capture_output=True, text=True, timeout=60
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


def test_questions_are_found_where_they_are_shown():
    assert len(asked()) >= len(blocks(PAGES["docs/asking-the-file.md"], "sql")[0].split(";\n")) + 3


@pytest.mark.parametrize("door", ["live", "imported"])
@pytest.mark.parametrize("sql", asked())
def test_a_question_has_an_answer_in_which_no_column_is_empty(files, sql, door):
    rows = json.loads(shell(files[door], sql, "-readonly", "-json") or "[]")
    assert rows
    if "SELECT *" not in sql:
        assert not [column for column in rows[0] if all(row[column] is None for row in rows)]


@pytest.mark.parametrize("sql", asked())
def test_a_question_that_names_a_time_or_an_id_does_not_read_every_event(files, sql):
    if not re.search(r"occurred_at >=|ORDER BY id|event_id =|day >=", sql):
        pytest.skip("The whole file is meant.")
    plan = shell(files["live"], f"EXPLAIN QUERY PLAN {sql}", "-readonly")
    scans = re.findall(r"SCAN (?:e|semantic_events)\b", plan)
    assert not scans or "ORDER BY id DESC LIMIT" in sql


def test_the_lines_of_the_backup_make_whole_files(files, tmp_path):
    lines = "\n".join(blocks(section("Backup", "docs/operating.md"), "sh"))
    shown = re.findall(r"(?m)^sudo -u drengr (.*)$", lines)
    assert len(shown) == 2
    for line in shown:
        here = line.replace("/var/lib/drengr", str(files["live"].parent)).replace("/var/backups/drengr", str(tmp_path))
        here = here.replace("/opt/drengr/.venv/bin/drengr", f"{sys.executable} -m drengr")
        subprocess.run(["sh", "-c", here], check=True, timeout=300)
    assert len(list(tmp_path.iterdir())) == 2 and len(list(tmp_path.glob("drengr-*T*Z.db"))) == 1
    for path in tmp_path.iterdir():
        assert shell(path, "PRAGMA integrity_check; SELECT count(*) FROM events", "-readonly") == f"ok\n{len(ROWS)}\n"
