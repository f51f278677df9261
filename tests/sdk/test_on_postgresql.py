"""One SDK of each language against a service on PostgreSQL: its events are there once, as contract 13 wants it."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.cluster import Cluster
from tests.looking import events_in
from tests.sdk.conftest import present
from tests.sdk.driving import drive, sent_id
from tests.sdk.oracle import expected
from tests.sdk.test_events_land import plain
from tests.service import Service


@pytest.fixture(scope="module")
def served(cluster: Cluster, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Service, str]]:
    """(a service, the URL of its database)."""
    folder, url = tmp_path_factory.mktemp("sdk-postgresql"), cluster.url(cluster.make_database())
    with Service(folder / "unused.db", DRENGR_DATABASE=url, DRENGR_FOLDER=str(folder)) as running:
        yield running, url


@pytest.mark.parametrize("sdk", ["python", "node"])
def test_every_event_is_stored_once_as_on_sqlite(served: tuple[Service, str], sdk: str, cache: Path) -> None:
    service, url = served
    key = service.project(sdk)["publishable_key"]
    ask = {"scenario": "cases", "key": key, "user": sdk}
    with ThreadPoolExecutor(1) as pool:
        done = present(pool.submit(drive, sdk, service.port, "/amplitude-ingest", ask, cache))
    stored = {row["event_id"]: row for row in events_in(url, "WHERE install_id IN (?, ?)", sdk, f"{sdk}-device")}
    assert done.codes == [200] * done.sent
    assert len(done.delivered) == len(stored) >= done.sent
    for event in done.delivered:
        row = stored[sent_id(event)]
        row |= {bag: json.loads(row[bag]) for bag in ("dims", "measures")}
        assert plain(row) == expected(event, row["received_at"]), event
