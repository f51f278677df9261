"""How times and numbers are written in the page's templates."""

from markupsafe import Markup

from drengr.events.times import iso_text

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
