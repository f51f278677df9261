"""The admin API's questions, asked of the file itself."""

import json
from collections.abc import Iterator, Mapping, Sequence

import orjson

from drengr.admin.questions import MAX_LIMIT, PageQuery, count_query, page_query
from drengr.admin.shown import StoredEvent, shown_event
from drengr.answering import CALLS, count_events, shown_page
from drengr.store import Project, Store
from drengr.store.clock import now_ms


class LocalDoor:
    """One project's events; see asking.AdminDoor."""

    def __init__(self, store: Store, project: Project) -> None:
        self._store = store
        self._project_id = project.id

    def page(self, asked: Mapping[str, str]) -> dict:
        query = page_query(_lists(asked), now_ms())
        return _plain(shown_page(self._store.page(self._project_id, query), query.limit))

    def count(self, asked: Mapping[str, str]) -> dict:
        return count_events(self._store, self._project_id, count_query(_lists(asked), now_ms(), max_days=None))

    def arrivals(self, asked: Mapping[str, str]) -> Iterator[list[dict]]:
        query = page_query(_lists({**asked, "limit": str(MAX_LIMIT)}), now_ms())
        return self._looks(query, self._store.last_id())

    def ask(self, call: str, asked: Mapping[str, str | Sequence[str]]) -> dict:
        question = CALLS[call].read(_lists(asked), now_ms())
        return _plain(CALLS[call].answer(self._store, self._project_id, question))

    def names_near(self, name: str) -> list[str]:
        return self._store.names_near(self._project_id, name)

    def _looks(self, query: PageQuery, after_id: int) -> Iterator[list[dict]]:
        while True:
            found = self._store.arrivals(self._project_id, after_id, query)
            after_id = found.seen_id
            yield _shown(found.events)


def _lists(asked: Mapping[str, str | Sequence[str]]) -> dict[str, Sequence[str]]:
    return {name: [words] if isinstance(words, str) else words for name, words in asked.items()}


def _shown(events: list[StoredEvent]) -> list[dict]:
    return json.loads(orjson.dumps([shown_event(event) for event in events]))


def _plain(answer: object) -> dict:
    return json.loads(orjson.dumps(answer))
