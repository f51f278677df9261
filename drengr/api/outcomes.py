"""What brings no event: refused requests and dropped rows, counted in memory, then kept and logged (contract 10, 11).

The publishable key is public: a flood of refusals must cost no write each. So they are added up here, and a thread of
the worker's own adds them to the ledger every second and says in the log what is new.
"""

import atexit
import logging
import re
import threading
import time
from collections import Counter, OrderedDict
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from drengr.api.edge import current_request_id
from drengr.api.measures import Measures
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.log import shown
from drengr.store import NO_PROJECT, Account, Problem, Project, Store, StoreError

log = logging.getLogger("drengr.outcomes")

SECRET_KEY = "secret_key"  # a problem of its own: a secret key came to the acceptor, so it sits in an app
_FLUSH_S = 1.0
_LOG_AGAIN_S = 60.0
_USES_AGAIN_S = 60.0  # a file that cannot be written, such as a standby's, is not asked every second
_MOST_PROBLEMS = 1000  # held until the next flush; the oldest go first
_MOST_LOGGED = 10_000
_MOST_TEXT = 64
_HINT = 12
_NOT_SDK = re.compile(r"[^A-Za-z0-9._+@/-].*", re.DOTALL)
_NOT_KEY = re.compile(r"[^A-Za-z0-9._-].*", re.DOTALL)


class Sdk(NamedTuple):
    """Who sent it, by its own word."""

    name: str = ""
    version: str = ""


NO_SDK = Sdk()


class _Seen(NamedTuple):
    """What makes two problems the same one."""

    project_id: int
    door: str
    reason: str
    event_name: str
    sdk: Sdk
    key_hint: str


@dataclass(slots=True)
class _Unlogged:
    """What the next line of the log stands for."""

    count: int = 0
    last: dict[str, object] = field(default_factory=dict)  # what is known of the last of them, for the log's fields

    def add(self, rows: int, sdk: Sdk, event_name: str, status: int) -> None:
        self.count += rows
        named = "/".join(filter(None, sdk))
        known = {"request_id": current_request_id(), "code": status, "event_name": event_name, "sdk": named}
        self.last = {name: value for name, value in known.items() if value}


def sdk_of(library: object, user_agent: str | None) -> Sdk:
    """The SDK that a row's `library` names, else the User-Agent.

    >>> sdk_of("amplitude-ts/2.1.0", None), sdk_of(None, "python-requests/2.31 (x)")
    (Sdk(name='amplitude-ts', version='2.1.0'), Sdk(name='python-requests', version='2.31'))
    """
    text = library if isinstance(library, str) and library else user_agent or ""
    name, _, version = _NOT_SDK.sub("", text)[:_MOST_TEXT].rpartition("/")
    return Sdk(name, version) if name else Sdk(version)


def key_hint(key: object) -> str:
    """The first characters of a key that is not known: enough to find the app, not enough to use."""
    return _NOT_KEY.sub("", key)[:_HINT] if isinstance(key, str) else ""


