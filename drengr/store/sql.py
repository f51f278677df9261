"""What the SQL that is the same on both stores is executed by. A parameter is a ? on both."""

from collections.abc import Callable, Sequence
from typing import Any, Protocol, TypeVar

R = TypeVar("R")


class Rows(Protocol):
    """The outcome of a statement."""

    @property
    def rowcount(self) -> int:
        """How many rows were changed."""

    def fetchall(self) -> list[Any]:
        """All rows."""


class Statements(Protocol):
    """A connection inside a transaction."""

    def execute(self, sql: str, parameters: Sequence[Any] = (), /) -> Rows:
        """One statement."""

    def executemany(self, sql: str, rows: list[Any], /) -> object:
        """The statement with each row."""


class Reader(Protocol):
    """A database that is asked."""

    def read(self, sql: str, parameters: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
        """All rows of a query."""


class Writer(Protocol):
    """A database that is written."""

    def run(self, work: Callable[[Any], R]) -> R:
        """What `work(statements)` returned, once its transaction is committed."""
