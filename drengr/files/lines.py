"""Pieces of a file → its lines, in constant memory (contract 5, whole files)."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress
from typing import NamedTuple

from drengr.events.event import Unreadable
from drengr.files.broken import BrokenFile


class UpToDamage:
    """The pieces of a file as far as it can be read; the damage, if any, is told when they are over."""

    def __init__(self, pieces: Iterable[bytes]) -> None:
        self._pieces = pieces
        self.damage: BrokenFile | None = None

    def replace(self, mark: bytes, other: bytes) -> None:
        """Give every `mark` as `other`."""
        pieces = self._pieces
        self._pieces = (piece.replace(mark, other) for piece in pieces)

    def __iter__(self) -> Iterator[bytes]:
        try:
            yield from self._pieces
        except BrokenFile as error:
            self.damage = error

    def is_cut(self) -> bool:
        """Whether the last line may be a part of one."""
        return self.damage is not None and not self.damage.whole


class Lines(NamedTuple):
    """Some whole lines in order, or what stands behind the last line end; None for one that is too long."""

    texts: list[bytes | None]
    first: int  # number of the first, 1-based
    source: bytes  # holds at least all that the texts hold
    is_last: bool = False

    def not_blank(self) -> tuple[list[bytes | None], list[int]]:
        """(the lines that hold something, their numbers)."""
        numbers: Sequence[int] = range(self.first, self.first + len(self.texts))
        texts = self.texts
        if None not in texts:  # blank lines are dropped in C: a zip can hold a thousand of them for a byte
            numbers, texts = list(compress(numbers, texts)), list(filter(None, texts))
        kept = [text is None or (bool(text) and not text.isspace()) for text in texts]
        return list(compress(texts, kept)), list(compress(numbers, kept))


def lines_of(
    pieces: Iterable[bytes], longest: int, end: bytes = b"\n", *, blank_too: bool = False
) -> Iterator[Lines]:
    """The lines, without their ends.

    longest    bytes of a line; a longer one is not held in memory
    blank_too  whether a run of blank lines is wanted, as inside a quoted cell; else it is counted, not given
    """
    rest, dropping, first = b"", False, 1
    for piece in pieces:
        joined = rest + piece
        if not (blank_too or dropping) and joined.isspace():
            first += joined.count(end)
            rest = b""
            continue
        lines: list[bytes | None] = [*joined.split(end)]
        rest = lines.pop() or b""
        if dropping and lines:
            lines[0], dropping = None, False
        elif dropping:
            rest = b""
        if len(rest) > longest:
            rest, dropping = b"", True
        if len(joined) > longest:
            lines = [None if text is not None and len(text) > longest else text for text in lines]
        if lines:
            yield Lines(lines, first, joined)
            first += len(lines)
    if dropping:
        yield Lines([None], first, b"", is_last=True)
    elif rest:
        yield Lines([rest], first, rest, is_last=True)


def too_long(longest: int) -> Unreadable:
    """The row that was not held in memory."""
    return Unreadable(f"row longer than {longest} bytes")
