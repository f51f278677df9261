"""Columns as PostgreSQL's array literals: one parameter each, however many rows.

psycopg writes arrays too, value by value: three times as slow for a column of texts.
"""

from collections.abc import Callable, Iterable
from typing import Any


def numbers(column: Iterable[int | None]) -> str:
    """Integers.

    >>> numbers([1, -2, None])
    '{1,-2,NULL}'
    """
    return "{" + ",".join(["NULL" if number is None else str(number) for number in column]) + "}"


def texts(column: Iterable[str | None]) -> str:
    r"""Texts.

    >>> print(texts(['a "b" \\', None]))
    {"a \"b\" \\",NULL}
    """
    return "{" + ",".join(["NULL" if text is None else f'"{_escaped(text)}"' for text in column]) + "}"


def blobs(column: Iterable[bytes]) -> str:
    r"""Bytes.

    >>> print(blobs([b"\0\xff"]))
    {"\\x00ff"}
    """
    return "{" + ",".join([f'"\\\\x{blob.hex()}"' for blob in column]) + "}"


def truths(column: Iterable[bool | None]) -> str:
    """Booleans.

    >>> truths([True, None, False])
    '{t,NULL,f}'
    """
    return "{" + ",".join(["NULL" if truth is None else "t" if truth else "f" for truth in column]) + "}"


WRITE: dict[str, Callable[[Iterable[Any]], str]] = {
    "bigint": numbers, "bytea": blobs, "text": texts, "json": texts, "boolean": truths,
}  # fmt: skip


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace('"', '\\"')
