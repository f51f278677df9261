"""Tables of the page: what a template shows as rows, and a file of CSV with all of them (contract 12)."""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from types import SimpleNamespace
from typing import NamedTuple, TypeVar

from flask import Response, request

from drengr.admin.exports import csv_cell
from drengr.admin.questions import MAX_LIMIT, PageQuery, Position
from drengr.admin.shown import StoredEvent
from drengr.api.streaming import streamed
from drengr.page.addresses import changed

MOST_ROWS = 100_000
_PIECE = 500  # rows

Asked = TypeVar("Asked")
Row = TypeVar("Row")


class Column(NamedTuple):
    """One column. Numbers stand at the right."""

    head: str
    is_number: bool = False


class Table(NamedTuple):
    """A table of a room.

    name  in the file's name, and in the address where the room has several: table=doors
    rows  every row there is, for CSV; the template draws those that it has
    """

    name: str
    columns: Sequence[Column]
    rows: Iterable[Sequence[object]] = ()

    @property
    def csv_url(self) -> str:
        """The address of this very view as a file."""
        return changed(format="csv", table=self.name, limit=None)


def every_row(
    page: Callable[[Asked], Sequence[Row]], asked: Asked, following: Callable[[Asked, Row], Asked]
) -> Iterator[Row]:
    """The rows of a list, page after page, each page when it is wanted: a file is made while it is sent.

    page       MAX_LIMIT rows from there on, fewer at the end
    following  what is asked next, behind the last row of a page
    """
    while found := page(asked):
        yield from found
        if len(found) < MAX_LIMIT:
            return
        asked = following(asked, found[-1])


def behind(query: PageQuery, event: StoredEvent) -> PageQuery:
    """The page of events that follows an event."""
    return query._replace(before=Position(event.occurred_at, event.id))


def wants_csv(table: str, *, is_first: bool = False) -> bool:
    """Whether this request asks for that table as CSV."""
    wanted = request.args.get("table", table if is_first else "")
    return request.args.get("format") == "csv" and wanted == table


def csv_answer(table: Table) -> Response:
    """The table as a file: all its rows, but no more than 100,000. What a spreadsheet would run gets an apostrophe."""
    answer = streamed(_pieces(table), "text/csv", may_pack=True)
    answer.headers["Content-Disposition"] = f'attachment; filename="{table.name}.csv"'
    return answer


def _pieces(table: Table) -> Iterator[bytes]:
    yield _lines([[column.head for column in table.columns]])
    rows = islice(table.rows, MOST_ROWS)
    while piece := list(islice(rows, _PIECE)):
        yield _lines([[csv_cell(cell) for cell in row] for row in piece])


def _lines(rows: Iterable[Sequence[object]]) -> bytes:
    pieces: list[str] = []
    csv.writer(SimpleNamespace(write=pieces.append)).writerows(rows)
    return "".join(pieces).encode("utf-8", "replace")
