"""What only a browser does: preflights, transports, gzip, autocapture, and calls to others that must not happen."""

from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.driving import Run

PAGES = ["browser-fetch", "browser-xhr", "browser-gzip", "browser-beacon", "browser-traced", "amplitude-js"]
AUTOCAPTURED = {
    "session_start", "_amplitude_page_viewed", "_amplitude_element_clicked", "_amplitude_form_started",
    "_amplitude_form_submitted", "_amplitude_file_downloaded",
}

Runs = Callable[[str], Run]
RowsOf = Callable[[Run], list[dict[str, Any]]]


@pytest.mark.parametrize("name", [*PAGES, "browser-huge", "browser-bad-key", "amplitude-js-bad-key"])
def test_the_page_calls_nobody_but_the_service(name: str, run: Runs) -> None:
    assert run(name).more["foreign"] == []


@pytest.mark.parametrize("name", ["browser-fetch", "browser-xhr", "browser-gzip", "browser-beacon"])
def test_autocaptured_events_land(name: str, run: Runs, rows_of: RowsOf) -> None:
    stored = rows_of(run(name))
    assert {row["event_name"] for row in stored} >= AUTOCAPTURED
    clicked = next(row for row in stored if row["event_name"] == "_amplitude_element_clicked")
    assert clicked["dims"]["[Amplitude] Element Hierarchy"].startswith('[{"tag":')


def test_beacons_arrive_as_plain_text_without_a_preflight(run: Runs) -> None:
    beacons = [e for e in run("browser-beacon").exchanges if e.method == "POST"]
    assert {e.headers["content-type"] for e in beacons} == {"text/plain;charset=UTF-8"}
    assert {e.method for e in run("browser-beacon").exchanges} == {"POST"}


@pytest.mark.parametrize(
    ("name", "asked"),
    [("browser-fetch", "content-type"), ("browser-xhr", "content-type"),
     ("browser-gzip", "content-encoding,content-type"), ("amplitude-js", "cross-origin-resource-policy")],
)
def test_preflights_pass_without_a_key_and_are_cached(name: str, asked: str, run: Runs) -> None:
    preflights = [e for e in run(name).exchanges if e.method == "OPTIONS"]
    assert asked in {e.headers["access-control-request-headers"] for e in preflights}
    assert {e.status for e in preflights} <= {200, 204}
    assert len(preflights) <= 2  # one for plain and one for gzip bodies, however many requests follow


def test_a_page_whose_scripts_add_headers_to_every_request_is_heard(run: Runs, rows_of: RowsOf) -> None:
    traced = run("browser-traced")
    fetched = [e for e in traced.posts if e.headers["content-type"] == "application/json"]  # others are beacons
    assert fetched and all({"baggage", "newrelic"} <= e.headers.keys() for e in fetched)
    assert {row["event_name"] for row in rows_of(traced)} >= AUTOCAPTURED


def test_compressed_bodies_are_read(run: Runs) -> None:
    zipped = [e for e in run("browser-gzip").posts if e.headers.get("content-encoding") == "gzip"]
    assert zipped
    assert all(e.status == 200 and len(e.raw_body) < len(e.body) for e in zipped)


def test_the_first_visit_fills_its_dims_and_no_more(run: Runs, rows_of: RowsOf) -> None:
    identified = [row for row in rows_of(run("browser-fetch")) if row["event_name"] == "_identify"]
    assert max(len(row["dims"]) for row in identified) <= 40
    assert any(len(row["dims"]) > 30 for row in identified)  # the SDK's own $setOnce.initial_… and $unset
