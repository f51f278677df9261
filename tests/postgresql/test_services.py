"""Whole services, one a machine, on one PostgreSQL: contract 13."""

import json
import signal
import time
from contextlib import ExitStack, closing

import pytest

from drengr.store import open_store
from tests.faults.clients import Crowd, batch, post
from tests.looking import read
from tests.service import Service

WITHIN_S = 5.0 + 5.0  # for a machine that is very busy; without a limit it would be a minute or for ever


@pytest.fixture
def machines(durable, tmp_path):
    """(server, URL, two services, each with a folder of its own)."""
    url = durable.url(durable.make_database())
    with ExitStack() as stack:
        services = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            service = Service(
                tmp_path / name / "unused.db", DRENGR_DATABASE=url, DRENGR_FOLDER=str(tmp_path / name),
                WEB_CONCURRENCY="2",
            )  # fmt: skip
            services.append(stack.enter_context(service))
        yield durable, url, services
        durable.signal(signal.SIGCONT)


@pytest.mark.slow
def test_either_of_two_services_may_be_killed_under_load(machines):
    _, url, services = machines
    key = services[0].project("shop")["publishable_key"]
    with Crowd(services[0], key, 4) as one, Crowd(services[1], key, 4) as two:
        for service in (services[0], services[1], services[0]):
            time.sleep(1)
            service.kill()
            service.start()
        time.sleep(1)
    acknowledged = one.acknowledged | two.acknowledged
    stored = [row[0] for row in read(url, "SELECT event_id FROM events")]
    assert len(acknowledged) > 200
    assert acknowledged <= set(stored) <= one.sent | two.sent and len(stored) == len(set(stored))
    with closing(open_store(url)) as store:
        assert store.wrong_totals() == []
    assert read(url, "SELECT sum(events) FROM live_usage") == [(len(stored),)]


@pytest.mark.slow
def test_every_door_answers_within_five_seconds_while_the_server_is_frozen(machines):
    server, _, (service, _) = machines
    made = service.project("shop")
    body = json.dumps({"api_key": made["publishable_key"], "events": batch(5)}).encode()
    rows = json.dumps({"source": "amplitude", "events": batch(5)}).encode()
    bearer = {"Authorization": f"Bearer {made['secret_key']}"}
    admin = f"/admin/projects/{made['project_id']}/events"
    assert post(service, body).status == 200
    server.signal(signal.SIGSTOP)
    for path, sent, headers in (
        ("/amplitude-ingest", body, {}), ("/import-events", rows, bearer), (admin, b"[]", bearer),
        ("/amplitude-ingest", body, {}),
    ):  # fmt: skip
        begun = time.monotonic()
        answer = post(service, sent, path, **headers)
        assert (answer.status, time.monotonic() - begun < WITHIN_S) == (503, True), (path, answer)
        assert path != admin or answer.body["error"]["code"] == "UNAVAILABLE"
    server.signal(signal.SIGCONT)
    assert post(service, body).status == 200


def test_one_default_project_and_keys_where_it_was_made(machines, tmp_path):
    _, url, _ = machines
    assert read(url, "SELECT count(*) FROM projects WHERE name = 'default'") == [(1,)]
    assert len(list(tmp_path.glob("*/drengr-keys.json"))) == 1
    assert list(tmp_path.glob("*/*.db")) == []
