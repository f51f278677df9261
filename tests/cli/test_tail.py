import json
import os
import signal
import subprocess
import sys
import threading
from itertools import islice

import pytest
from click.testing import CliRunner
from flask import redirect
from werkzeug.serving import make_server

from drengr.cli import main, tail
from drengr.cli.asking import LocalDoor
from tests.admin import event
from tests.conftest import NOW_MS


@pytest.fixture
def run(database_path):
    """run("tail", "-n", "3", DRENGR_SECRET_KEY="…") → the finished command."""

    def invoke(*words: str, **environment: str):
        return CliRunner().invoke(main, words, env={"DRENGR_DATABASE": str(database_path), **environment})

    return invoke


@pytest.fixture
def served(app):
    """The address of the application on a real socket."""
    server = make_server("127.0.0.1", 0, app, threaded=True)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def put(store, tenant):
    return lambda *events: store.add(tenant.project.id, list(events))


SINCE = ("--since", "2026-11-20")


def test_the_newest_come_last_one_a_line(run, put):
    put(*(event(event_name=f"e{n}", occurred_at=NOW_MS - n) for n in range(5)))
    lines = run("tail", "-n", "3", *SINCE).output.splitlines()
    assert [line.split()[1] for line in lines] == ["e2", "e1", "e0"]
    assert lines[-1].startswith("2026-11-20T16:00:00.000Z  e0")
    assert '{"plan": "pro", "revenue": 42.5}' in lines[-1] and "user_1" in lines[-1]


def test_filters_pick_a_name_and_a_user(run, put):
    put(event(event_name="a"), event(event_name="b"), event(event_name="a", external_id="user_2"))
    assert len(run("tail", *SINCE, "--event-name", "a").output.splitlines()) == 2
    only = run("tail", *SINCE, "--event-name", "a", "--user", "user_2").output.splitlines()
    assert len(only) == 1 and "user_2" in only[0]


def test_json_lines_are_what_the_api_shows(run, put, client, tenant):
    put(event(), event())
    lines = run("tail", "--json", *SINCE).output.splitlines()
    shown = client.get(f"/admin/projects/{tenant.project_id}/events", headers=tenant.bearer).json["data"]
    assert [json.loads(line) for line in lines] == shown[::-1]


def test_what_would_steer_the_terminal_is_not_printed(run, put):
    put(event(event_name="\x1b[2Jevil\r\u202e", external_id="a\nb", dims='{"k":"\x9b"}'))
    output = run("tail", *SINCE).output
    assert output.count("\n") == 1 and output[:-1].isprintable() and "evil" in output


def test_a_time_may_be_so_long_ago(run, put, store):
    put(event(occurred_at=1_000))
    assert run("tail", "--since", "1970-01-01").output.count("\n") == 1
    assert run("tail", "--since", "2h").output == ""
    refused = run("tail", "--since", "yesterday")
    assert refused.exit_code == 2 and "7d" in refused.output


def test_following_prints_each_arrival_once_also_the_back_dated(put, store, tenant, monkeypatch):
    monkeypatch.setattr(tail, "_POLL_S", 0)
    put(event(event_name="old"))
    door = LocalDoor(store, tenant.project)
    asked = {"since": "2026-11-01", "limit": "2"}
    looks = tail._arrivals(door, asked, door.page(asked)["data"])
    assert next(looks) == []
    put(event(event_name="late", occurred_at=NOW_MS - 3_600_000), event(event_name="new", occurred_at=NOW_MS))
    put(event(event_name="newest", occurred_at=NOW_MS + 1))
    assert [row["event_name"] for row in next(looks)] == ["late", "new", "newest"]
    assert list(islice(looks, 2)) == [[], []]


