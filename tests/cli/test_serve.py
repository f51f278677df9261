"""Starting the service by real processes: contract 1, 7."""

import json
import os
import pty
import re
import shlex
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import time
import urllib.error
import urllib.request
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from drengr import __version__
from drengr.store.sqlite import SqliteStore
from tests.service import command_environment, free_port

ROOT = Path(__file__).parents[2]
BIN = Path(sys.executable).parent
SERVE = [sys.executable, "-m", "drengr", "serve"]
APP = [sys.executable, str(ROOT / "app.py")]


def environment(folder: Path, **over: str) -> dict[str, str]:
    """Nothing of ours from outside; home is a folder of its own that must stay empty."""
    home = folder.parent / "home"
    home.mkdir(exist_ok=True)
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "LANG", "LC_ALL", "TMPDIR")}
    needed = command_environment(over.get("DRENGR_DATABASE", "")).get("PYTHONPATH", "")
    return kept | {"HOME": str(home), "PYTHONPATH": f"{ROOT}:{needed}"} | over


@pytest.fixture
def folder(tmp_path) -> Path:
    """An empty folder to start in."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


@contextmanager
def running(command: list[str], folder: Path, **over: str):
    """(base URL, the process) once it answers; stopped by SIGTERM at the end."""
    port = free_port()
    env = environment(folder, PORT=str(port), **over)
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    url = f"http://{over.get('HOST', '127.0.0.1')}:{port}"
    try:
        wait_for(url, process, folder)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def output_of(folder: Path) -> str:
    return (folder.parent / "output").read_text()


def wait_for(url: str, process: subprocess.Popen, folder: Path) -> None:
    for _ in range(2400):
        assert process.poll() is None, output_of(folder)
        try:
            assert get(url + "/healthz") == {"status": "ok"}
            return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError(f"no answer: {output_of(folder)}")


def get(url: str) -> dict:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)


def post(url: str, body: object) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(url, json.dumps(body).encode(), timeout=60) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        with error:
            return error.code, json.load(error)


def event(key: str) -> dict:
    return {"api_key": key, "events": [{"event_type": "hello", "user_id": "me"}]}


def end_of(command: list[str], folder: Path, **over: str) -> tuple[int, str]:
    """(exit code, everything printed) of a start that cannot succeed."""
    ended = subprocess.run(
        command, cwd=folder, env=environment(folder, **over), capture_output=True, text=True, timeout=60, check=False
    )
    return ended.returncode, ended.stdout + ended.stderr


def test_the_first_start_in_an_empty_folder_prints_once_what_one_needs(folder):
    with running(SERVE, folder) as (url, _):
        first = output_of(folder)
        keys = json.loads((folder / "drengr-keys.json").read_text())
        assert set(keys) == {"project_id", "publishable_key", "secret_key"}
        assert re.fullmatch(r"drengr_pk_[\w-]{22,}", keys["publishable_key"])
        assert re.fullmatch(r"drengr_sk_[\w-]{22,}", keys["secret_key"])
        assert stat.S_IMODE((folder / "drengr-keys.json").stat().st_mode) == 0o600
        assert str(folder / "drengr-keys.json") in first
        for needed in (__version__, str(folder / "drengr.db"), *keys.values(), url):
            assert needed in first
        for sdk in ("Python", "Node", "Browser"):
            (line,) = [line for line in first.splitlines() if line.strip().startswith(sdk)]
            assert keys["publishable_key"] in line and f"{url}/amplitude-ingest" in line
        assert "fetchRemoteConfig: false" in first
        pasted_curl(first, folder)
    assert output_of(folder).count(keys["secret_key"]) == 1

    with running(SERVE, folder) as (url, _):
        assert not any(key in output_of(folder) for key in keys.values())
        assert post(url + "/amplitude-ingest", event(keys["publishable_key"]))[0] == 200
        asked = urllib.request.Request(
            f"{url}/admin/projects/{keys['project_id']}/events",
            headers={"Authorization": f"Bearer {keys['secret_key']}"},
        )
        with urllib.request.urlopen(asked, timeout=60) as answer:
            assert [row["event_name"] for row in json.load(answer)["data"]] == ["hello", "hello"]
    assert "Traceback" not in output_of(folder)
    nothing_outside(folder)


def pasted_curl(banner: str, folder: Path) -> None:
    """The printed command, run as printed, stores an event."""
    (line,) = [line.strip() for line in banner.splitlines() if line.strip().startswith("curl ")]
    ran = subprocess.run(shlex.split(line), capture_output=True, text=True, timeout=30, check=True)
    assert json.loads(ran.stdout)["events_ingested"] == 1


def nothing_outside(folder: Path) -> None:
    """The home directory is still empty, and beside the database lies only what belongs to it."""
    assert list((folder.parent / "home").iterdir()) == []
    assert [path.name for path in folder.iterdir() if not path.name.startswith(("drengr.db", "drengr-keys"))] == []


def test_on_a_terminal_the_keys_are_shown_and_no_file_is_written(folder):
    terminal, other_end = pty.openpty()
    env = environment(folder, PORT=str(free_port()))
    process = subprocess.Popen(SERVE, cwd=folder, env=env, stdin=other_end, stdout=other_end, stderr=other_end)
    os.close(other_end)
    seen = b""
    while b"Booting worker" not in seen:
        seen += os.read(terminal, 65536)
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0
    os.close(terminal)
    assert b"drengr_sk_" in seen
    assert not (folder / "drengr-keys.json").exists()


@pytest.mark.parametrize("output", ["> /dev/full", ">&-", ">&- 2>&- <&-", "| head -1 >&2"])
def test_output_that_nobody_reads_stops_no_service_and_hides_no_key(folder, output):
    """`drengr serve | head -1` made keys that nobody saw, and the next start said nothing of them."""
    port = free_port()
    command = f"exec {shlex.join(SERVE)} {output}"
    process = subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment(folder, PORT=str(port)), start_new_session=True,
        stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        wait_for_answer(f"http://127.0.0.1:{port}")
        keys = json.loads((folder / "drengr-keys.json").read_text())
        assert post(f"http://127.0.0.1:{port}/batch", event(keys["publishable_key"]))[0] == 200
    finally:
        os.killpg(process.pid, signal.SIGTERM)
        process.wait(30)
    with running(SERVE, folder):
        assert f"The keys of the first start are in {folder / 'drengr-keys.json'}" in output_of(folder)


def wait_for_answer(url: str) -> None:
    for _ in range(2400):
        try:
            assert get(url + "/healthz") == {"status": "ok"}
            return
        except urllib.error.URLError:
            time.sleep(0.05)
    raise AssertionError("no answer")


def test_a_terminal_of_ascii_starts_the_service(folder):
    with running(SERVE, folder, PYTHONIOENCODING="ascii:strict"):
        assert f"Drengr {__version__} - database" in output_of(folder)


def test_two_databases_in_one_folder_keep_their_own_keys(folder):
    (folder / "drengr-keys.json").write_text("{}")
    (folder / "drengr-keys.json").chmod(0o644)
    with running(SERVE, folder):
        assert str(folder / "drengr-keys-2.json") in output_of(folder)
    kept = folder / "drengr-keys-2.json"
    assert "secret_key" in json.loads(kept.read_text()) and stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert (folder / "drengr-keys.json").read_text() == "{}"


def wait_for_children(process: subprocess.Popen, count: int) -> None:
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children")
    for _ in range(200):
        if len(children.read_text().split()) == count:
            return
        time.sleep(0.05)
    raise AssertionError(f"{children.read_text()} are not {count} workers")


def procfile() -> list[str]:
    """The command of the Procfile, gunicorn from this environment."""
    kind, command = (ROOT / "Procfile").read_text().strip().split(":", 1)
    assert kind == "web"
    program, *arguments = shlex.split(command)
    assert program == "gunicorn"
    return [str(BIN / program), *arguments]


WAYS = {"app.py": APP, "Procfile": procfile(), "drengr": [str(BIN / "drengr"), "serve"]}


@pytest.mark.parametrize("start", WAYS.values(), ids=WAYS)
def test_the_other_ways_to_start_serve_the_same(folder, start):
    workers = {"WEB_CONCURRENCY": "2", "HOST": "127.0.0.2", "DRENGR_DATABASE": str(folder / "drengr.db")}
    with running(start, folder, **workers) as (url, process):
        key = json.loads((folder / "drengr-keys.json").read_text())["publishable_key"]
        assert post(url + "/amplitude-ingest", event(key))[0] == 200
        wait_for_children(process, 2)
        with pytest.raises(urllib.error.URLError):
            get(url.replace("127.0.0.2", "127.0.0.1") + "/healthz")
    assert process.returncode == 0
    assert output_of(folder).count(key) >= 1 and "Traceback" not in output_of(folder)
    nothing_outside(folder)


def test_gunicorn_without_its_settings_serves_too(folder):
    database = str(folder / "drengr.db")
    port = str(free_port())
    command = [str(BIN / "gunicorn"), "--chdir", str(ROOT), "--no-control-socket", "-b", f"127.0.0.1:{port}", "app:app"]
    env = environment(folder, DRENGR_DATABASE=database)
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(command, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://127.0.0.1:{port}", process, folder)
        key = json.loads((folder / "drengr-keys.json").read_text())["publishable_key"]
        assert post(f"http://127.0.0.1:{port}/batch", event(key))[0] == 200
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


# --- what ends a start with one sentence -----------------------------------------------------------------------------


def other_programs_file(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE songs (title)")


def newer_file(path: Path) -> None:
    store = SqliteStore(str(path))
    store.database.close()
    store.close()
    with closing(sqlite3.connect(path)) as connection, connection:
        (table,) = connection.execute("SELECT name FROM sqlite_schema WHERE name LIKE '%migration%' AND type = 'table'")
        name, *_ = [row[1] for row in connection.execute(f"PRAGMA table_info({table[0]})") if row[1] == "name"]
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table[0]})") if row[1] not in ("id", name)]
        connection.execute(
            f"INSERT INTO {table[0]} ({', '.join([name, *columns])})"
            f" SELECT '9999_future', {', '.join(columns)} FROM {table[0]} LIMIT 1"
        )


def garbage(path: Path) -> None:
    path.write_bytes(b"This is a diary, not a database. " * 100)


def damaged(path: Path) -> None:
    SqliteStore(str(path)).close()
    with path.open("r+b") as file:
        file.seek(100)
        file.write(b"\xa5" * 3000)


CANNOT_START = {
    "a missing folder": ({"DRENGR_DATABASE": "{}/nowhere/events.db"}, None, "does not exist"),
    "a folder below a file": ({"DRENGR_DATABASE": "{}/file/events.db"}, lambda path: path.touch(), "does not exist"),
    "a folder instead of a file": ({"DRENGR_DATABASE": "{}"}, None, "is a folder"),
    "a folder that takes no files": ({"DRENGR_DATABASE": "/proc/events.db"}, None, "cannot be used"),
    "no database": ({"DRENGR_DATABASE": "{}/file"}, garbage, "no SQLite database"),
    "another program's file": ({"DRENGR_DATABASE": "{}/file"}, other_programs_file, "of another program"),
    "a newer schema": ({"DRENGR_DATABASE": "{}/file"}, newer_file, "newer version of Drengr"),
    "a damaged file": ({"DRENGR_DATABASE": "{}/file"}, damaged, "malformed"),
    "a bad PORT": ({"PORT": "http"}, None, "PORT='http' cannot be used: it takes a whole number from 1 to 65535"),
    "a bad setting": ({"DRENGR_SYNCHRONOUS": "MAYBE"}, None, "it takes FULL or NORMAL"),
    "a HOST of somebody else": ({"HOST": "203.0.113.1"}, None, "Cannot listen on 203.0.113.1"),
    "a HOST that steers a terminal": ({"HOST": "a\x1b[2Jb"}, None, "Cannot listen on a\\x1b[2Jb"),
    "a path that steers a terminal": ({"DRENGR_DATABASE": "{}/\x1b[2J/x"}, None, "/\\x1b[2J does not exist"),
    "a HOST that is none": ({"HOST": "a..b"}, None, "Cannot listen on a..b"),
}


@pytest.mark.parametrize(("settings", "prepare", "words"), CANNOT_START.values(), ids=CANNOT_START)
def test_what_cannot_start_says_one_sentence_and_ends_with_3(folder, settings, prepare, words):
    if prepare:
        prepare(folder / "file")
    port = {"PORT": str(free_port())}
    code, printed = end_of(SERVE, folder, **port | {name: value.format(folder) for name, value in settings.items()})
    assert code == 3, printed
    assert "Traceback" not in printed
    (sentence,) = [line for line in printed.splitlines() if line.startswith("drengr: ")]
    assert words in sentence and sentence.endswith(".")
    assert "\x1b" not in printed


def test_a_port_in_use_is_one_sentence_at_once(folder):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        for command in (SERVE, APP):
            code, printed = end_of(command, folder, PORT=port)
            (sentence,) = printed.splitlines()
            assert code == 3 and sentence.startswith(
                f"drengr: Cannot listen on 127.0.0.1:{port}: Address already in use"
            )
    assert list(folder.iterdir()) == []


@pytest.mark.parametrize("name", ["another program's file", "a missing folder", "a bad setting"])
def test_the_procfile_says_the_same_sentence(folder, name):
    settings, prepare, words = CANNOT_START[name]
    if prepare:
        prepare(folder / "file")
    given = {"PORT": str(free_port())} | {name: value.format(folder) for name, value in settings.items()}
    code, printed = end_of([*procfile()[:-1], "--chdir", str(ROOT), "app:app"], folder, **given)
    assert code == 3 and words in printed and "Traceback" not in printed


def test_a_certificate_is_refused_for_nothing_would_be_encrypted(folder):
    (folder / "key.pem").touch()
    gunicorn = [str(Path(sys.executable).with_name("gunicorn")), "--config", "python:drengr.serving.gunicorn_settings"]
    code, printed = end_of([*gunicorn, "--certfile", "key.pem", "app:app"], folder, PORT=str(free_port()))
    assert code == 3 and "TLS is the proxy's" in printed and "Traceback" not in printed


def test_host_and_port_on_the_command_line_win(folder):
    port = free_port()
    command = [*SERVE, "--host", "127.0.0.1", "--port", str(port)]
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(
            command, cwd=folder, env=environment(folder, HOST="nowhere.invalid", PORT="1"), stdout=output, stderr=output
        )
    try:
        wait_for(f"http://127.0.0.1:{port}", process, folder)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(30)


def test_a_port_that_is_none_is_one_sentence(folder):
    refused = subprocess.run(
        [*SERVE, "--port", "x"], cwd=folder, env=environment(folder), capture_output=True, text=True, timeout=30
    )
    assert refused.returncode == 3 and refused.stderr.count("\n") == 1 and "PORT='x'" in refused.stderr


def test_a_misspelt_setting_is_a_warning(folder):
    with running(SERVE, folder, DRENGR_DATABSE="x.db") as (url, _):
        assert get(url + "/healthz") == {"status": "ok"}
    assert "Warning: DRENGR_DATABSE is no setting of Drengr" in output_of(folder)


def test_on_an_ipv6_host(folder):
    with closing(socket.socket(socket.AF_INET6)) as probe:
        try:
            probe.bind(("::1", 0))
        except OSError:
            pytest.skip("This machine has no IPv6 loopback.")
    port = str(free_port())
    env = environment(folder, HOST="::1", PORT=port)
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(SERVE, cwd=folder, env=env, stdout=output, stderr=subprocess.STDOUT)
    try:
        wait_for(f"http://[::1]:{port}", process, folder)
        assert f"http://[::1]:{port}/amplitude-ingest" in output_of(folder)
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
