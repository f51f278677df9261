"""Any timestamp in, epoch milliseconds out: contract 3.4 and the last line of 5."""

from datetime import timedelta, timezone
from zoneinfo import ZoneInfo

import pytest

from drengr.events.times import BadTime, epoch_ms, in_window, iso_text, ms_of_wall_clock, time_text
from tests.conftest import NOW_MS

NOON = 1_780_315_200_000  # 2026-06-01T12:00:00Z

ISO = {
    "with T and Z": ("2026-06-01T12:00:00Z", NOON),
    "with a space": ("2026-06-01 12:00:00", NOON),
    "no zone is UTC": ("2026-06-01T12:00:00", NOON),
    "lower-case letters": ("2026-06-01t12:00:00z", NOON),
    "one digit of fraction": ("2026-06-01T12:00:00.5Z", NOON + 500),
    "milliseconds": ("2026-06-01T12:00:00.123Z", NOON + 123),
    "microseconds are cut": ("2026-06-01 12:00:00.123999", NOON + 123),
    "nanoseconds are cut": ("2026-06-01T12:00:00.123999999Z", NOON + 123),
    "offset": ("2026-06-01T14:00:00+02:00", NOON),
    "offset without a colon": ("2026-06-01T14:00:00+0200", NOON),
    "offset of hours": ("2026-06-01T14:00:00+02", NOON),
    "negative offset": ("2026-06-01T06:30:00-05:30", NOON),
    "the day before by its offset": ("2026-06-01T00:30:00+01:00", NOON - 45_000_000),
    "UTC in letters, as BigQuery writes it": ("2026-06-01 12:00:00 UTC", NOON),
    "BigQuery with microseconds": ("2026-06-01 12:00:00.123456 UTC", NOON + 123),
    "no seconds": ("2026-06-01T12:00Z", NOON),
    "a day alone": ("2026-06-01", NOON - 43_200_000),
    "surrounding blanks": (" 2026-06-01T12:00:00Z ", NOON),
    "leap day": ("2024-02-29T00:00:00Z", 1_709_164_800_000),
    "before 1970": ("1969-12-31T23:59:59.999Z", -1),
}
NOT_ISO = [
    None,
    "",
    " ",
    "now",
    "2026-13-01T00:00:00Z",
    "2026-02-29T00:00:00Z",
    "2026-06-01T24:30:00Z",
    "2026-06-01T12:60:00Z",
    "2026-06-01T12:00:61Z",
    "2026-06-01T12:00:00Zjunk",
    "2026-06-01T12:00:00+25:00",
    "01/06/2026",
    "20260601T120000Z",
    "٢٠٢٦-06-01",
    NOON,
    1.5,
    True,
    [],
    {},
    "2" * 100_000,
    "0000-01-01T00:00:00Z",
    "2026-06-01T12:00:00 PST",
]


@pytest.mark.parametrize(("text", "ms"), ISO.values(), ids=ISO)
def test_iso_text_is_read_to_the_millisecond(text, ms):
    assert epoch_ms(text, "iso8601") == ms


@pytest.mark.parametrize("value", NOT_ISO, ids=lambda value: repr(value)[:40])
def test_what_is_no_iso_time_is_refused(value):
    with pytest.raises(BadTime):
        epoch_ms(value, "iso8601")


NUMBERS = {
    "seconds": (1_780_315_200, "seconds", NOON),
    "seconds with a fraction": (1_780_315_200.5, "seconds", NOON + 500),
    "seconds as text": ("1780315200.123", "seconds", NOON + 123),
    "ms": (NOON, "ms", NOON),
    "ms as text": (str(NOON), "ms", NOON),
    "ms as a float": (NOON + 0.75, "ms", NOON),
    "ms in scientific text": ("1.7803152e12", "ms", NOON),
    "microseconds": (NOON * 1000 + 999, "us", NOON),
    "microseconds as text": (str(NOON * 1000 + 999), "us", NOON),
    "exact beyond 2^53": (9_007_199_254_740_993_000, "us", 9_007_199_254_740_993),
    "negative rounds down": (-1, "us", -1),
    "a sign": ("+5", "ms", 5),
}