class Outcomes:
    """One a process. Every method may be called from any thread."""

    def __init__(self, store: Store, measures: Measures, now_ms: Callable[[], int]) -> None:
        self._store = store
        self._measures = measures
        self._now_ms = now_ms
        self._lock = threading.Lock()
        self._flushing = threading.Lock()
        self._counts: dict[tuple[int, int, str], Counter[str]] = {}
        self._problems: OrderedDict[_Seen, list[int]] = OrderedDict()  # count, first_at, last_at
        self._uses: dict[str, int] = {}  # by key, epoch ms, not yet in the file
        self._uses_due = 0.0  # monotonic
        self._used_hours: dict[str, int] = {}  # by key, the last hour that went into the file or waits for it
        self._unlogged: dict[tuple[str, str, str], _Unlogged] = {}  # by project, door, reason
        self._logged_at: dict[tuple[str, str, str], float] = {}
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def refused(
        self, door: str, reason: str, project: Project | None, sdk: Sdk = NO_SDK, hint: str = "", status: int = 0
    ) -> None:
        """A request was refused with nothing read. `reason` is one of events.outcomes.REFUSED, `status` its answer."""
        self._measures.refused(door, reason)
        with self._lock:
            self._count(project.id if project else NO_PROJECT, door)[f"refused_{reason}"] += 1
            self._note(project, door, reason, "", sdk, hint, 1, status)
        self._go_on()

    def dropped(self, project: Project, door: str, problems: Mapping[tuple[str, str], int], sdk: Sdk = NO_SDK) -> None:
        """Rows were dropped; `problems` counts (reason, event name or ""). Their ledger line is the store's to keep."""
        if problems:
            with self._lock:
                for (reason, event_name), rows in problems.items():
                    self._note(project, door, reason, event_name[:_MOST_TEXT], sdk, "", rows)
            self._go_on()

    def nothing_stored(self, project_id: int, account: Account) -> None:
        """A request of which no row is an event: its rows go into the ledger with the next flush."""
        if account.received:
            with self._lock:
                counts = self._count(project_id, account.door)
                counts["received"] += account.received
                counts.update({f"dropped_{reason}": rows for reason, rows in account.dropped.items()})
            self._go_on()

    def secret_key_shown(self, project: Project, sdk: Sdk) -> None:
        """A secret key came to the acceptor."""
        with self._lock:
            self._note(project, "acceptor", SECRET_KEY, "", sdk, "", 1)
        self._go_on()

    def key_used(self, key: str) -> None:
        """A good key was shown. One write an hour, key and process: `drengr key list` tells the hour."""
        now = self._now_ms()
        if self._used_hours.get(key) != now // HOUR_MS:
            with self._lock:
                self._used_hours[key] = now // HOUR_MS
                self._uses[key] = now
            self._go_on()

    def flush(self) -> None:
        """Into the ledger what was counted, into the log what is new; what cannot be written waits."""
        with self._flushing:
            with self._lock:
                counts, problems, self._counts, self._problems = self._counts, self._problems, {}, OrderedDict()
            self._say()
            self._flush_uses()
            if not (counts or problems):
                return
            found = [
                Problem(s.project_id, s.door, s.reason, s.event_name, *s.sdk, s.key_hint, *numbers)
                for s, numbers in problems.items()
            ]
            try:
                self._store.note(counts, found)
            except StoreError:
                self._put_back(counts, problems.items())

    def close(self) -> None:
        """Flush for the last time; the thread ends."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._wake.set()
            thread.join(timeout=5)
        self.flush()

    def _flush_uses(self) -> None:
        if not self._uses or time.monotonic() < self._uses_due:
            return
        with self._lock:
            uses, self._uses = self._uses, {}
        try:
            self._store.note_uses(uses)
        except StoreError:
            self._uses_due = time.monotonic() + _USES_AGAIN_S
            with self._lock:
                self._uses = uses | self._uses

    def _count(self, project_id: int, door: str) -> Counter[str]:
        return self._counts.setdefault((project_id, self._now_ms() // DAY_MS, door), Counter())

    def _note(
        self, project: Project | None, door: str, reason: str, event_name: str, sdk: Sdk, hint: str, rows: int,
        status: int = 0,
    ) -> None:  # fmt: skip
        seen = _Seen(project.id if project else NO_PROJECT, door, reason, event_name, sdk, hint)
        now = self._now_ms()
        numbers = self._problems.setdefault(seen, [0, now, now])
        numbers[0] += rows
        numbers[2] = now
        self._problems.move_to_end(seen)
        if len(self._problems) > _MOST_PROBLEMS:
            self._problems.popitem(last=False)
        unlogged = self._unlogged.setdefault((project.name if project else "-", door, reason), _Unlogged())
        unlogged.add(rows, sdk, event_name, status)

    def _put_back(
        self, counts: Mapping[tuple[int, int, str], Counter[str]], problems: Iterable[tuple[_Seen, list[int]]]
    ) -> None:
        with self._lock:
            for key, counted in counts.items():
                self._counts.setdefault(key, Counter()).update(counted)
            for seen, (rows, first, last) in problems:
                numbers = self._problems.setdefault(seen, [0, first, last])
                numbers[:] = numbers[0] + rows, min(first, numbers[1]), max(last, numbers[2])
            while len(self._problems) > _MOST_PROBLEMS:
                self._problems.popitem(last=False)

    def _say(self) -> None:
        """A line for each (project, door, reason): at once the first time, then once a minute."""
        now = time.monotonic()
        with self._lock:
            due = [key for key in self._unlogged if now - self._logged_at.get(key, -_LOG_AGAIN_S) >= _LOG_AGAIN_S]
            lines = {key: self._unlogged.pop(key) for key in due}
            if len(self._logged_at) > _MOST_LOGGED:
                self._logged_at.clear()
            self._logged_at.update(dict.fromkeys(due, now))
        for (project, door, reason), told in lines.items():
            mark = told.last.get("request_id")
            log.warning(
                "%s: %d times %s, project %s%s; `drengr ledger` tells more", door, told.count, reason, shown(project),
                f", last in request {mark}" if mark else "",
                extra=told.last | {"door": door, "reason": reason, "project": project, "count": told.count},
            )  # fmt: skip

    def _go_on(self) -> None:
        """The thread is started by the first that has something for it: after the fork, in the worker."""
        if self._thread is None:
            with self._lock:
                if self._thread is None:
                    self._thread = threading.Thread(target=self._run, name="outcomes", daemon=True)
                    self._thread.start()
                    atexit.register(self.close)

    def _run(self) -> None:
        while self._thread is threading.current_thread():
            self._wake.wait(_FLUSH_S)
            self.flush()
