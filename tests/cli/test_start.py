"""Starting where people start it: odd outputs, folders with other people's files, machines that refuse (contract 7)."""

import contextlib
import json
import os
import platform
import pty
import signal
import socket
import stat
import subprocess
import sys
import time
import urllib.error
from pathlib import Path

import pytest

from drengr import __version__
from tests.cli.test_serve import (
    APP,
    BIN,
    ROOT,
    SERVE,
    environment,
    event,
    get,
    output_of,
    post,
    procfile,
    running,
    wait_for,
)
from tests.service import free_port

REFUSED = [sys.executable, str(ROOT / "tests/faults/refused_calls.py")]
WAYS = {"app.py": APP, "Procfile": procfile(), "drengr": [str(BIN / "drengr"), "serve"], "python -m": SERVE}


@pytest.fixture
def folder(tmp_path) -> Path:
    """An empty folder to start in."""
    (tmp_path / "empty").mkdir()
    return tmp_path / "empty"


def children_of(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def has_children(process: subprocess.Popen, count: int) -> bool:
    return len(children_of(process.pid)) == count


@contextlib.contextmanager
def started(command: list[str], folder: Path, **more):
    """(base URL, process) of a start whose output goes where `more` says."""
    port = more.pop("port", None) or str(free_port())
    env = environment(folder, PORT=port, **more.pop("settings", {}))
    process = subprocess.Popen(command, cwd=folder, env=env, **more)
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(2400):
            assert process.poll() is None, process.returncode
            with contextlib.suppress(urllib.error.URLError):
                get(url + "/healthz")
                break
            time.sleep(0.05)
        yield url, process
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0


def keys_of(folder: Path) -> dict:
    return json.loads((folder / "drengr-keys.json").read_text())


# --- the current folder ----------------------------------------------------------------------------------------------

NAMES = ("queue", "csv", "json", "flask", "click", "zipfile", "simplejson", "setproctitle", "gunicorn_h1c", "config")


@pytest.mark.parametrize("command", WAYS.values(), ids=WAYS)
def test_what_lies_in_the_current_folder_is_not_run(folder, command):
    for name in NAMES:
        (folder / f"{name}.py").write_text(f"open({str(folder / 'was-run')!r}, 'a').write({name!r})")
    if command[0].endswith("gunicorn"):
        (folder / "app.py").write_text((ROOT / "app.py").read_text())
    with running(command, folder) as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200
    assert not (folder / "was-run").exists()


def test_nor_by_gunicorn_without_its_settings(folder):
    for name in ("flask", "peewee", "orjson", "zipfile"):  # what gunicorn itself does not import
        (folder / f"{name}.py").write_text(f"open({str(folder / 'was-run')!r}, 'a').write({name!r})")
    (folder / "app.py").write_text((ROOT / "app.py").read_text())
    port = str(free_port())
    command = [str(Path(sys.executable).with_name("gunicorn")), "-b", f"127.0.0.1:{port}", "app:app"]
    with started(command, folder, port=port) as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200
    assert not (folder / "was-run").exists()


def test_a_folder_of_its_name_is_not_taken_for_it(folder):
    (folder / "drengr").symlink_to(ROOT)  # as one sees a checkout from the folder above
    for command in (["-m", "drengr", "project", "create", "shop"], ["drengr/app.py", "--help"]):
        env = environment(folder, PORT="0")  # app.py: a sentence about PORT is as far as it needs to come
        ended = subprocess.run([sys.executable, *command], cwd=folder, env=env, capture_output=True, text=True)
        assert "Traceback" not in ended.stderr, ended.stderr


# --- outputs ---------------------------------------------------------------------------------------------------------


def test_a_reader_of_the_first_lines_only_leaves_the_keys_in_the_file(folder):
    head = subprocess.Popen(["head", "-1"], stdin=subprocess.PIPE, stdout=subprocess.DEVNULL)
    with head, started(SERVE, folder, stdout=head.stdin) as (url, _):
        head.stdin.close()
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200


def test_a_full_disk_under_the_log_stops_nothing(folder):
    with open("/dev/full", "w") as full, started(SERVE, folder, stdout=full, stderr=full) as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&- <&-"])
def test_a_closed_output_stops_nothing(folder, closed):
    command = ["sh", "-c", f'exec "$@" {closed}', "sh", *SERVE]
    with started(command, folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200


def test_a_terminal_of_ascii_stops_nothing(folder):
    with running(SERVE, folder, PYTHONIOENCODING="ascii", LC_ALL="C", PYTHONUTF8="0") as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200
    assert "Traceback" not in output_of(folder)
    assert f"Drengr {__version__} - database" in output_of(folder)


def test_a_terminal_that_goes_away_stops_nothing(folder):
    ours, theirs = pty.openpty()
    os.close(ours)
    with started(SERVE, folder, stdin=theirs, stdout=theirs, stderr=theirs, start_new_session=True) as (url, _):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200
    os.close(theirs)


def test_a_file_of_keys_that_is_there_is_left_alone(folder):
    old = folder / "drengr-keys.json"
    old.write_text("another's")
    old.chmod(0o644)
    with running(SERVE, folder) as (url, _):
        new = folder / "drengr-keys-2.json"
        assert post(url + "/batch", event(json.loads(new.read_text())["publishable_key"]))[0] == 200
        assert stat.S_IMODE(new.stat().st_mode) == 0o600
    assert old.read_text() == "another's"
    assert str(new) in output_of(folder)


# --- the machine -----------------------------------------------------------------------------------------------------


@pytest.mark.skipif(
    sys.platform != "linux" or platform.machine() != "x86_64", reason="The filter is written for Linux on x86-64."
)
@pytest.mark.parametrize("calls", ["203", "160,302"], ids=["sched_setaffinity", "setrlimit"])
def test_a_nicety_that_is_refused_is_done_without(folder, calls):
    with running([*REFUSED, calls, *SERVE], folder) as (url, process):
        assert post(url + "/batch", event(keys_of(folder)["publishable_key"]))[0] == 200
        while not has_children(process, 2):
            time.sleep(0.05)
    assert "Traceback" not in output_of(folder)


def test_with_few_open_files_workers_live_and_answer(folder):
    few = ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *SERVE]
    with running(few, folder) as (url, process):
        while not has_children(process, 2):
            time.sleep(0.05)
        before = children_of(process.pid)
        port = int(url.rpartition(":")[2])
        body = json.dumps(event(keys_of(folder)["publishable_key"])).encode()
        head = b"POST /batch HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body)
        many = [socket.create_connection(("127.0.0.1", port)) for _ in range(200)]
        for connection in many:
            with contextlib.suppress(OSError):  # it has its answer already
                connection.sendall(head + body)
        assert {connection.recv(65536)[9:12] for connection in many} == {b"200", b"503"}
        for connection in many:
            connection.close()
        assert children_of(process.pid) == before
    assert "Traceback" not in output_of(folder)


@pytest.mark.skipif(len(os.sched_getaffinity(0)) < 2, reason="This machine has one core.")
def test_one_worker_on_several_cores_is_pinned_to_none(folder):
    with running(SERVE, folder, WEB_CONCURRENCY="1") as (_, process):
        (worker,) = children_of(process.pid)
        assert os.sched_getaffinity(worker) == os.sched_getaffinity(0)


@pytest.mark.parametrize("command", WAYS.values(), ids=WAYS)
def test_sigusr2_starts_it_once_more_on_the_same_port(folder, command):
    database = {"DRENGR_DATABASE": str(folder / "drengr.db")}
    if command[0].endswith("gunicorn"):
        (folder / "app.py").write_text((ROOT / "app.py").read_text())
    with running(command, folder, **database) as (url, process):
        process.send_signal(signal.SIGUSR2)
        deadline = time.monotonic() + 60
        while not (masters := [child for child in children_of(process.pid) if children_of(child)]):
            assert time.monotonic() < deadline, output_of(folder)
            time.sleep(0.1)
        (new,) = masters
        time.sleep(1)
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
        assert get(url + "/healthz") == {"status": "ok"}
        os.kill(new, signal.SIGTERM)
        while Path(f"/proc/{new}").exists() and b"Z" not in Path(f"/proc/{new}/stat").read_bytes().split()[2]:
            time.sleep(0.1)
    assert "Traceback" not in output_of(folder)


# --- what it says ----------------------------------------------------------------------------------------------------


def test_listening_everywhere_the_snippets_say_what_to_put_there(folder):
    with running(SERVE, folder, HOST="0.0.0.0") as (url, _):
        port = url.rpartition(":")[2]
        assert f"http://PUT-YOUR-NAME-HERE:{port}/amplitude-ingest" in output_of(folder)
        assert "in the place of PUT-YOUR-NAME-HERE" in output_of(folder)
        assert f"http://0.0.0.0:{port}/" not in output_of(folder)


def test_gunicorn_alone_reads_the_same_settings(folder):
    database = {"DRENGR_DATABASE": str(folder / "drengr.db"), "HOST": "127.0.0.2", "PORT": str(free_port())}
    env = environment(folder, **database)
    with (folder.parent / "output").open("w") as output:
        process = subprocess.Popen(
            [str(BIN / "gunicorn"), "app:app"], cwd=ROOT, env=env, stdout=output, stderr=subprocess.STDOUT
        )
    try:
        wait_for(f"http://127.0.0.2:{database['PORT']}", process, folder)
        assert "Using worker: drengr.serving.worker.Worker" in output_of(folder)
        assert list((folder.parent / "home").iterdir()) == []
    finally:
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
