"""Charts as inline SVG with their words in HTML around it, so that no text shrinks with the picture. Pure.

The page's CSP allows no style attribute: what depends on numbers is an attribute of the SVG's shapes, all else a class.
"""

from collections.abc import Sequence
from typing import NamedTuple

from markupsafe import Markup

_HEIGHT = 160
_WIDTH = 10  # of a bar with its gap, in units of the picture, which is stretched to the room it has
_MOST_DATES = 7
_LINE_HEIGHT = 20  # of a small line
_UNITS = ((1_000_000_000, "G"), (1_000_000, "M"), (1_000, "k"))


class Bar(NamedTuple):
    """One bar, and what stood in its place one period before."""

    label: str  # as the figures call it: 2026-11-24
    short: str  # as the axis does: 24 Nov
    value: int
    before: int | None = None


def scale(largest: int) -> tuple[int, int]:
    """(a round step, how many of them reach over the largest value): 1, 2, 5, 10, 20 … two or three times; once for 1.

    >>> scale(18_204), scale(4), scale(1), scale(0)
    ((10000, 2), (2, 2), (1, 1), (1, 1))
    """
    if largest <= 1:
        return 1, 1
    step, power = 1, 1
    while True:
        for factor in (1, 2, 5):
            step = factor * power
            if largest <= 3 * step:
                return step, -(-largest // step)
        power *= 10


def short_number(value: int) -> str:
    """As an axis writes it.

    >>> [short_number(value) for value in (0, 950, 1500, 20_000, 5_000_000, 1_000_000_000)]
    ['0', '950', '1.5k', '20k', '5M', '1G']
    """
    for size, letter in _UNITS:
        if value >= size:
            return f"{value / size:.1f}".removesuffix(".0") + letter
    return str(value)


def plot(bars: Sequence[Bar], *, is_unfinished: bool = False) -> Markup:
    """The picture and its axes. Whoever cannot see it has the caption and the figures beside it.

    is_unfinished  the time of the last bar is not over: it is drawn as an outline
    """
    step, lines = scale(max((value for bar in bars for value in (bar.value, bar.before or 0)), default=0))
    top = step * lines
    whole = bars[:-1] if is_unfinished else bars
    width = len(bars) * _WIDTH
    shapes = [
        f'<path class="grid" d="{"".join(f"M0 {_HEIGHT * line // lines}H{width}" for line in range(lines))}"/>',
        *(_bar(index * _WIDTH, bar, top) for index, bar in enumerate(whole)),
    ]
    if is_unfinished and bars:
        shapes.append(_outline((len(bars) - 1) * _WIDTH, bars[-1], top))
    shapes.append(_gaps(bars, top))
    shapes.append(_before(bars, top))
    shapes.append(f'<path class="base" d="M0 {_HEIGHT}H{width}"/>')
    return Markup(
        '<div class="plot" aria-hidden="true"><div class="scale">{}</div><svg viewBox="0 0 {} {}"'
        ' preserveAspectRatio="none">{}</svg><div class="dates">{}</div></div>'
    ).format(
        Markup("").join(Markup("<span>{}</span>").format(short_number(step * line)) for line in range(lines, -1, -1)),
        width,
        _HEIGHT,
        Markup("".join(shapes)),
        _dates(bars),
    )


def small_line(values: Sequence[int]) -> Markup:
    """A line of 96 by 20 px without axes beside a row; its last bar is darker.

    >>> small_line([1, 4, 2])
    Markup('<svg class="small" viewBox="0 0 3 20" preserveAspectRatio="none" aria-hidden="true">\
<path d="M0 20V15h1V0h1V20z"/><path class="last" d="M2 20V10h1V20z"/></svg>')
    """
    top = max(values, default=0)
    heights = [_LINE_HEIGHT - _height(value, top, _LINE_HEIGHT) for value in values]
    earlier = "".join(f"V{y}h1" for y in heights[:-1])
    last = f'<path class="last" d="M{len(heights) - 1} 20V{heights[-1]}h1V20z"/>' if heights else ""
    return Markup(
        f'<svg class="small" viewBox="0 0 {len(heights) or 1} {_LINE_HEIGHT}" preserveAspectRatio="none"'
        f' aria-hidden="true"><path d="M0 20{earlier}V20z"/>{last}</svg>'
    )


def share_bar(part: int, whole: int) -> Markup:
    """A bar as long as the part's share of the whole, in the room it has.

    >>> share_bar(1, 4)
    Markup('<svg class="share" viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true">\
<path class="rest" d="M0 0h1000v1H0z"/><path d="M0 0h250v1H0z"/></svg>')
    """
    return Markup(
        '<svg class="share" viewBox="0 0 1000 1" preserveAspectRatio="none" aria-hidden="true">'
        f'<path class="rest" d="M0 0h1000v1H0z"/><path d="M0 0h{_height(part, whole, 1000)}v1H0z"/></svg>'
    )


def _height(value: int, top: int, full: int) -> int:
    """Of a bar; what is there at all is seen."""
    return max(1, round(full * value / top)) if value and top else 0


def _bar(x: int, bar: Bar, top: int) -> Markup:
    height = _height(bar.value, top, _HEIGHT)
    return Markup('<rect class="bar" x="{}" y="{}" width="{}" height="{}"><title>{}: {}</title></rect>').format(
        x, _HEIGHT - height, _WIDTH, height, bar.label, f"{bar.value:,}"
    )


def _outline(x: int, bar: Bar, top: int) -> Markup:
    """The outline of a bar. A picture of its own cuts off what of the strokes lies outside; gaps cover the rest."""
    y = _HEIGHT - _height(bar.value, top, _HEIGHT)
    return Markup(
        '<svg x="{0}" width="{1}" height="{2}" viewBox="0 0 {1} {2}" preserveAspectRatio="none">'
        '<title>{3}: {4}, not over yet</title><path class="hit" d="M0 {5}H{1}V{2}H0z"/>'
        '<path class="side" d="M0 {2}V{5}M{1} {2}V{5}"/><path class="top" d="M0 {5}H{1}"/></svg>'
    ).format(x, _WIDTH, _HEIGHT, bar.label, f"{bar.value:,}", y)


def _gaps(bars: Sequence[Bar], top: int) -> str:
    """Lines of the paper's colour between bars, as high as they are: 2 px, however far the picture is stretched."""
    heights = [_HEIGHT - _height(bar.value, top, _HEIGHT) for bar in bars]
    tops = [min(pair) for pair in zip(heights, [*heights[1:], _HEIGHT], strict=True)]
    lines = "".join(f"M{x * _WIDTH} {y}V{_HEIGHT}" for x, y in enumerate(tops, 1) if y < _HEIGHT)
    return f'<path class="gap" d="{lines}"/>' if lines else ""


def _before(bars: Sequence[Bar], top: int) -> str:
    if not any(bar.before for bar in bars):
        return ""
    points = [
        f"{index * _WIDTH + _WIDTH // 2} {_HEIGHT - round(_HEIGHT * bar.before / top)}"
        for index, bar in enumerate(bars)
        if bar.before is not None
    ]
    line = f'd="M{"L".join(points)}"/>'
    return f'<path class="halo" {line}<path class="before" {line}'  # the halo sets it off from the bars


def _dates(bars: Sequence[Bar]) -> Markup:
    """A cell a bar; some hold a date, which runs on over the empty ones after it. Narrow screens show every other."""
    every = -(-len(bars) // _MOST_DATES) or 1
    cells = []
    for index, bar in enumerate(bars):
        number, is_between = divmod(index, every)
        word = Markup("<span{}>{}</span>").format(Markup(' class="wide"') if number % 2 else "", bar.short)
        cells.append(Markup("<i></i>") if is_between else Markup("<i>{}</i>").format(word))
    return Markup("").join(cells)
