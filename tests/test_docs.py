"""README is held to the code: settings, limits, error codes, columns, commands; its curls and queries are run."""

import gzip
import json
import re
import shlex
import shutil
import sqlite3
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path

import click
import pytest

from drengr.admin import posted as admin_event
from drengr.api import amplitude_ingest, import_events, incoming, openapi
from drengr.cli import main
from drengr.config import SETTINGS
from drengr.events import event as event_rules
from drengr.events import jsontext, properties
from drengr.events.properties import SENSITIVE_WORDS
from drengr.sources import SOURCES
from drengr.store.sqlite.database import schema_sql
from tests.service import Service

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text()
CURL_NEEDED = pytest.mark.skipif(not shutil.which("curl"), reason="This machine has no curl.")


def section(heading: str) -> str:
    """The text below a heading, down to the next heading of its level or a higher one."""
    level = re.search(rf"(?m)^(#+) {re.escape(heading)}$", README)
    assert level, f"README has no heading {heading!r}"
    rest = re.sub(r"(?ms)^```.*?^```", lambda block: block.group().replace("\n#", "\n\x00#"), README[level.end() :])
    return re.split(rf"(?m)^#{{1,{len(level[1])}}} ", rest)[0].replace("\x00", "")


def tables(text: str) -> list[list[list[str]]]:
    """Every table: its rows below the line of dashes, as lists of cells."""
    found = re.findall(r"(?m)(?:^\|.*\n)+", text)
    return [
        [[cell.strip() for cell in line.strip().strip("|").split(" | ")] for line in table.splitlines()[2:]]
        for table in found
    ]


def blocks(text: str, language: str) -> list[str]:
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```", text)


def words(text: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", text)


# --- data ------------------------------------------------------------------------------------------------------------


def test_the_settings_table_is_the_code_s():
    rows = [[cell.strip("`") for cell in row] for row in tables(section("Settings"))[0]]
    assert rows == [[each.name, each.default or "none", each.unit, each.help] for each in SETTINGS]


def test_every_setting_named_anywhere_exists():
    known = {setting.name for setting in SETTINGS} | {"DRENGR_SECRET_KEY", "DRENGR_URL"}
    assert set(re.findall(r"DRENGR_[A-Z]+(?:_[A-Z]+)*\b", README)) <= known


def test_the_limits_are_the_code_s():
    limits = {row[0]: row[1] for row in tables(section("Limits"))[0]}
    mib = 1024 * 1024
    assert limits["live request"] == (
        f"{amplitude_ingest.MAX_BODY_BYTES // mib} MiB, as sent and inflated; {amplitude_ingest.MAX_EVENTS:,} events"
    )
    assert f"up to {incoming.MAX_DRAINED_BYTES // mib} MiB" in section("Limits")
    assert limits["import request"] == f"{import_events.MAX_BODY_BYTES // mib} MiB, {import_events.MAX_EVENTS:,} rows"
    assert limits["admin post"].startswith(f"{admin_event.MAX_SLOTS} events")
    assert limits["event name, property key, dim"] == (
        f"{event_rules.MAX_NAME}, {properties.MAX_KEY}, {properties.MAX_VALUE} characters"
    )
    assert limits["dims, measures of an event"] == f"{properties.MAX_DIMS}, {properties.MAX_MEASURES}"
    assert limits["nesting of JSON"] == f"{jsontext.MAX_DEPTH} levels"
    assert limits["integers"] == "±(2^63 \u2212 1)" and jsontext.LARGEST_INTEGER == 2**63 - 1


def test_the_sensitive_words_are_all_named():
    stored = section("What is stored")
    named = re.search(r"contains, at any depth,(.*?)\(", stored, re.DOTALL)[1]
    assert tuple(words(named)) == SENSITIVE_WORDS


def test_the_columns_are_the_view_s():
    listed = [word for row in tables(section("What is stored"))[0] for word in words(row[0])]
    with closing(sqlite3.connect(":memory:")) as connection:
        connection.executescript(schema_sql())
        assert listed == [column[0] for column in connection.execute("SELECT * FROM events").description]


def test_every_source_is_named():
    assert set(words(section("Import history").split("Every way in")[0])) == set(SOURCES)


def test_the_error_codes_of_the_admin_door_are_the_code_s():
    told = set(re.findall(r"`([A-Z][A-Z_]+)`", "".join(row[1] for row in tables(section("Ask over the API"))[-1])))
    in_code = set(re.findall(r"\b([A-Z]+_[A-Z_]+|UNAUTHORIZED|UNAVAILABLE)\b", json.dumps(openapi.document())))
    assert told == in_code | {"METHOD_NOT_ALLOWED"}  # which no method in the document answers


def test_the_answers_to_sdks_are_the_code_s():
    told = {row[0].split()[0]: row[0] for row in tables(section("Point an SDK here"))[0]}
    source = (ROOT / "drengr/api/amplitude_ingest.py").read_text()
    assert set(told) == {"200", "400", "413", "429", "503"}
    for answer in told.values():
        for text in words(answer):
            assert f'"{text}"' in source


# --- files and commands ----------------------------------------------------------------------------------------------


def test_every_file_named_exists():
    travels = section("How an event travels")
    below = {path.name for path in (ROOT / "drengr").rglob("*.py")} | {"app.py", "schema.sql"}
    assert set(re.findall(r"[a-z_]+\.(?:py|sql)", travels)) <= below
    for path in re.findall(r"`((?:drengr|tests)/[\w/.]+\.py)`", section("Develop")):
        assert (ROOT / path).exists() or "NAME" in path, path


