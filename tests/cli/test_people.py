"""`drengr people`, `person show`, `count --people`, `funnel`, `retention`, `names`: of the file, and of a service."""

import json
import threading

import pytest
from click.testing import CliRunner
from werkzeug.serving import WSGIRequestHandler, make_server

from drengr.cli import main
from drengr.store import TooLong
from drengr.store.clock import now_ms
from tests.admin import DAY_MS, event, iso
from tests.conftest import Clock

pytestmark = pytest.mark.both_stores

NOW = now_ms()  # commands have no clock but the machine's


@pytest.fixture
def clock() -> Clock:
    return Clock(NOW)


@pytest.fixture
def visits(store, tenant):
    """A visitor who signs up and buys three days later, and a device that is nobody's."""
    store.add(
        tenant.project.id,
        [
            event(event_name="visit", install_id="d1", external_id=None, occurred_at=NOW - 4 * DAY_MS,
                  dims='{"_source_event_name":"Visit","user.plan":"free"}', measures="{}"),
            event(event_name="buy", install_id="d1", external_id="u1", occurred_at=NOW - DAY_MS,
                  dims='{"user.plan":"pro","color":"red"}', measures='{"revenue":42.5}'),
            event(event_name="visit", install_id="\x1b[31m", external_id=None, occurred_at=NOW - 4 * DAY_MS + 1,
                  dims='{"_source_event_name":"Visit"}', measures="{}"),
        ],
    )  # fmt: skip


@pytest.fixture
def run(location):
    """run("people", "u1") → the finished command."""
    environment = {"DRENGR_DATABASE": location, "COLUMNS": "60"}
    return lambda *words, **more: CliRunner().invoke(main, words, env=environment | more)


@pytest.fixture
def served(app):
    """Its address, over HTTP."""

    class Quiet(WSGIRequestHandler):
        def log(self, *_: object) -> None:
            pass

    server = make_server("127.0.0.1", 0, app, threaded=True, request_handler=Quiet)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_people_seen_last_first_and_shown_harmlessly(run, visits):
    lines = run("people").stdout.splitlines()
    assert [line.split()[1:] for line in lines] == [["2", "user", "u1"], ["1", "device", "\\x1b[31m"]]
    assert run("people", "u1").stdout.count("\n") == 1 and run("people", "nobody").stdout == ""
    assert run("people", "--limit", "1").stderr == "There may be more than these 1.\n"
    assert run("people", "--since", "2d").stdout.count("\n") == 1


def test_a_person_is_shown_by_user_and_by_device(run, visits):
    shown = run("person", "show", "u1")
    assert shown.exit_code == 0
    assert [line.split()[-1] for line in shown.stdout.splitlines() if "seen" not in line] == ["u1", "2", "d1", "pro"]
    assert run("person", "show", "d1", "--device").stdout == shown.stdout


def test_nobody_ends_with_1(run, visits):
    for words in (("nobody",), ("d1",), ("u1", "--device")):
        missed = run("person", "show", *words)
        assert missed.exit_code == 1 and missed.stdout == "" and "Error: nobody" in missed.stderr


def test_people_are_counted(run, visits):
    assert run("count", "--people", "--since", "7d").stdout == "2 people\n"
    lines = run("count", "--people", "--since", "7d", "--by", "day").stdout.splitlines()
    assert [line.split()[1] for line in lines] == ["2", "1", "people"]
    assert run("count", "--people", "--since", "7d", "--event-name", "Buy").stdout == "1 people\n"
    assert run("count", "--since", "7d").stdout == "3 events\n"


def test_a_funnel_of_names_as_people_write_them(run, visits):
    shown = run("funnel", "Visit", "buy", "--since", "7d")
    assert [line.split()[:3] for line in shown.stdout.splitlines()] == [["visit", "2", "100.0%"], ["buy", "1", "50.0%"]]
    assert '"Visit" is looked up as visit.' in shown.stderr
    assert "0    0.0%\n" in run("funnel", "visit", "buy", "--since", "7d", "--within", "2").stdout
    missed = run("funnel", "visitt", "buy", "--since", "7d")
    assert "visit" in missed.stderr and missed.exit_code == 0


def test_who_came_back(run, visits):
    until = ("--until", iso(NOW))
    head, first, *more = run("retention", "--since", iso(NOW - 7 * DAY_MS), *until).stdout.splitlines()
    assert head.split() == ["cohort", "people", "+1", "+2", "+3", "+4"]
    assert first.split()[1:] == ["2", "0", "0", "1", "0"] and not more
    assert run("retention", "--since", "7d", "--period", "week").exit_code == 0
    assert run("retention", "--since", iso(NOW - 2 * DAY_MS), *until).stdout == "Nobody came for the first time.\n"
    narrow = run("retention", "--since", iso(NOW - 7 * DAY_MS), *until, COLUMNS="26").stdout.splitlines()
    assert narrow[0].split() == ["cohort", "people", "+1", "+2"] and narrow[-1].startswith("… and 2 more columns")


