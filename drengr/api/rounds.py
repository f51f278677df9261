"""What the service does by itself while it runs, a little at a time, so that nobody waits for it (contract 8)."""

import atexit
import logging
import threading
from collections.abc import Callable

from flask import Flask

from drengr.api.service import EXTENSION, Service
from drengr.events.times import DAY_MS
from drengr.store import Store, StoreError

log = logging.getLogger("drengr.rounds")

_WORK_S = 0.03  # of one core, each time
_SOON_S = 1.0  # while there is more to do
_LATER_S = 60.0


class Rounds:
    """A thread of the worker's own. Every worker has one: what one of them is at, the others leave alone."""

    def __init__(self, store: Store, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._now_ms = now_ms
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="rounds", daemon=True)

    def begin(self) -> None:
        """Go round until end(), or until the process ends."""
        self._thread.start()
        atexit.register(self.end)

    def end(self) -> None:
        """Finish the step that is under way."""
        self._ended.set()
        self._thread.join()

    def go_round(self) -> float:
        """One round; how many seconds the next one has time."""
        try:
            return _SOON_S if self._store.gather_people(self._now_ms() // DAY_MS, _WORK_S) else _LATER_S
        except StoreError as error:  # whoever stores events says so too
            log.info("What makes questions about people fast could not be kept up: %s", error)
            return _LATER_S

    def _run(self) -> None:
        pause = _SOON_S
        while not self._ended.wait(pause):
            pause = self.go_round()


def begin(app: Flask) -> None:
    """The rounds of a worker that serves the application."""
    here: Service = app.extensions[EXTENSION]
    Rounds(here.store, here.now_ms).begin()
