"""`drengr import`: totals that add up, exit codes, dry run, and going on after a kill."""

import gzip
import json
import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
import zipfile
from contextlib import closing

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.cli.import_local import LocalImport
from drengr.store import StoreError
from tests.conftest import shared_data
from tests.looking import read
from tests.service import Service, command_environment

EXPORT = shared_data("exports", "amplitude", "synthetic_export_api.ndjson")
DIRTY = shared_data("exports", "mixpanel", "synthetic_dirty.ndjson")
KILLS = 10  # with --soak 30


def lines(first: int, count: int) -> bytes:
    line = '{{"event_type":"a b","event_time":"2026-06-01 12:00:00","device_id":"d{0}","$insert_id":"id-{0}"}}\n'
    return "".join(line.format(number) for number in range(first, first + count)).encode()


@pytest.fixture
def drengr(location, tmp_path):
    """drengr("import", …) → the finished command, on a database of its own."""

    def run(*words: object, stdin: bytes | None = None, **env: str):
        settings = {"DRENGR_DATABASE": location, "DRENGR_FOLDER": str(tmp_path), **env}
        return CliRunner().invoke(main, [str(word) for word in words], input=stdin, env=settings)

    return run


@pytest.fixture
def shop(drengr):
    assert drengr("project", "create", "shop").exit_code == 0


@pytest.fixture
def ask(location):
    """ask("SELECT …") → rows, as a stranger's connection sees them."""
    return lambda sql: read(location, sql)


def total(done) -> str:
    return next(line for line in done.stdout.splitlines() if line.startswith("Total:"))


@pytest.mark.both_stores
def test_a_file_is_imported_and_a_second_time_is_all_repeats(drengr, shop, ask):
    done = drengr("import", EXPORT, "--source", "amplitude", "--app-package", "com.x")
    assert (done.exit_code, total(done)) == (
        0, "Total: 1 data files, 300 rows = 300 imported + 0 duplicates + 0 skipped.",
    )  # fmt: skip
    again = drengr("import", EXPORT, "--source", "amplitude")
    assert total(again) == "Total: 1 data files, 300 rows = 0 imported + 300 duplicates + 0 skipped."
    assert ask("SELECT DISTINCT app_package FROM events") == [("com.x",)]
    assert ask("SELECT count(*) FROM import_progress") == [(0,)]


@pytest.mark.both_stores
def test_skipped_rows_are_told_with_file_and_line_and_matter_only_when_strict(drengr, shop):
    done = drengr("import", DIRTY, "--source", "mixpanel")
    assert done.exit_code == 0
    assert f'skipped {DIRTY} line 2: timestamp out of range for event "Product Added"' in done.stdout
    assert "… and 11 more" in done.stdout
    assert drengr("import", DIRTY, "--source", "mixpanel", "--strict").exit_code == 1


@pytest.mark.both_stores
def test_a_directory_of_archives_is_summed_up(drengr, shop, tmp_path):
    folder = tmp_path / "exports" / "deep"
    folder.mkdir(parents=True)
    (folder / "notes.txt").write_text("no export")
    (folder / "1.ndjson").write_bytes(lines(0, 10))
    (folder / "2.json.gz").write_bytes(gzip.compress(lines(5, 10)))
    with zipfile.ZipFile(folder / "3.zip", "w") as archive:
        archive.writestr("p/a.json.gz", gzip.compress(lines(15, 5)))
        archive.writestr("p/b.json", b"broken\n" + lines(20, 5))
    (folder / "4.ndjson").write_bytes(lines(0, 10))
    (folder / "5.tsv").write_text("event_type\tevent_time\tdevice_id\nBuy\t2025-10-09\tD\n")
    (folder / "events-1-2026-10-01-08-00-00-0a1b").write_bytes(b"".join(lines(25, 5).split(b"\n")))  # Firehose's
    (folder / "_SUCCESS").touch()
    done = drengr("import", folder.parent, "--source", "amplitude")
    assert done.exit_code == 0
    assert total(done) == "Total: 7 data files, 47 rows = 31 imported + 15 duplicates + 1 skipped."
    assert f"skipped {folder}/3.zip p/b.json line 1: not readable as JSON" in done.stdout
    assert "2 files that end in none of" in done.stderr


