"""What an import would do, without doing it (contract 5, 12): names, times, keys left out, what is here already."""

from collections import Counter
from typing import Any

from drengr.events.times import iso_text
from drengr.importing import Tally, Waiting, count_name
from drengr.store import Added, Project, Store

LOOKED_AT_BYTES = 64 * 1024 * 1024  # of a file: its beginning tells whose it is and what is in it
ROWS_AT_ONCE = 5000  # it holds nobody up
A_LARGE_ZIP = (
    f"a zip of more than {LOOKED_AT_BYTES // 2**20} MiB is only looked into when it is imported; to look before, run"
    " `drengr import FILE --source … --dry-run`"
)


class DryRun:
    """Takes events in the place of the store, and counts them."""

    def __init__(self, store: Store, project: Project) -> None:
        self._store = store
        self._project = project
        self._names: Counter[tuple[str, str]] = Counter()  # (as it would be stored, as it came)
        self._seen: set[int] = set()  # of event_ids
        self._first_ms: int | None = None
        self._last_ms: int | None = None

    def put(self, waiting: Waiting, _: Tally) -> Added:
        """What would become of the events: new, refused (somebody was erased, or it is older than is kept), or repeats
        of what is here or came before in the file.
        """
        new, refused = [], self._store.would_refuse(self._project.id, waiting.events)
        for place, event in enumerate(waiting.events):
            if place in refused.why:
                continue
            count_name(self._names, event)
            self._first_ms = min(self._first_ms or event.occurred_at, event.occurred_at)
            self._last_ms = max(self._last_ms or event.occurred_at, event.occurred_at)
            if event.event_id is None or hash(event.event_id) not in self._seen:
                new.append(event)
                self._seen.add(hash(event.event_id))
        event_ids = [event.event_id for event in new if event.event_id is not None]
        inserted = len(new) - self._store.known_event_ids(self._project.id, event_ids)
        repeats = len(waiting.events) - len(refused.why) - inserted
        return Added(inserted, repeats, *refused)

    def told(self, tally: Tally, *, is_part: bool) -> dict[str, Any]:
        """The members of the answer that only a dry run has."""
        return {
            "dry_run": True,
            "partial": is_part,
            "names": [
                {"event_name": name, "original": original, "events": events}
                for (name, original), events in self._names.most_common()
            ],
            "first": self._first_ms and iso_text(self._first_ms),
            "last": self._last_ms and iso_text(self._last_ms),
            "dropped_keys": [
                {"key": key, "word": word, "count": count} for (key, word), count in tally.dropped_keys.most_common()
            ],
        }