def commands_shown() -> list[str]:
    lines = "\n".join(blocks(README, "sh")).replace("\\\n", " ").splitlines()
    shown = [re.search(r"(?:^|[ /|])drengr ((?!serve && |\.)[a-z].*)", line) for line in lines if "useradd" not in line]
    return sorted({re.split(r"\s+#|\s+&&|\s+\|", match[1])[0].strip() for match in shown if match})


@pytest.mark.parametrize("shown", commands_shown())
def test_every_command_shown_is_one_with_these_options(shown):
    arguments = [word for word in shlex.split(shown) if word != "…"]
    command: click.Command = main
    while isinstance(command, click.Group) and arguments:
        command = command.commands[arguments.pop(0)]
    assert isinstance(command, click.Command) and not isinstance(command, click.Group)
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if re.match(r"--?[a-z]", word)} <= known


def test_the_test_command_is_one_line_that_runs_pytest():
    (block,) = blocks(section("Run the tests"), "sh")
    (line,) = block.strip().splitlines()
    assert line.split("&&")[-1].split() == [".venv/bin/pytest", "-q"]


def test_the_start_command_is_one_line_that_serves():
    (block,) = blocks(section("Start"), "sh")
    (line,) = block.strip().splitlines()
    assert line.endswith(".venv/bin/drengr serve")


# --- what can be pasted is run ---------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("readme") / "drengr.db") as running:
        running.keys = json.loads(running.database.with_name("drengr-keys.json").read_text())
        yield running


def pasted(service, text: str) -> str:
    """What the text prints in a shell, with this service's address, keys and project."""
    keys = service.keys
    for placeholder, real in {
        "http://127.0.0.1:8000": service.url,
        "drengr_pk_YOUR_KEY": keys["publishable_key"],
        "drengr_sk_…": keys["secret_key"],
        "your-project-id": keys["project_id"],
    }.items():
        text = text.replace(placeholder, real)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=service.database.parent,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@CURL_NEEDED
def test_the_first_event_is_stored_and_answered_as_shown(service):
    (block,) = blocks(section("First event"), "sh")
    curl = block.split("\n#")[0]
    shown = json.loads(re.search(r"# (\{.*\})", block)[1])
    answer = json.loads(pasted(service, curl))
    grown = len(service.keys["publishable_key"]) - len("drengr_pk_YOUR_KEY")
    assert answer | {"server_upload_time": 0, "payload_size_bytes": answer["payload_size_bytes"] - grown} == shown | {
        "server_upload_time": 0, "payload_size_bytes": pasted_size(curl),
    }  # fmt: skip
    question, printed = re.search(r"(?m)^sqlite3 drengr\.db '(.*)'\n# (.*)", block).groups()
    with closing(sqlite3.connect(service.database)) as connection:
        assert "|".join(connection.execute(question).fetchone()) == printed


def pasted_size(curl: str) -> int:
    """The bytes of the body as it stands in README."""
    return len(re.search(r"(?s)-d '(.*)'", curl)[1].encode())


@CURL_NEEDED
def test_the_admin_examples_answer_as_they_are_shown(service):
    api = section("Ask over the API")
    exports, listing, count, post = blocks(api, "sh")
    shown_page, shown_count, shown_post = (json.loads(block.replace("…", "")) for block in blocks(api, "json"))
    assert json.loads(pasted(service, exports + post)) == shown_post
    page = json.loads(pasted(service, exports + listing))
    assert page.keys() == shown_page.keys()
    everything = json.loads(pasted(service, exports + listing.replace("&event_name=order_completed", "")))
    assert everything["data"][0].keys() == shown_page["data"][0].keys()
    counted = json.loads(pasted(service, exports + count.replace("2026-11-01", "$(date -u -d '-7 days' +%Y-%m-%d)")))
    assert counted["data"].keys() == shown_count["data"].keys()
    assert counted["data"]["buckets"][0].keys() == shown_count["data"]["buckets"][0].keys()


@CURL_NEEDED
def test_the_curls_for_whole_files_import(service):
    folder = service.database.parent
    rows = [
        {"event": "e", "properties": {"distinct_id": "d", "time": 1_780_000_000, "$insert_id": "m"}},
        {"event": "e", "distinct_id": "d", "timestamp": "2026-06-01T00:00:00Z", "uuid": "p"},
        {"event_type": "e", "user_id": "u", "event_time": "2026-06-01 00:00:00", "$insert_id": "a"},
    ]
    mixpanel, posthog, amplitude = (json.dumps(row).encode() + b"\n" for row in rows)
    (folder / "export.ndjson.gz").write_bytes(gzip.compress(mixpanel))
    (folder / "part1.gz").write_bytes(gzip.compress(posthog))
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        archive.writestr("1.json.gz", gzip.compress(amplitude))
    curls = next(block for block in blocks(section("Import history"), "sh") if "--data-binary" in block)
    whole = re.split(r"(?m)^(?=curl|zcat)", f"export DRENGR_SECRET_KEY=drengr_sk_…\n{curls}")
    for curl in whole[1:]:
        answer = json.loads(pasted(service, whole[0] + curl.replace("curl ", "curl -s ")))
        assert (answer["imported"], answer["skipped"], answer["files"]) == (1, 0, 1), curl


def test_the_questions_to_the_file_have_answers(service):
    queries = re.findall(r'(?s)sqlite3 -readonly drengr\.db "(.*?)"\n', blocks(section("Ask the file"), "sh")[0])
    assert len(queries) == 3
    with closing(sqlite3.connect(f"file:{service.database}?mode=ro", uri=True)) as connection:
        for query in queries:
            connection.execute(query).fetchall()
