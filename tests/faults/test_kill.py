"""SIGKILL again and again under load: what was acknowledged is stored, once, and the file is sound (contract 4)."""

import os
import random
import signal
import sqlite3
import subprocess
import sys
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from tests.faults.clients import Crowd, differing_totals
from tests.service import Service

# Many tests look at one long run: one worker of xdist makes it.
pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("kill")]

ROUNDS = 18  # a start takes a second of a busy machine
EVENTS_A_ROUND = 40
CLIENTS = 6


def workers_of(service: Service) -> list[int]:
    listed = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in listed.stdout.split()]


def kill_workers(service: Service) -> None:
    """As the kernel does when memory runs out: the master lives and starts another worker."""
    for pid in workers_of(service):
        os.kill(pid, signal.SIGKILL)


def one_round(service: Service, crowd: Crowd, number: int) -> None:
    """Serve some events and a moment, then die: the whole service, or in every third round only its workers."""
    enough, deadline = len(crowd.acknowledged) + EVENTS_A_ROUND, time.monotonic() + 60
    while len(crowd.acknowledged) < enough:
        assert time.monotonic() < deadline
        time.sleep(0.002)
    time.sleep(random.uniform(0, 0.1))
    if number % 3 == 2:
        kill_workers(service)
        while not service.is_healthy():
            time.sleep(0.02)
    else:
        service.kill()
        service.settings["WEB_CONCURRENCY"] = str(1 + number % 2)
        service.start()


@pytest.fixture(scope="module")
def aftermath(tmp_path_factory):
    """What the clients remember and what the file holds, once the service was killed ROUNDS times."""
    service = Service(tmp_path_factory.mktemp("kill") / "events.db").start()
    try:
        key = service.project("shop")["publishable_key"]
        with Crowd(service, key, CLIENTS) as crowd:
            for number in range(ROUNDS):
                one_round(service, crowd, number)
        service.kill()
    finally:
        if service.process is not None:
            service.kill()
    with closing(sqlite3.connect(service.database)) as connection:
        yield SimpleNamespace(
            sent=crowd.sent,
            acknowledged=crowd.acknowledged,
            statuses=crowd.statuses,
            stored=[row[0] for row in connection.execute("SELECT event_id FROM events")],
            metered=connection.execute("SELECT sum(events) FROM live_usage").fetchone()[0],
            wrong_totals=differing_totals(connection),
            verdict=connection.execute("PRAGMA integrity_check").fetchall(),
        )


def test_every_acknowledged_event_is_stored(aftermath):
    assert len(aftermath.acknowledged) >= EVENTS_A_ROUND * ROUNDS
    assert aftermath.acknowledged <= set(aftermath.stored)


def test_only_what_was_sent_is_stored(aftermath):
    assert set(aftermath.stored) <= aftermath.sent


def test_no_event_is_stored_twice_although_clients_repeat_themselves(aftermath):
    assert len(aftermath.stored) == len(set(aftermath.stored))


def test_no_answer_was_an_error(aftermath):
    assert set(aftermath.statuses) == {200}


def test_the_totals_equal_the_rows(aftermath):
    assert aftermath.wrong_totals == []
    assert aftermath.metered == len(aftermath.stored)


def test_the_file_is_sound(aftermath):
    assert aftermath.verdict == [("ok",)]


@pytest.mark.parametrize("moment", range(3))
def test_a_first_start_that_was_killed_is_completed_by_the_next(tmp_path, moment):
    service = Service(tmp_path / "events.db")
    with service.log.open("ab") as log:
        first = subprocess.Popen(
            [sys.executable, "-m", "drengr", "serve"], env=service.environment(), stdout=log, stderr=log,
            start_new_session=True,
        )
    deadline = time.monotonic() + 60
    while not service.database.exists():
        assert time.monotonic() < deadline and first.poll() is None
        time.sleep(0.001)
    time.sleep(moment * 0.01)  # making the tables takes some 20 ms
    os.killpg(first.pid, signal.SIGKILL)
    first.wait()
    with service:
        assert service.integrity() == "ok"
        assert "default" in service.command("project", "list")