@pytest.mark.both_stores
def test_standard_input_may_be_anything_a_file_may_be(drengr, shop, tmp_path):
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr("a.json", lines(0, 10))
    for sent, imported in ((lines(0, 5), 5), (gzip.compress(lines(5, 1)), 1), ((tmp_path / "x.zip").read_bytes(), 4)):
        done = drengr("import", "-", "--source", "amplitude", stdin=sent)
        assert (done.exit_code, f"{imported} imported" in total(done)) == (0, True)


@pytest.mark.both_stores
def test_a_mapping_is_given_as_json_or_as_a_file(drengr, shop, tmp_path):
    mapping = shared_data("exports", "generic", "sim_aws_clickstream.mapping.json")
    rows = shared_data("exports", "generic", "sim_aws_clickstream.ndjson")
    assert "500 imported" in total(drengr("import", rows, "--source", "generic", "--mapping", mapping))
    assert "500 duplicates" in total(drengr("import", rows, "--source", "generic", "--mapping", mapping.read_text()))


def test_a_dry_run_tells_names_and_dropped_keys_and_stores_nothing(drengr, tmp_path):
    file = tmp_path / "a.ndjson"
    row = {
        "event_type": "Order Done", "event_time": "2026-06-01", "device_id": "d",
        "event_properties": {"Contact-Email": "x@y.example", "cart": {"card_no": 1}, "ok": 1, "product_name": "p"},
    }  # fmt: skip
    file.write_text(json.dumps(row) + "\nbroken\n")
    done = drengr("import", file, "--source", "amplitude", "--dry-run", DRENGR_ALLOWED_KEYS="product_name")
    assert done.exit_code == 0
    assert total(done) == "Total: 1 data files, 2 rows = 1 would be imported + 0 duplicates + 1 skipped."
    assert "order_done  from 'Order Done'" in done.stdout
    assert "Contact-Email  holds 'email'" in done.stdout
    assert "cart.card_no  holds 'card'" in done.stdout
    assert "product_name" not in done.stdout
    assert "x@y.example" not in done.output
    assert not (tmp_path / "events.db").exists()


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "Missing argument"),
        (("FILE",), "--source"),
        (("FILE", "--source", "Amplitude"), "Invalid value for '--source'"),
        (("missing.ndjson", "--source", "ga4"), "does not exist"),
        (("FILE", "--source", "generic"), "mapping is missing"),
        (("FILE", "--source", "generic", "--mapping", "{}"), "mapping.event_name_field"),
        (("FILE", "--source", "generic", "--mapping", "{"), "not readable as JSON"),
        (("FILE", "--source", "generic", "--mapping", "nowhere.json"), "neither a JSON object nor a file"),
        (("FILE", "--source", "ga4", "--project", "nobody"), "There is no project 'nobody'"),
        (("FILE", "--source", "ga4", "--url", "https://x.example"), "DRENGR_SECRET_KEY"),
    ],
)
def test_wrong_usage_is_exit_code_2_and_one_sentence(words, said, drengr, shop):
    done = drengr("import", *[EXPORT if word == "FILE" else word for word in words])
    assert (done.exit_code, said in done.stderr) == (2, True), done.output
    assert "Traceback" not in done.output


def test_without_a_database_none_is_made(drengr, tmp_path):
    done = drengr("import", EXPORT, "--source", "amplitude")
    assert (done.exit_code, "There is no database" in done.stderr) == (2, True)
    assert not (tmp_path / "events.db").exists()


def test_a_bad_setting_is_wrong_usage(drengr, shop):
    assert drengr("import", EXPORT, "--source", "amplitude", DRENGR_MAX_RATIO="x").exit_code == 2


