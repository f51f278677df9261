"""The room Live: the newest events, and those that come while one looks."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from flask import Response, request

from drengr.admin.questions import MAX_LIMIT, PageQuery, cursor_text, page_query
from drengr.admin.shown import StoredEvent
from drengr.admin.words import BadSlot
from drengr.api.service import service
from drengr.events.times import iso_text
from drengr.page import addresses
from drengr.page.event import properties_of
from drengr.page.frame import last_event_at, render, room
from drengr.page.name_boxes import names_to_choose, with_name_meant
from drengr.page.tables import Column, Table, behind, csv_answer, every_row, wants_csv
from drengr.page.words import visible
from drengr.sources import STORED_SOURCES
from drengr.store import Place, Project, Store, place_of, place_text

_AT_ONCE = 100  # rows
_MOST_COLUMNS = 8
_MOST_KEYS = 60  # to choose columns from
_OF_ALL_TIMES = -(2**62)
_FILTER_WORDS = {
    "event_name": "Event", "external_id": "Person", "install_id": "Device", "user_id": "Person", "source": "Source",
}  # fmt: skip
_COLUMNS = (Column("Event"), Column("Person"), Column("Time"), Column("Source"))
_CSV_COLUMNS = (
    Column("id"), Column("event_name"), Column("external_id"), Column("install_id"), Column("occurred_at"),
    Column("received_at"), Column("source"),
)  # fmt: skip


class Cell(NamedTuple):
    """What an event has in a chosen column."""

    text: str
    is_number: bool


class Row(NamedTuple):
    """One event of the list, and its values of the chosen columns."""

    event: StoredEvent
    cells: list[Cell]


@room("live")
def live(project: Project) -> Response | str:
    """The newest events, filtered."""
    here = service()
    columns = _chosen_columns()
    query = _query(project)
    if wants_csv("events", is_first=True):
        heads = (*_CSV_COLUMNS, *map(Column, columns))
        return csv_answer(Table("events", heads, _csv_rows(here.store, project, query, columns)))
    after = here.store.last_id()  # before the page is read: what comes in between is shown once, by its id
    found = here.store.page(project.id, query)
    rows = _rows(found, columns)
    return render(
        "live.html",
        "Live",
        rows=rows,
        table=Table("events", (*_COLUMNS, *_heads(rows, columns))),
        columns=columns,
        keys=_keys(found, columns),
        filters={name: request.args[name] for name in _FILTER_WORDS if request.args.get(name)},
        filter_words=_FILTER_WORDS,
        sources=STORED_SOURCES,
        names=names_to_choose(here.store, project, here.now_ms()),
        more=cursor_text(found[-1].occurred_at, found[-1].id) if len(found) == query.limit else None,
        is_first="cursor" not in request.args and "until" not in request.args,
        poll=addresses.changed("live_rows", since=None, until=None, limit=None),
        after=place_text(after),
        last=last_event_at(project),
    )


@room("live/rows", belongs_to="live", is_data=True, is_use=False)
def live_rows(project: Project) -> Response:
    """The rows that came since `after`, for the script; where the next look begins stands in a header."""
    store = service().store
    after = _after(request.args.get("after", ""))
    columns = _chosen_columns()
    query = _query(project, "after")
    found = store.arrivals(project.id, after, query)
    seen = found.seen_id
    is_flood = len(found.events) >= query.limit
    if is_flood:  # whoever looks on wants to see what comes now, not what came a minute ago
        seen = store.last_id()
    rows = _rows(found.events[::-1], columns)
    answer = Response(render("live_rows.html", rows=rows, columns=columns) if rows else "")
    answer.headers["X-After"] = place_text(seen)
    answer.headers["X-Flood"] = str(int(is_flood))
    return answer


def _query(project: Project, *known: str) -> PageQuery:
    """What the address asks for; without a `since` the newest there are, however old."""
    asked = with_name_meant(service().store, project, addresses.arguments("format", "table", "column", *known))
    query = page_query(asked, service().now_ms())
    query = query._replace(limit=min(query.limit, _AT_ONCE))
    return query if "since" in asked else query._replace(since=_OF_ALL_TIMES)


def _after(text: str) -> Place:
    try:
        return place_of(text)
    except ValueError:
        raise BadSlot("INVALID_CURSOR", "after must be the place that an earlier answer named") from None


def _chosen_columns() -> list[str]:
    """Keys of properties that are columns, each once."""
    return [visible(key) for key in dict.fromkeys(request.args.getlist("column")) if key][:_MOST_COLUMNS]


def _rows(events: Iterable[StoredEvent], columns: list[str]) -> list[Row]:
    return [Row(event, _cells(event, columns)) for event in events]


def _cells(event: StoredEvent, columns: list[str]) -> list[Cell]:
    if not columns:
        return []
    texts, numbers = properties_of(event.dims, "{}"), properties_of("{}", event.measures)
    return [Cell((texts | numbers).get(key, ""), key in numbers) for key in columns]


def _heads(rows: Iterable[Row], columns: list[str]) -> list[Column]:
    """The heads of the chosen columns; those that hold nothing but numbers stand at the right, as these do."""
    cells = [[row.cells[at] for row in rows if row.cells[at].text] for at in range(len(columns))]
    return [
        Column(key, bool(its) and all(cell.is_number for cell in its)) for key, its in zip(columns, cells, strict=True)
    ]


def _keys(events: Iterable[StoredEvent], columns: list[str]) -> list[str]:
    """Keys to choose columns from: the chosen ones, and those that most of these events have."""
    counts = Counter(key for event in events for key in properties_of(event.dims, event.measures))
    return [*columns, *(key for key, _ in counts.most_common(_MOST_KEYS) if key not in columns)]


def _csv_rows(
    store: Store, project: Project, query: PageQuery, columns: list[str]
) -> Iterator[tuple[object, ...]]:
    for each in every_row(lambda page: store.page(project.id, page), query._replace(limit=MAX_LIMIT), behind):
        yield (
            each.id, each.event_name, each.external_id, each.install_id, iso_text(each.occurred_at),
            iso_text(each.received_at), each.source, *(cell.text for cell in _cells(each, columns)),
        )  # fmt: skip
