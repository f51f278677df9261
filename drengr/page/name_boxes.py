"""Boxes that take an event name: a list to choose from, and what somebody meant who typed one."""

from drengr.admin.questions import CountQuery, PageQuery, Position
from drengr.events import event
from drengr.events.jsontext import clean_text
from drengr.events.times import DAY_MS
from drengr.store import Project, Store

_TO_CHOOSE = 50
_LONGEST = 100  # characters
_LATELY_MS = 30 * DAY_MS
_ALWAYS = 2**62


def names_to_choose(store: Store, project: Project, now_ms: int) -> list[str]:
    """The most frequent names of the last weeks, for the list that a box opens."""
    found = store.count(project.id, CountQuery(now_ms - _LATELY_MS, now_ms, group_by="event_name")).buckets or []
    return [name for name, _ in found if len(name) <= _LONGEST][:_TO_CHOOSE]


def name_meant(store: Store, project: Project, name: str) -> str:
    """The stored name that somebody means who typed this."""
    newest = PageQuery(-_ALWAYS, Position(_ALWAYS, 0), 1)
    return event.name_meant(
        clean_text(name), lambda given: bool(store.page(project.id, newest._replace(event_name=given)))
    )


def with_name_meant(store: Store, project: Project, asked: dict[str, list[str]]) -> dict[str, list[str]]:
    """The parameters, with the event name that was meant."""
    if len(asked.get("event_name", ())) != 1:
        return asked
    return asked | {"event_name": [name_meant(store, project, asked["event_name"][0])]}