@pytest.mark.both_stores
def test_a_broken_file_is_exit_code_4_and_the_others_are_imported(drengr, shop, tmp_path):
    broken = tmp_path / "broken.json.gz"
    broken.write_bytes(gzip.compress(lines(0, 3000))[:-8])
    done = drengr("import", broken, EXPORT, "--source", "amplitude")
    assert done.exit_code == 4
    assert f"{broken}: the gzip data ends in the middle" in done.stderr
    assert total(done) == "Total: 2 data files, 3,300 rows = 3,300 imported + 0 duplicates + 0 skipped."


@pytest.mark.both_stores
def test_a_file_of_another_source_is_named_every_time(drengr, shop, ask):
    for _ in range(2):
        done = drengr("import", DIRTY, "--source", "posthog")
        assert (done.exit_code, "they look like mixpanel" in done.stderr) == (4, True)
    assert ask("SELECT count(*) FROM events") == [(0,)]


@pytest.mark.both_stores
def test_a_changed_file_is_read_from_its_beginning(drengr, shop, tmp_path, monkeypatch):
    file, other = tmp_path / "a.ndjson", tmp_path / "b.ndjson"
    file.write_bytes(lines(0, 10) + b"[")
    other.write_bytes(lines(10, 10))
    words = ("import", file, other, "--source", "amplitude")
    with monkeypatch.context() as broken:  # the run ends within the second file
        broken.setattr(LocalImport, "run", stopping_at(other, LocalImport.run))
        assert drengr(*words).exit_code == 3
    again = drengr(*words)
    assert "went on after row 11" in again.stdout
    with monkeypatch.context() as broken:
        broken.setattr(LocalImport, "run", stopping_at(other, LocalImport.run))
        assert drengr(*words).exit_code == 3
    file.write_bytes(lines(10, 10) + b"[")
    os.utime(file, ns=(1, 1))
    assert "went on" not in drengr("import", file, "--source", "amplitude").stdout


def stopping_at(path, run):
    def stopping(self, given):
        if given == str(path):
            raise StoreError("disk full")
        return run(self, given)

    return stopping


def dump(database) -> list[tuple]:
    columns = "event_id, event_name, source, app_package, install_id, occurred_at, dims, measures"
    totals = "SELECT {unit}, name, events FROM {unit}_totals JOIN event_names ON event_names.id = name_id ORDER BY 1, 2"
    with closing(sqlite3.connect(database)) as connection:
        return [
            *connection.execute(f"SELECT {columns} FROM events ORDER BY events.id"),
            *connection.execute(totals.format(unit="day")),
            *connection.execute(totals.format(unit="hour")),
            connection.execute("PRAGMA integrity_check").fetchone(),
        ]


# Ends itself with SIGKILL inside the transaction whose turn it is; small ones, so that there are enough of them.
DYING = """
import os, signal, sys
from drengr.store.sqlite import group_commit
from drengr.store.sqlite.group_commit import GroupCommit

group_commit.HISTORY_ROWS = 400
run, left = GroupCommit.run, int(sys.argv.pop(1))

def dying(self, work, rows=1):
    global left
    left -= 1
    if left == 0:
        inner = work
        def work(connection):
            inner(connection)
            os.kill(os.getpid(), signal.SIGKILL)
    return run(self, work, rows)

GroupCommit.run = dying
from drengr.cli import main
main()
"""


