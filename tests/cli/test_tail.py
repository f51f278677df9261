import json
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from itertools import islice

import pytest
from click.testing import CliRunner
from flask import Flask, redirect
from werkzeug.serving import make_server

from drengr.cli import main, remote_door
from drengr.cli.local_door import LocalDoor
from drengr.cli.remote_door import RemoteDoor
from tests.admin import DAY_MS, HOUR_MS, event
from tests.conftest import NOW_MS
from tests.service import command_environment

pytestmark = pytest.mark.both_stores


@pytest.fixture
def run(location):
    """run("tail", "-n", "3", DRENGR_SECRET_KEY="…") → the finished command."""

    def invoke(*words: str, **environment: str):
        return CliRunner().invoke(main, words, env={"DRENGR_DATABASE": location, **environment})

    return invoke


@contextmanager
def serving(application):
    """Its address, on a real socket."""
    server = make_server("127.0.0.1", 0, application, threaded=True)
    thread = threading.Thread(target=server.serve_forever, args=[0.02])  # so soon it ends
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def served(app):
    with serving(app) as address:
        yield address


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


@pytest.fixture
def doors(store, tenant, served):
    """The two ways to ask: the file itself, and a service."""
    return {
        "the file": LocalDoor(store, tenant.project),
        "a service": RemoteDoor(served, tenant.project_id, tenant.secret_key),
    }


@pytest.mark.parametrize("where", ["the file", "a service"])
def test_following_shows_every_arrival_once_however_old_its_time(put, doors, clock, where):
    """With 600 newer events in the log not even one of ten minutes ago was shown."""
    clock.now_ms = now = time.time_ns() // 1_000_000  # a service tells by its own clock what came in
    old = [event(occurred_at=now + n, received_at=now - HOUR_MS) for n in range(-600, 0)]
    put(*old, *(event(occurred_at=now - DAY_MS * n, received_at=now - HOUR_MS) for n in range(70)))
    looks = doors[where].arrivals({})
    assert next(looks) == []
    late = event(event_name="late", occurred_at=now - 79 * DAY_MS, received_at=now)
    put(late, event(event_name="minutes", occurred_at=now - 600_000, received_at=now))
    put(event(event_name="newest", occurred_at=now, received_at=now))
    assert [row["event_name"] for row in next(looks)] == ["late", "minutes", "newest"]
    assert list(islice(looks, 2)) == [[], []]
    put(late._replace(event_name="later"))
    assert [row["event_name"] for row in next(looks)] == ["later"]


@pytest.mark.parametrize("where", ["the file", "a service"])
def test_following_keeps_to_the_filters(put, doors, clock, where):
    clock.now_ms = now = time.time_ns() // 1_000_000
    of_name, of_user = doors[where].arrivals({"event_name": "a"}), doors[where].arrivals({"external_id": "anna"})
    came = event(occurred_at=now, received_at=now)
    put(*(came._replace(event_name=name, external_id=who) for name in "ab" for who in ("anna", "b")))
    assert [row["app_user_id"] for row in next(of_name)] == ["anna", "b"]
    assert [row["event_name"] for row in next(of_user)] == ["a", "b"]


def test_what_was_seen_of_a_service_is_forgotten_in_halves(put, doors, clock, monkeypatch):
    monkeypatch.setattr(remote_door, "_MOST_REMEMBERED", 4)
    clock.now_ms = now = time.time_ns() // 1_000_000
    looks = doors["a service"].arrivals({})
    printed = []
    for number in range(6):
        put(*(event(occurred_at=now - 1000 + 10 * number + n, received_at=now) for n in range(3)))
        printed += [row["id"] for row in next(looks)]
    assert printed == [str(n) for n in range(1, 19)]


def test_ctrl_c_ends_following_quietly(put, location):
    put(event(event_name="before"))
    command = [sys.executable, "-m", "drengr", "tail", "-f", *SINCE]
    environment = command_environment(location, PYTHONUNBUFFERED="1")
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


@pytest.mark.parametrize("key", ["drengr_sk_x\ny", "Größe", "\udcff"])
def test_a_key_that_no_header_can_hold_is_not_printed(run, served, key):
    refused = run("tail", "--url", served, "--project", "x", DRENGR_SECRET_KEY=key)
    assert refused.exit_code == 2 and key not in refused.output and "DRENGR_SECRET_KEY" in refused.output


@pytest.mark.parametrize("url", ["http://a b/", "http://\udcff", "http://[", "http://127.0.0.1:x"])
def test_an_address_that_is_none_is_one_sentence(run, url):
    refused = run("tail", "--url", url, "--project", "\udcff", DRENGR_SECRET_KEY="k")
    assert refused.exit_code == 1 and isinstance(refused.exception, SystemExit)


@pytest.mark.parametrize("words", [("--event-name", "caf\udce9"), ("--user", "\udcff"), ("--project", "\udcff")])
def test_bytes_that_are_no_utf_8_end_in_no_traceback(run, put, words):
    put(event())
    assert isinstance(run("tail", *SINCE, *words).exception, SystemExit | None)


def test_a_name_is_looked_up_as_people_write_it(run, put):
    put(event(event_name="order_completed"))
    found = run("tail", *SINCE, "--event-name", "Order Completed")
    assert found.stdout.count("\n") == 1 and "order_completed" in found.stderr
    missed = run("tail", *SINCE, "--event-name", "Ordr Completed")
    assert missed.stdout == "" and "order_completed" in missed.stderr


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


def test_the_key_does_not_follow_a_redirect(run):
    arrived, other = [], Flask("other")
    other.add_url_rule("/old/<path:rest>", "old", view_func=lambda rest: redirect("/new"))
    other.add_url_rule("/new", "new", view_func=lambda: arrived.append(1) or "")
    with serving(other) as address:
        refused = run("tail", "--url", address + "/old", "--project", "x", DRENGR_SECRET_KEY="k")
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
