"""/metrics of a running service: every worker's counts in one answer, which never goes back: contract 11."""

import json
import os
import re
import signal
import sqlite3
import subprocess
import time
import urllib.error
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.faults.clients import Crowd
from tests.service import Service


def scrape(service: Service) -> dict:
    request = urllib.request.Request(service.url + "/metrics", headers={"Authorization": "Bearer t"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        families = list(text_string_to_metric_families(answer.read().decode()))
    return {(s.name, *sorted(s.labels.items())): s.value for family in families for s in family.samples}


def refused(service: Service, times: int) -> None:
    for _ in range(times):
        with pytest.raises(urllib.error.HTTPError) as error:
            urllib.request.urlopen(service.url + "/amplitude-ingest", data=b"{}", timeout=60)
        error.value.close()


def count(service: Service) -> float:
    return scrape(service).get(("drengr_http_requests_total", ("code", "400"), ("door", "acceptor")), 0)


def children(service: Service) -> list[int]:
    found = subprocess.run(["pgrep", "-P", str(service.process.pid)], capture_output=True, text=True, check=False)
    return [int(word) for word in found.stdout.split()]


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("measures") / "events.db", DRENGR_METRICS_TOKEN="t") as running:
        yield running


@pytest.mark.parametrize("what", ["SIGKILL", "SIGHUP", "SIGTTIN", "SIGTTOU"])
def test_no_count_is_lost_or_goes_back_whatever_happens_to_the_workers(service, what):
    before = count(service)
    refused(service, 20)
    if what == "SIGKILL":
        for pid in children(service):
            os.kill(pid, signal.SIGKILL)
    else:
        service.process.send_signal(getattr(signal, what))
    deadline = time.monotonic() + 30
    time.sleep(0.5)
    while not service.is_healthy() and time.monotonic() < deadline:
        time.sleep(0.05)
    refused(service, 20)
    assert count(service) == before + 40


def test_scrapes_under_load_are_all_answered(service):
    key = service.project("loaded")["publishable_key"]
    with Crowd(service, key, 4, most_events=50) as crowd, ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: scrape(service), range(60)))  # raises for whatever is not 200
    assert set(crowd.statuses) == {200} and len(found) == 60
    stored = [value for (name, *_), value in scrape(service).items() if name == "drengr_events_stored_total"]
    assert sum(stored) == len(crowd.acknowledged)


def test_a_locked_database_holds_no_scrape_up(service):
    with closing(sqlite3.connect(service.database, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        begun = time.monotonic()
        assert any(name[0] == "drengr_database_bytes" for name in scrape(service))
        assert time.monotonic() - begun < 5  # it takes no write lock: a writer waits 8 s for it


def test_a_broken_request_has_a_request_id_too(service):
    head = subprocess.run(
        ["curl", "-si", "-H", "Transfer-Encoding: nonsense", "-d", "x", service.url + "/batch"],
        capture_output=True, text=True, check=True,
    ).stdout  # fmt: skip
    assert re.search(r"^X-Request-Id: [0-9a-f]{16}\r?$", head, re.MULTILINE | re.IGNORECASE)


def test_refusals_are_in_the_ledger_within_seconds_and_at_once_when_it_stops(tmp_path):
    service = Service(tmp_path / "events.db").start()
    refused(service, 3)
    assert service.stop() == 0
    with closing(sqlite3.connect(service.database)) as connection:
        assert connection.execute("SELECT sum(refused) FROM ledger WHERE project = '-'").fetchone() == (3,)


def test_every_line_of_a_json_log_is_an_object(tmp_path):
    service = Service(tmp_path / "events.db", DRENGR_LOG="json").start()
    refused(service, 2)
    subprocess.run(["curl", "-s", "-H", "Transfer-Encoding: evil\x1b", "-d", "x", service.url + "/batch"], check=False)
    time.sleep(2)
    assert service.stop() == 0
    assert "drengr_sk_" not in service.log_text()
    lines = [json.loads(line) for line in service.log_text().splitlines()]
    assert all({"time", "level", "message"} <= set(line) for line in lines)
    told = [line for line in lines if line.get("reason") == "bad_key"]
    assert {(line["door"], line["project"]) for line in told} == {("acceptor", "-")}
    assert sum(line["count"] for line in told) == 2
