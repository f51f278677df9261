"""Numbers with bars, for a terminal."""

import shutil
from collections.abc import Sequence

from drengr.cli.printing import can_print, shown

_WIDEST_KEY = 40
_WIDEST_BAR = 40
_EIGHTHS = "█▏▎▍▌▋▊▉"


def lines_with_bars(numbers: Sequence[tuple[str, int]], notes: Sequence[str] = ()) -> list[str]:
    """One line each: `2026-11-20    1,204  ████████`. A note stands between number and bar."""
    if not numbers:
        return []
    keys = [shown(key) for key, _ in numbers]
    most = max(max(number for _, number in numbers), 1)
    key_width = min(max(map(len, keys)), _WIDEST_KEY)
    number_width = len(f"{most:,}")
    notes = notes or [""] * len(numbers)
    note_width = max(map(len, notes))
    room = shutil.get_terminal_size().columns - key_width - number_width - note_width - 4
    bar_width = max(min(room, _WIDEST_BAR), 1)
    bar = _bar if can_print(_EIGHTHS) else _plain_bar
    return [
        f"{key[:key_width]:{key_width}}  {number:{number_width},}{note:>{note_width}}"
        f"  {bar(number / most * bar_width) if number else ''}".rstrip()
        for key, (_, number), note in zip(keys, numbers, notes, strict=True)
    ]


def _bar(length: float) -> str:
    """A bar to an eighth of a character, never quite nothing.

    >>> _bar(2.5), _bar(0.01)
    ('██▌', '▏')
    """
    eighths = max(round(length * 8), 1)
    return "█" * (eighths // 8) + ("" if eighths % 8 == 0 else _EIGHTHS[eighths % 8])


def _plain_bar(length: float) -> str:
    return "#" * max(round(length), 1)
