"""Real SDKs against one real service; every run starts early, in the background, and is looked at by many tests."""

import os
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from tests.sdk.driving import Missing, Run, browse, drive, node_modules, old_python_sdk
from tests.sdk.stories import Story, killed, quota, terminated
from tests.service import Service

# The SDK flushes when it holds all that the scenario tracks, so that one request is far too large.
MANY = {"scenario": "many", "queue_size": 3000, "interval_ms": 5000}
HUGE = {"scenario": "huge", "interval_ms": 5000}

RUNS: dict[str, tuple[str, str, dict[str, Any]]] = {
    # name: (SDK, path of its server URL, what is asked of the driver)
    "python": ("python", "/amplitude-ingest", {"scenario": "cases"}),
    "python-1.0.0": ("python-1.0.0", "/amplitude-ingest/2/httpapi", {"scenario": "cases"}),
    "node": ("node", "/amplitude-ingest/", {"scenario": "cases"}),
    "node-legacy": ("node-legacy", "/batch", {"scenario": "cases"}),
    "python-many": ("python", "/2/httpapi", MANY),
    "python-1.0.0-many": ("python-1.0.0", "/2/httpapi", MANY),
    "python-huge": ("python", "/amplitude-ingest", HUGE | {"queue_size": 200}),
    "node-many": ("node", "/amplitude-ingest/batch", {"scenario": "many", "queue_size": 3000, "patience": 60}),
    "node-huge": ("node", "/amplitude-ingest", {"scenario": "huge", "queue_size": 400}),
    "node-legacy-many": ("node-legacy", "/amplitude-ingest", {"scenario": "many", "linger": 3}),
    "node-legacy-huge": ("node-legacy", "/amplitude-ingest", {"scenario": "huge", "linger": 3}),
    "python-bad-key": ("python", "/amplitude-ingest", {"scenario": "few", "key": "wrong", "linger": 1.5}),
    "python-1.0.0-bad-key": ("python-1.0.0", "/amplitude-ingest", {"scenario": "few", "key": "wrong", "linger": 1.5}),
    "node-bad-key": ("node", "/amplitude-ingest", {"scenario": "few", "key": "wrong", "linger": 1.5}),
    "node-legacy-bad-key": ("node-legacy", "/amplitude-ingest", {"scenario": "few", "key": "wrong", "linger": 1.5}),
}

NEW, OLD = {"sdk": "analytics-browser"}, {"sdk": "amplitude-js"}
PAGES: dict[str, dict[str, Any]] = {
    "browser-fetch": NEW | {"path": "/amplitude-ingest", "scenario": "cases"},
    "browser-xhr": NEW | {"path": "/amplitude-ingest/2/httpapi", "scenario": "cases", "transport": "xhr"},
    "browser-gzip": NEW | {"path": "/amplitude-ingest", "scenario": "cases", "gzip": True},
    "browser-beacon": NEW | {"path": "/amplitude-ingest", "scenario": "cases", "transport": "beacon"},
    "browser-traced": NEW | {
        "path": "/amplitude-ingest", "scenario": "cases",
        "added": {"baggage": "sentry-trace_id=1", "sentry-trace": "1-2-0", "traceparent": "00-1-2-00", "newrelic": "x"},
    },
    "browser-huge": NEW | {"path": "/amplitude-ingest", "scenario": "huge"},
    "browser-bad-key": NEW | {"path": "/amplitude-ingest", "scenario": "few", "key": "wrong", "linger": 1.5},
    "amplitude-js": OLD | {"path": "/amplitude-ingest", "scenario": "cases"},
    "amplitude-js-bad-key": OLD | {"path": "/2/httpapi", "scenario": "few", "key": "wrong", "patience": 2},
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """All these tests look at one service and the same runs: xdist gives them to one worker."""
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.xdist_group("sdk"))
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def cache(request: pytest.FixtureRequest) -> Path:
    """A folder that outlives the session."""
    return request.config.cache.mkdir("drengr-sdk")


@pytest.fixture(scope="session")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("sdk") / "events.db") as running:
        yield running


@pytest.fixture(scope="session")
def background(
    service: Service, cache: Path, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[dict[str, Future[Any]]]:
    """All runs and stories as futures, the longest first."""
    for install in (node_modules, old_python_sdk):  # before any run waits for another
        with suppress(Missing):  # each run that needs it will say so
            install(cache)
    key = service.project("sdk")["publishable_key"]
    pages = {name: {"key": key} | page for name, page in PAGES.items()}
    with ThreadPoolExecutor(max_workers=4) as pool:
        futures = {
            story.__name__: pool.submit(story, tmp_path_factory.mktemp(story.__name__), cache)
            for story in (quota, killed, terminated)
        }
        futures["browser"] = pool.submit(browse, service.port, pages, cache)
        for name, (sdk, path, ask) in RUNS.items():
            futures[name] = pool.submit(drive, sdk, service.port, path, {"key": key, "user": name} | ask, cache)
        yield futures
        pool.shutdown(cancel_futures=True)


@pytest.fixture(scope="session")
def story(background: dict[str, Future[Any]]) -> Callable[[str], Story]:
    """story("quota") waits for that Story."""
    return lambda name: present(background[name])


@pytest.fixture(scope="session")
def run(background: dict[str, Future[Any]]) -> Callable[[str], Run]:
    """run("node-many") waits for that Run; run("quota/node") is the Node SDK's part in a story."""

    def wait_for(name: str) -> Run:
        if "/" in name:
            chapter, sdk = name.split("/")
            return present(present(background[chapter]).runs[sdk])
        return present(background["browser"])[name] if name in PAGES else present(background[name])

    return wait_for


def present(future: Future[Any]) -> Any:
    """The future's result; without Node or Chromium the test skips, or fails where CI is set."""
    try:
        return future.result(timeout=240)
    except Missing as sentence:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(sentence))


@pytest.fixture
def rows_of(service: Service) -> Callable[[Run], list[dict[str, Any]]]:
    """rows_of(run) reads what the file holds of one run, live, in commit order."""
    live = "WHERE source = 'amplitude_http' AND install_id IN (?, ?) ORDER BY id"
    return lambda run: service.events(live, run.user, run.user + "-device")
