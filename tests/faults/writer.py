"""One writing process of its own: `python -m tests.faults.writer DATABASE SECONDS` prints how often it committed."""

import sys
import time
from uuid import uuid4

from drengr.events.event import Event
from drengr.store.sqlite import SqliteStore

NOW_MS = 1_795_190_400_000


def event(event_id: str, name: str = "tick") -> Event:
    return Event(
        event_id=event_id, event_name=name, source="generic", app_package=None, install_id="i", external_id=None,
        session_id=None, occurred_at=NOW_MS, received_at=NOW_MS, dims="{}", measures="{}", properties=None,
    )


def main(path: str, seconds: float) -> int:
    """Commits of one event each, made one after another for so long. Waits for a line on stdin to start."""
    store = SqliteStore(path)
    print("ready", flush=True)
    sys.stdin.readline()
    commits, end = 0, time.monotonic() + seconds
    while time.monotonic() < end:
        store.add(1, [event(str(uuid4()))])
        commits += 1
    store.close()
    return commits


if __name__ == "__main__":
    print(main(sys.argv[1], float(sys.argv[2])))
