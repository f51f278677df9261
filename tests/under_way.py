"""A transaction that stores events and is not over yet, as a slow machine has one."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from unittest.mock import patch

from drengr.events.event import Event
from drengr.store import Added, Progress, Store


@contextmanager
def under_way(store: Store, *events: Event, project_id: int = 1) -> Iterator[tuple[list[int], Callable[[], None]]]:
    """(the ids of events that another is about to store, if none were stored in vain before; how to commit them)."""
    newest = int(store.last_id())
    stored, may_commit = threading.Event(), threading.Event()

    def wait(_: Added) -> Progress:
        stored.set()
        may_commit.wait()
        return Progress(len(events), len(events), 0, 0, "[]")

    pause = patch("drengr.store.postgresql.database._LONGEST_PAUSE_S", 60.0)  # PostgreSQL would end it after five
    with pause, ThreadPoolExecutor(1) as pool:
        writing = pool.submit(store.add_history, project_id, list(events), "file", wait)

        def commit() -> None:
            may_commit.set()
            writing.result()

        try:
            assert stored.wait(60)
            yield [newest + n for n, _ in enumerate(events, 1)], commit
        finally:
            commit()