def test_killed_at_many_moments_it_ends_with_the_same_table_and_never_starts_over(tmp_path, is_soak):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "1.ndjson").write_bytes(lines(0, 30_000) + b"broken\n")
    with zipfile.ZipFile(folder / "2.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.json.gz", gzip.compress(lines(28_000, 9_000)))
        archive.writestr("b.json", b"[" + lines(36_000, 9_000).strip().replace(b"\n", b",") + b"]")
    words = ["import", str(folder), "--source", "amplitude"]
    through = environment(tmp_path / "through.db")
    whole = subprocess.run([sys.executable, "-m", "drengr", *words], env=through, capture_output=True, text=True)
    assert whole.returncode == 0
    killed, chance, before, kills = environment(tmp_path / "killed.db"), random.Random(4), 0, 0
    wanted = 30 if is_soak else KILLS
    for number in range(wanted):
        by_itself = number % 3 > 0  # and else at a moment that nobody chose
        command = [sys.executable, "-c", DYING, str(chance.choice([1, 2, 3]) if by_itself else 10**9), *words]
        running = subprocess.Popen(command, env=killed, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        if not by_itself:
            enough = before + chance.randrange(1200)
            while rows_done(tmp_path / "killed.db") < enough and running.poll() is None:
                time.sleep(0.002)
            running.kill()
        kills += running.wait(60) == -signal.SIGKILL
        done = rows_done(tmp_path / "killed.db")
        assert done >= before
        before = done
    assert kills == wanted
    assert before > 0
    last = subprocess.run([sys.executable, "-m", "drengr", *words], env=killed, capture_output=True, text=True)
    assert last.returncode == 0
    assert "went on after row" in last.stdout
    assert total(last) == total(whole)
    assert dump(tmp_path / "killed.db") == dump(tmp_path / "through.db")


def environment(database) -> dict[str, str]:
    env = command_environment(database)
    command = [sys.executable, "-m", "drengr", "project", "create", "shop"]
    subprocess.run(command, env=env, check=True, capture_output=True)
    return env


def stored(database) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT count(*) FROM events").fetchone()[0]


def rows_done(database) -> int:
    with closing(sqlite3.connect(database)) as connection:
        return connection.execute("SELECT coalesce(sum(rows), 0) FROM import_progress").fetchone()[0]


def test_interrupted_it_says_so_in_one_sentence(tmp_path):
    env = environment(tmp_path / "events.db")
    command = [sys.executable, "-m", "drengr", "import", "-", "--source", "amplitude"]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, env=env, **pipes) as running:
        running.stdin.write(lines(0, 20_000))
        running.stdin.flush()
        while not stored(tmp_path / "events.db"):
            time.sleep(0.02)
        running.send_signal(signal.SIGINT)
        output, error = running.communicate(timeout=30)
    assert running.returncode == 3
    assert b"Interrupted. What is stored stays" in error
    assert b"Traceback" not in output + error


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("remote") / "events.db") as running:
        yield running


def test_url_sends_files_and_standard_input_to_a_service(service, tmp_path, monkeypatch):
    project = service.project("remote")
    monkeypatch.setenv("DRENGR_SECRET_KEY", project["secret_key"])
    file = tmp_path / "a.ndjson"
    file.write_bytes(lines(0, 8000) + b"broken\n")
    words = ["import", "--source", "amplitude", "--app-package", "com.x", "--url", service.url]
    done = CliRunner().invoke(main, [*words, str(file)])
    assert (done.exit_code, total(done)) == (
        0, "Total: 1 data files, 8,001 rows = 8,000 imported + 0 duplicates + 1 skipped.",
    )  # fmt: skip
    assert "skipped event 8000: not readable as JSON" in done.stdout
    piped = CliRunner().invoke(main, [*words, "-"], input=gzip.compress(lines(7990, 20)))
    assert "10 imported + 10 duplicates" in total(piped)
    broken = CliRunner().invoke(main, [*words, "-"], input=gzip.compress(lines(0, 20))[:-8])
    assert (broken.exit_code, "gzip data ends in the middle" in broken.stderr) == (4, True)
    assert len(service.events("WHERE project = ?", project["project_id"])) == 8010


@pytest.mark.parametrize(
    ("url", "key", "code"), [(None, "drengr_sk_wrong", 2), ("http://127.0.0.1:9", "x", 3), ("ftp://x", "x", 2)]
)
def test_url_that_does_not_answer_or_a_key_that_does_not_fit(url, key, code, service, monkeypatch):
    monkeypatch.setenv("DRENGR_SECRET_KEY", key)
    done = CliRunner().invoke(main, ["import", str(EXPORT), "--source", "amplitude", "--url", url or service.url])
    assert done.exit_code == code
    assert isinstance(done.exception, SystemExit)