def test_names_and_what_one_of_them_carries(run, visits):
    shown = run("names").stdout.splitlines()
    assert [line.split()[0] for line in shown] == ["2", "1"] and shown[0].endswith("visit  (Visit)")
    properties = run("names", "Buy").stdout.splitlines()
    assert properties[0] == "buy: 1 events looked at"
    assert [line.split()[1] for line in properties[1:]] == ["color", "revenue", "user.plan"]
    missed = run("names", "bui")
    assert missed.exit_code == 1 and "buy" in missed.stderr and missed.stdout == ""


CALLS = {
    ("people", "u1"): ("people", {"query": "u1", "limit": "100"}),
    ("people",): ("people", {"limit": "100"}),
    ("person", "show", "u1"): ("people/one", {"external_id": "u1"}),
    ("person", "show", "d1", "--device"): ("people/one", {"install_id": "d1"}),
    ("count", "--people", "--by", "week"): ("people/count", {"group_by": "week"}),
    ("funnel", "visit", "buy", "--within", "3"): ("funnel", {"step": ["visit", "buy"], "within": "3"}),
    ("retention", "--period", "week"): ("people/retention", {"period": "week"}),
    ("names",): ("names", {"limit": "1000"}),
    ("names", "buy"): ("names/properties", {"event_name": "buy"}),
}


@pytest.mark.parametrize("words", CALLS)
def test_a_service_somewhere_else_answers_the_same_and_json_is_the_api_s(run, visits, served, client, tenant, words):
    call, asked = CALLS[words]
    if call in ("people/count", "funnel", "people/retention"):
        window = {"since": iso(NOW - 30 * DAY_MS), "until": iso(NOW)}
        words, asked = (*words, "--since", window["since"], "--until", window["until"]), asked | window
    remote = ("--url", served, "--project", tenant.project_id)
    here = run(*words)
    assert here.exit_code == 0
    assert run(*words, *remote, DRENGR_SECRET_KEY=tenant.secret_key).output == here.output
    url = f"/admin/projects/{tenant.project_id}/{call}"
    answer = client.get(url, query_string=asked, headers=tenant.bearer).json
    assert json.loads(run(*words, "--json").stdout) == answer
    assert json.loads(run(*words, "--json", *remote, DRENGR_SECRET_KEY=tenant.secret_key).stdout) == answer


REFUSED = {
    ("people", "u"): (2, "INVALID_FILTER"),
    ("person", "show", "nobody"): (1, "nobody"),
    ("count", "--people", "--since", "400d"): (2, "RANGE_TOO_LARGE"),
    ("count", "--people", "--since", "7d", "--by", "event_name"): (2, "INVALID_GROUP_BY"),
    ("count", "--since", "7d", "--by", "week"): (2, "INVALID_GROUP_BY"),
    ("funnel", "a", "--since", "7d"): (2, "INVALID_STEP"),
    ("funnel", *"abcdefghi", "--since", "7d"): (2, "INVALID_STEP"),
    ("funnel", "a", "b", "--since", "400d"): (2, "RANGE_TOO_LARGE"),
    ("retention", "--since", "2026-11-02", "--until", "2026-11-01"): (2, "INVALID_RANGE"),
    ("names", "never"): (1, "no event"),
}


@pytest.mark.parametrize("words", REFUSED)
def test_what_cannot_be_answered_ends_alike_here_and_there(run, visits, served, tenant, words):
    remote = ("--url", served, "--project", tenant.project_id)
    here, there = run(*words), run(*words, *remote, DRENGR_SECRET_KEY=tenant.secret_key)
    assert (here.exit_code, there.exit_code) == (REFUSED[words][0],) * 2
    assert REFUSED[words][1] in here.stderr and REFUSED[words][1] in there.stderr


def test_a_question_that_takes_too_long_is_one_sentence(run, visits, served, store, tenant, monkeypatch):
    def slow(*_):
        raise TooLong(20)

    monkeypatch.setattr(type(store), "funnel", slow)
    remote = ("--url", served, "--project", tenant.project_id)
    for where in ((), remote):
        ended = run("funnel", "a", "b", "--since", "7d", *where, DRENGR_SECRET_KEY=tenant.secret_key)
        assert ended.exit_code == 1 and "ask a shorter window" in ended.stderr
