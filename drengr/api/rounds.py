"""What the service does by itself while it runs, a little at a time, so that nobody waits for it (contract 8, 9)."""

import atexit
import logging
import threading
import time
from collections.abc import Callable

from flask import Flask

from drengr.api.service import EXTENSION, Service
from drengr.events.times import DAY_MS
from drengr.store import Store, StoreError

log = logging.getLogger("drengr.rounds")

_WORK_S = 0.03  # of one core, each time
_SOON_S = 1.0  # while there is more to do
_LATER_S = 60.0
_REMOVE_S = 1.0  # of letting events go, each time
_NEXT_REMOVAL_S, _LOOK_FOR_REMOVALS_S = 0.05, 5.0


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

    def gather(self) -> float:
        """Go on with what makes questions about people fast; how many seconds the next time can wait."""
        try:
            return _SOON_S if self._store.gather_people(self._now_ms() // DAY_MS, _WORK_S) else _LATER_S
        except StoreError as error:  # whoever stores events says so too
            log.info("What makes questions about people fast could not be kept up: %s", error)
            return _LATER_S

    def remove(self) -> float:
        """Go on with events that are to go; how many seconds the next time can wait."""
        try:
            return _LOOK_FOR_REMOVALS_S if self._store.go_on_removing(_REMOVE_S) else _NEXT_REMOVAL_S
        except StoreError as error:
            log.info("Events that are to go could not be removed: %s", error)
            return _LOOK_FOR_REMOVALS_S

    def _run(self) -> None:
        begun = time.monotonic()
        due = {self.remove: begun, self.gather: begun + _SOON_S}
        while not self._ended.wait(max(0.0, min(due.values()) - time.monotonic())):
            duty = min(due, key=due.__getitem__)
            due[duty] = duty() + time.monotonic()


def begin(app: Flask) -> None:
    """The rounds of a worker that serves the application."""
    here: Service = app.extensions[EXTENSION]
    Rounds(here.store, here.now_ms).begin()
