"""How real SDKs take the answers of contract 4: they stop, split or hold, and lose nothing that can be kept."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.sdk.driving import Run
from tests.sdk.stories import Story

Runs = Callable[[str], Run]
RowsOf = Callable[[Run], list[dict[str, Any]]]
Stories = Callable[[str], Story]

REPORTING = ["python", "python-1.0.0", "node", "node-legacy", "browser"]
SPLITS = ["python-many", "python-1.0.0-many", "node-many", "node-legacy-many",
          "python-huge", "node-huge", "node-legacy-huge", "browser-huge"]


@pytest.mark.parametrize("sdk", [*REPORTING, "amplitude-js"])
def test_a_bad_key_costs_one_request(sdk: str, run: Runs, rows_of: RowsOf) -> None:
    done = run(f"{sdk}-bad-key")
    assert [post.status for post in done.posts] == [400]
    assert rows_of(done) == []


@pytest.mark.parametrize("sdk", REPORTING)
def test_a_bad_key_is_reported_to_the_app(sdk: str, run: Runs) -> None:
    assert run(f"{sdk}-bad-key").codes == [400, 400, 400]


@pytest.mark.parametrize("name", SPLITS)
def test_what_is_too_large_is_split_and_lands_once(name: str, run: Runs, rows_of: RowsOf) -> None:
    done = run(name)
    assert 413 in [post.status for post in done.posts]
    assert {post.status for post in done.posts} == {200, 413}
    assert sorted(row["measures"]["n"] for row in rows_of(done)) == list(range(done.sent))


@pytest.mark.parametrize("name", [name for name in SPLITS if "legacy" not in name])
def test_every_split_event_is_reported_as_sent(name: str, run: Runs) -> None:
    assert Counter(run(name).codes) == {200: run(name).sent}


@pytest.mark.parametrize("sdk", ["python", "node"])
def test_events_over_quota_are_held_and_delivered_once_it_is_raised(sdk: str, run: Runs, story: Stories) -> None:
    done, told = run(f"quota/{sdk}"), story("quota")
    mine = [row for row in told.rows if row["external_id"] == sdk]
    assert sorted(row["measures"]["n"] for row in mine) == [0, 1, 2]
    assert done.codes == [200, 200, 200]


@pytest.mark.parametrize("sdk", ["python", "node"])
def test_an_sdk_over_quota_waits_instead_of_knocking(sdk: str, run: Runs, story: Stories) -> None:
    run(f"quota/{sdk}")
    first, *later = story("quota").notes["statuses"][sdk]
    assert (first, set(later)) == (429, {200})


def test_nothing_over_quota_is_stored_before_it_is_raised(story: Stories) -> None:
    told = story("quota")
    assert len(told.clients[0].acked) == 5
    assert [row["event_id"] for row in told.notes["held"]] == told.clients[0].acked
