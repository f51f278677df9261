"""How times and numbers are written in the page's templates."""

from urllib.parse import quote

from markupsafe import Markup

from drengr.events.jsontext import clean_text
from drengr.events.times import iso_text

_LONGEST_IN_LISTS = 300
_LONGEST_IN_ADDRESSES = 3000
_NO_CHARACTERS = {code: "\ufffd" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n\r"}
_SPANS = (("day", 86_400_000), ("h", 3_600_000), ("min", 60_000), ("s", 1000))


def number(value: int) -> str:
    """
    >>> number(1234567)
    '1,234,567'
    """
    return f"{value:,}"


def instant(epoch_ms: int) -> Markup:
    """The time in UTC; a switch on the page rewrites it to the browser's zone.

    >>> instant(1_795_190_531_000)
    Markup('<time datetime="2026-11-20T16:02:11.000Z">2026-11-20 16:02:11</time>')
    """
    return Markup('<time datetime="{}">{}</time>').format(iso_text(epoch_ms), plain_time(epoch_ms))


def plain_time(epoch_ms: int) -> str:
    """The time in UTC, to the second.

    >>> plain_time(1_795_190_531_000)
    '2026-11-20 16:02:11'
    """
    return iso_text(epoch_ms)[:19].replace("T", " ")


def clock(epoch_ms: int) -> Markup:
    """The time of day in UTC, where the day stands above.

    >>> clock(1_795_190_531_000)
    Markup('<time datetime="2026-11-20T16:02:11.000Z">16:02:11</time>')
    """
    return Markup('<time datetime="{}">{}</time>').format(iso_text(epoch_ms), plain_time(epoch_ms)[11:])


def ago(epoch_ms: int, now_ms: int) -> str:
    """How long ago that was, in one unit.

    >>> ago(0, 12_000), ago(0, 3 * 86_400_000), ago(0, 86_400_000), ago(5000, 0)
    ('12 s ago', '3 days ago', '1 day ago', 'in 5 s')
    """
    distance = abs(now_ms - epoch_ms)
    unit, length = next(((unit, length) for unit, length in _SPANS if distance >= length), ("s", 1000))
    many = distance // length
    text = f"{many} {unit}{'s' if unit == 'day' and many != 1 else ''}"
    return f"in {text}" if epoch_ms > now_ms else f"{text} ago"


def foreign(text: str, most: int = _LONGEST_IN_LISTS) -> Markup:
    """Text that somebody sent, kept apart from the direction of what stands around it; cut, as lists show it.

    >>> foreign("<b>"), foreign("abcdef", 4)
    (Markup('<bdi>&lt;b&gt;</bdi>'), Markup('<bdi>abc…</bdi>'))
    """
    text = visible(text)
    return Markup("<bdi>{}</bdi>").format(text if len(text) <= most else text[: most - 1] + "…")


def is_addressable(text: str) -> bool:
    """Whether an address can hold the text: the server takes lines of 4 KB, and ids may be of any length.

    >>> is_addressable("a" * 3000), is_addressable("é" * 501), is_addressable("a" * 1_000_000)
    (True, False, False)
    """
    return len(text) <= _LONGEST_IN_ADDRESSES and len(quote(text, errors="replace")) <= _LONGEST_IN_ADDRESSES


def visible(text: str) -> str:
    r"""The text as a page can hold it: control characters, and what is no character at all, are shown as U+FFFD.

    >>> visible("a\x1b[1m\n")
    'a\ufffd[1m\n'
    """
    return clean_text(text).translate(_NO_CHARACTERS)


def short(value: float) -> str:
    """A measure as a table writes it.

    >>> short(42), short(42.5), short(1234567.891), short(1e300), short(0.012345), short(10**20), short(0)
    ('42', '42.5', '1,234,567.89', '1e+300', '0.0123', '1e+20', '0')
    """
    if abs(value) >= 1e15 or 0 < abs(value) < 1:
        return f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else f"{value:,.2f}".rstrip("0").rstrip(".")


def percent(part: int, whole: int) -> str:
    """The share; all and nothing are said of all and nothing only.

    >>> percent(1, 3), percent(1, 300), percent(0, 5), percent(3, 3), percent(0, 0), percent(9999, 10000)
    ('33 %', '<1 %', '0 %', '100 %', '-', '99 %')
    """
    if not whole:
        return "-"
    share = round(100 * part / whole)
    if 0 < part < whole:
        return f"{min(share, 99)} %" if share else "<1 %"
    return f"{share} %"
