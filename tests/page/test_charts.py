"""Charts are shapes without a style, a number or a word that shrinks; periods compare like with like."""

import re

import pytest

from drengr.admin.words import BadSlot
from drengr.events.times import DAY_MS, HOUR_MS, epoch_ms
from drengr.page.charts import Bar, plot, scale, short_number, small_line
from drengr.page.periods import RANGES, Period, period, today
from drengr.page.series import bars, chart

NOW_MS = epoch_ms("2026-11-25T14:30:00Z", "iso8601")


def some(values: list[int], before: int | None = None) -> list[Bar]:
    return [Bar(f"2026-11-{day:02}", f"{day} Nov", value, before) for day, value in enumerate(values, 1)]


@pytest.mark.parametrize("largest", [0, 1, 2, 3, 7, 99, 100, 101, 18_204, 999_999_999, 10**15])
def test_two_or_three_round_lines_reach_over_the_largest_value(largest):
    step, lines = scale(largest)
    assert str(step).rstrip("0") in ("1", "2", "5") and lines in (1, 2, 3)
    assert step * lines >= largest
    assert largest <= 1 or step * lines <= 2 * largest  # no chart is more than half empty


@pytest.mark.parametrize("length", [1, 2, 7, 24, 30, 90, 366])
def test_a_chart_has_a_bar_a_value_and_at_most_seven_dates(length):
    picture = str(plot(some(list(range(1, length + 1)))))
    assert picture.count("<rect") == length
    assert 1 <= len(re.findall(r"\d Nov", picture[picture.index('class="dates"') :])) <= 7


def test_what_is_there_at_all_is_seen_and_nothing_is_no_bar():
    heights = re.findall(r'height="(\d+)"><title>', str(plot(some([1_000_000, 1, 0]))))
    assert int(heights[0]) > 80 and heights[1:] == ["1", "0"]


def test_the_unfinished_day_is_an_outline_and_the_stretch_before_a_line():
    picture = str(plot(some([5, 6, 7], before=4), is_unfinished=True))
    assert picture.count("<rect") == 2 and picture.count('class="top"') == 1
    assert picture.count('class="before"') == 1
    assert 'class="before"' not in str(plot(some([5, 6, 7], before=0)))


def test_a_chart_has_no_style_that_the_csp_would_refuse_and_no_text_in_its_picture():
    picture = str(plot(some([5, 6], before=4), is_unfinished=True)) + str(small_line([1, 2]))
    assert "style=" not in picture and "<text" not in picture
    assert '<b>&lt;' not in picture


def test_labels_are_text():
    assert "<script>" not in str(plot([Bar("<script>", "<script>", 1)]))


def test_axes_are_short():
    assert [short_number(number) for number in (0, 400_000_000, 1_500_000)] == ["0", "400M", "1.5M"]


@pytest.mark.parametrize("name", RANGES)
def test_a_range_ends_now_and_its_stretch_before_ends_at_the_same_hour(name):
    shown = period({"range": name}, NOW_MS)
    assert shown.until == NOW_MS and shown.is_unfinished
    assert shown.before.until - shown.before.since == shown.until - shown.since
    assert (shown.since - shown.before.since) % DAY_MS == 0
    assert len(shown.units) == int(name.rstrip("hd"))


def test_today_is_compared_with_yesterday_at_this_time():
    assert today(NOW_MS).before.until == NOW_MS - DAY_MS


@pytest.mark.parametrize(
    ("asked", "days", "until"),
    [
        ({"since": "2026-11-20", "until": "2026-11-21"}, 2, "2026-11-21T23:59:59.999Z"),
        ({"since": "2026-11-20", "until": "2026-11-25"}, 6, "2026-11-25T14:30:00Z"),  # of today, what has passed
        ({"since": "2026-11-25"}, 1, "2026-11-25T14:30:00Z"),
    ],
)
def test_own_days_are_whole_but_for_today(asked, days, until):
    shown = period(asked, NOW_MS)
    assert (len(shown.days), shown.until) == (days, epoch_ms(until, "iso8601"))
    assert shown.before.until == shown.until - days * DAY_MS


@pytest.mark.parametrize("asked", [{"range": "8d"}, {"range": "7d", "since": "2026-11-01"}, {"since": "2020-01-01"}])
def test_other_ranges_are_refused(asked):
    with pytest.raises(BadSlot):
        period(asked, NOW_MS)


def test_bars_stand_over_the_same_hour_of_the_day_before():
    shown = period({"range": "24h"}, NOW_MS)
    hour = NOW_MS // HOUR_MS
    drawn = bars(shown, {hour: 5}, {hour - 24: 3})
    assert (drawn[-1].value, drawn[-1].before) == (5, 3)


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ([1, 2, 6], "9 events from 2026-11-20 to 2026-11-22, most on Sunday 22 (6)."),
        ([0, 1, 0], "1 event from 2026-11-20 to 2026-11-22, on Saturday 21."),
        ([0, 7, 0], "7 events from 2026-11-20 to 2026-11-22, all on Saturday 21."),
        ([2, 2, 1], "5 events from 2026-11-20 to 2026-11-22, at most 2 a day."),
        ([1] * 7 + [5], "12 events from 2026-11-20 to 2026-11-27, most on Friday 27 Nov (5)."),
    ],
)
def test_the_caption_says_what_the_picture_shows(values, says):
    first = epoch_ms("2026-11-20T00:00:00Z", "iso8601")
    shown = Period(first, first + len(values) * DAY_MS - 1, NOW_MS, None)
    counted = dict(zip(shown.units, values, strict=True))
    assert chart("events", "events", sum(values), shown, bars(shown, counted, None)).caption == says
