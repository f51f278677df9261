"""Killed or asked to stop in the middle of a stream: what was acknowledged is there once (contract 7, 4)."""

from collections import Counter
from collections.abc import Callable

import pytest

from tests.sdk.driving import Run
from tests.sdk.stories import Story

Runs = Callable[[str], Run]
Stories = Callable[[str], Story]
ENDS = ["killed", "terminated"]


def stored_ids(told: Story) -> Counter[str]:
    return Counter(row["event_id"] for row in told.rows)


@pytest.mark.parametrize("end", ENDS)
def test_every_acknowledged_event_is_stored_once(end: str, story: Stories) -> None:
    stored = stored_ids(story(end))
    acked = [i for client in story(end).clients for i in client.acked]
    assert acked
    assert set(acked) <= stored.keys()
    assert set(stored.values()) == {1}


@pytest.mark.parametrize("end", ENDS)
def test_nothing_is_stored_that_nobody_sent(end: str, story: Stories) -> None:
    told = story(end)
    sent = {i for client in told.clients for i in client.sent} | {told.notes.get("id")}
    assert {row["event_id"] for row in told.rows if row["event_name"] == "load"} <= sent


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("sdk", ["python", "node"])
def test_every_event_an_sdk_reports_as_sent_is_stored_once(sdk: str, end: str, run: Runs, story: Stories) -> None:
    delivered = [report["insert_id"] for report in run(f"{end}/{sdk}").reports if report["code"] == 200]
    assert delivered
    stored = stored_ids(story(end))
    assert {stored[i] for i in delivered} == {1}


@pytest.mark.parametrize("end", ENDS)
def test_the_file_is_sound_afterwards(end: str, story: Stories) -> None:
    assert story(end).notes["integrity"] == "ok"


def test_clients_are_served_again_after_every_kill(story: Stories) -> None:
    for client in story("killed").clients:
        first, second = client.acked_before_kill
        assert 0 < first < second < len(client.acked)


@pytest.mark.parametrize("end", ENDS)
def test_no_client_is_answered_with_an_error(end: str, story: Stories) -> None:
    assert [answer for client in story(end).clients for answer in client.other_answers] == []


def test_a_request_in_flight_at_sigterm_is_answered_and_stored(story: Stories) -> None:
    told = story("terminated")
    assert told.notes["status"] == 200
    assert told.notes["body"]["events_ingested"] == 1
    assert stored_ids(told)[told.notes["id"]] == 1


def test_hardly_a_client_is_cut_off_at_sigterm(story: Stories) -> None:
    # Each of the three would be, if the port stayed open to the end. One may connect in the microseconds of closing it.
    assert sum(client.cut_off for client in story("terminated").clients) <= 1


def test_sigterm_ends_with_exit_code_0(story: Stories) -> None:
    assert story("terminated").notes["exit_code"] == 0