@pytest.mark.parametrize(("value", "unit", "ms"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_and_numeric_text_are_read_in_their_unit(value, unit, ms):
    assert epoch_ms(value, unit) == ms


@pytest.mark.parametrize("unit", ["seconds", "ms", "us"])
@pytest.mark.parametrize(
    "value",
    [
        None,
        "",
        "abc",
        "12abc",
        "0x10",
        "1_000",
        "٣",
        "--5",
        "NaN",
        "inf",
        "1e999",
        True,
        False,
        [],
        {},
        float("nan"),
        float("inf"),
        float("-inf"),
        "9" * 31,
        "1" * 100_000,
        "." * 1000,
        "2026-06-01T12:00:00Z",
    ],
    ids=lambda value: repr(value)[:40],
)
def test_what_is_no_number_is_refused(value, unit):
    with pytest.raises(BadTime):
        epoch_ms(value, unit)


@pytest.mark.parametrize("value", [1e306, -1e308, "1e306"], ids=repr)
def test_seconds_too_many_to_count_are_refused(value):
    with pytest.raises(BadTime):
        epoch_ms(value, "seconds")


@pytest.mark.parametrize(
    ("ms", "valid"),
    [
        (946_684_799_999, False),
        (946_684_800_000, True),
        (NOW_MS, True),
        (NOW_MS + 86_400_000, True),
        (NOW_MS + 86_400_001, False),
    ],
    ids=["before 2000-01-01", "2000-01-01T00:00:00Z", "now", "now + 1 day", "a millisecond more"],
)
def test_the_window_is_2000_to_now_and_a_day(ms, valid):
    assert in_window(ms, NOW_MS) is valid


@pytest.mark.parametrize(
    ("ms", "text"),
    [
        (1_776_952_931_000, "2026-04-23T14:02:11.000Z"),
        (1_776_952_931_007, "2026-04-23T14:02:11.007Z"),
        (-1, "1969-12-31T23:59:59.999Z"),
        (-62_135_596_800_000, "0001-01-01T00:00:00.000Z"),
        (253_402_300_799_999, "9999-12-31T23:59:59.999Z"),
    ],
    ids=str,
)
def test_times_are_written_with_milliseconds_and_z(ms, text):
    assert iso_text(ms) == text
    assert epoch_ms(text, "iso8601") == ms


LOS_ANGELES = ZoneInfo("America/Los_Angeles")
ZONED = {
    "summer": ("2022-06-15 09:00:00", LOS_ANGELES, "2022-06-15T16:00:00.000Z"),
    "winter": ("2022-12-15T09:00:00.5", LOS_ANGELES, "2022-12-15T17:00:00.500Z"),
    "a day alone": ("2022-06-15", LOS_ANGELES, "2022-06-15T07:00:00.000Z"),
    "east": ("2022-06-15 09:00:00", ZoneInfo("Asia/Kolkata"), "2022-06-15T03:30:00.000Z"),
    "the clock is put back: the first of the two": ("2022-11-06 01:30:00", LOS_ANGELES, "2022-11-06T08:30:00.000Z"),
    "after both": ("2022-11-06 02:00:00", LOS_ANGELES, "2022-11-06T10:00:00.000Z"),
    "the clock is put forward: as before it": ("2022-03-13 02:30:00", LOS_ANGELES, "2022-03-13T10:30:00.000Z"),
    "just after": ("2022-03-13 03:00:00", LOS_ANGELES, "2022-03-13T10:00:00.000Z"),
    "a fixed offset": ("2022-06-15 09:00:00", timezone(timedelta(hours=2)), "2022-06-15T07:00:00.000Z"),
    "half an hour of summer time": ("2022-01-15 09:00:00", ZoneInfo("Australia/Lord_Howe"), "2022-01-14T22:00:00.000Z"),
    "a day that one island left out": ("2011-12-30 12:00:00", ZoneInfo("Pacific/Apia"), "2011-12-30T22:00:00.000Z"),
}


@pytest.mark.parametrize(("text", "zone", "utc"), ZONED.values(), ids=ZONED)
def test_a_time_without_a_zone_is_of_the_zone_given(text, zone, utc):
    assert iso_text(epoch_ms(text, "iso8601", zone)) == utc
    counted_as_utc = epoch_ms(text, "iso8601")
    assert iso_text(ms_of_wall_clock(counted_as_utc, zone)) == utc


@pytest.mark.parametrize("text", ["2022-06-15T09:00:00Z", "2022-06-15 09:00:00 UTC", "2022-06-15T11:00:00+02:00"])
def test_a_time_with_a_zone_keeps_it(text):
    assert iso_text(epoch_ms(text, "iso8601", LOS_ANGELES)) == "2022-06-15T09:00:00.000Z"


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31 23:59:59"])
@pytest.mark.parametrize("zone", [LOS_ANGELES, ZoneInfo("Pacific/Kiritimati")], ids=str)
def test_the_ends_of_the_calendar_are_read_in_any_zone(text, zone):
    assert not in_window(epoch_ms(text, "iso8601", zone), NOW_MS)


@pytest.mark.parametrize("ms", [-(10**15), 10**15, 10**30, -(10**30)])
def test_a_clock_that_no_calendar_has_stays_outside_the_window(ms):
    assert not in_window(ms_of_wall_clock(ms, LOS_ANGELES), NOW_MS)


SPELLINGS = {
    "1760000001123456": [
        1760000001123456, "1760000001123456", 1760000001123456.0, "1760000001123456.0", "1.760000001123456E15",
        "1.760000001123456e+15", " 1760000001123456 ", "17600000011234560e-1", "+1760000001123456",
        "001760000001123456", "1760000001123456.",
    ],
    "1760000000000000": [1.76e15, "1.76E15", "1760000000000000.0", 1760000000000000],
    "1760000000123456789": ["1.760000000123456789E18", "1760000000123456789.00", 1760000000123456789],
    "1655283600": [1655283600, "1655283600", 1655283600.0, "1655283600.000"],
    "0": [0, "0", "0.0", "-0", 0.0],
    "-5": [-5, "-5.0"],
    "1655283600.5": [1655283600.5, "1655283600.5"],
    "2026-06-01 12:00:00": ["2026-06-01 12:00:00"],
    "1e9999": ["1e9999"],
    "": [""],
}  # fmt: skip


@pytest.mark.parametrize(("text", "value"), [(text, each) for text, values in SPELLINGS.items() for each in values])
def test_a_whole_number_has_one_text_in_every_spelling(text, value):
    assert time_text(value) == text