def test_what_was_seen_is_forgotten_in_halves(put, store, tenant, monkeypatch):
    monkeypatch.setattr(tail, "_POLL_S", 0)
    monkeypatch.setattr(tail, "_MOST_REMEMBERED", 4)
    door = LocalDoor(store, tenant.project)
    looks = tail._arrivals(door, {"since": "2026-11-01", "limit": "3"}, [])
    printed = []
    for number in range(6):
        put(*(event(occurred_at=NOW_MS + 10 * number + n) for n in range(3)))
        printed += [row["id"] for row in next(looks)]
    assert sorted(map(int, printed)) == list(range(1, 19))


def test_ctrl_c_ends_following_quietly(put, database_path):
    put(event(event_name="before"))
    command = [sys.executable, "-m", "drengr", "tail", "-f", *SINCE]
    environment = os.environ | {"DRENGR_DATABASE": str(database_path), "PYTHONUNBUFFERED": "1"}
    with subprocess.Popen(
        command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        assert "before" in process.stdout.readline()
        put(event(event_name="after"))
        assert "after" in process.stdout.readline()
        process.send_signal(signal.SIGINT)
        rest, errors = process.communicate(timeout=20)
    assert (process.returncode, rest, errors) == (0, "", "")


def test_a_remote_service_answers_the_same(run, put, served, tenant):
    put(event(event_name="a"), event(event_name="b"))
    remote = ("--url", served + "/", "--project", tenant.project_id)
    key = {"DRENGR_SECRET_KEY": tenant.secret_key}
    assert run("tail", *SINCE, *remote, **key).output == run("tail", *SINCE).output != ""
    window = ("--since", "2026-11-01", "--until", "2026-11-21", "--by", "event_name")
    assert run("count", *window, *remote, **key).output == run("count", *window).output != ""


@pytest.mark.parametrize(
    ("words", "environment", "code", "said"),
    [
        (("--project", "x"), {}, 2, "DRENGR_SECRET_KEY"),
        ((), {"DRENGR_SECRET_KEY": "k"}, 2, "--project"),
        (("--project", "x"), {"DRENGR_SECRET_KEY": "k"}, 1, "UNAUTHORIZED"),
    ],
)
def test_a_remote_service_that_cannot_be_asked_is_one_sentence(run, served, words, environment, code, said):
    refused = run("tail", "--url", served, *words, **{"DRENGR_SECRET_KEY": "", **environment})
    assert refused.exit_code == code and said in refused.output and "Traceback" not in refused.output


def test_a_service_that_is_not_there_is_one_sentence(run):
    refused = run("tail", "--url", "http://127.0.0.1:9", "--project", "x", DRENGR_SECRET_KEY="k")
    assert refused.exit_code == 1 and "does not answer" in refused.output


def test_the_key_does_not_follow_a_redirect(run, app, served):
    arrived = []
    app.add_url_rule("/old/<path:rest>", "old", view_func=lambda rest: redirect("/new"))
    app.add_url_rule("/new", "new", view_func=lambda: arrived.append(1) or "")
    refused = run("tail", "--url", served + "/old", "--project", "x", DRENGR_SECRET_KEY="k")
    assert refused.exit_code == 1 and "302" in refused.output and not arrived


def test_a_file_that_is_not_there_is_not_made(run, tmp_path):
    missing = tmp_path / "missing.db"
    for words in (("tail",), ("count", "--since", "1d"), ("verify",)):
        refused = run(*words, DRENGR_DATABASE=str(missing))
        assert refused.exit_code == 2 and "no database" in refused.output
    assert not missing.exists()


def test_an_address_of_another_kind_is_refused(run):
    refused = run("tail", "--url", "file:///etc/passwd", "--project", "x", DRENGR_SECRET_KEY="k")
    assert refused.exit_code == 2 and "http" in refused.output


def test_which_project_must_be_said_when_there_are_two(run, put, make_tenant):
    put(event())
    make_tenant("second")
    assert run("tail", *SINCE).exit_code == 2
    assert run("tail", *SINCE, "--project", "shop").output.count("\n") == 1
