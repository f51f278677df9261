"""Name, identity, time, session and dedup id: contract 3.1, 3.4, 3.5, 3.6."""

import json
from hashlib import sha256
from uuid import UUID

import pytest

from drengr.events.event import BadRow, Context, Event, Reading, event_of, id_text, joined, normal_name, session
from drengr.events.jsontext import LongInteger, read_json
from drengr.events.properties import SensitiveKeys
from drengr.events.times import epoch_ms
from tests.conftest import NOW_MS

OLDEST_MS = 946_684_800_000
NEWEST_MS = NOW_MS + 86_400_000


def event(*, live: bool = True, source: str = "amplitude_http", **over) -> Event:
    fields = {"name": "tick", "time": NOW_MS - 1, "anonymous_id": "device", "user_id": "user"} | over
    reading = Reading(**fields, occurred_at=lambda: epoch_ms(fields["time"], "ms"))
    return event_of(reading, Context(source, NOW_MS, SensitiveKeys(), live=live))


def reason(**over) -> str:
    with pytest.raises(BadRow) as caught:
        event(live=False, source="amplitude", **over)
    return str(caught.value)


# --- 3.1 --------------------------------------------------------------------------------------------------------------

NAMES = {
    "[Amplitude] Page Viewed → _amplitude_page_viewed": ("[Amplitude] Page Viewed", "_amplitude_page_viewed"),
    "lower-case": ("SignUp", "signup"),
    "every run outside [a-z0-9_] becomes one _": ("a -./b", "a_b"),
    "existing underscores stay": ("a__b___c", "a__b___c"),
    "a run beside an underscore is a run of its own": ("a_ _b", "a___b"),
    "nothing is trimmed": (" a ", "_a_"),
    "leading underscores stay": ("__a__", "__a__"),
    "$identify": ("$identify", "_identify"),
    "digits stay": ("4xx", "4xx"),
    "other scripts are outside": ("Купить", "_"),
    "other scripts' digits are outside": ("v٣", "v_"),
    "a dotted capital I lower-cases to two characters": ("İstanbul", "i_stanbul"),
    "the Kelvin sign lower-cases to k": ("\u212a", "k"),
    "emoji": ("🎉party🎉", "_party_"),
    "cut to 64": ("a" * 65, "a" * 64),
    "64 stays": ("b" * 64, "b" * 64),
    "cut after the runs": ("!" * 100 + "c" * 70, "_" + "c" * 63),
    "a megabyte": ("D" * 1_000_000, "d" * 64),
}


@pytest.mark.parametrize(("raw", "name"), NAMES.values(), ids=NAMES)
def test_the_name_is_lower_case_with_one_underscore_for_each_run(raw, name):
    assert normal_name(raw)[0] == name


@pytest.mark.parametrize(
    ("raw", "kept"),
    [
        ("order_completed", None),
        ("a" * 64, None),
        ("Order", "Order"),
        ("a" * 65, "a" * 65),
        ("É" * 256, "É" * 256),
        ("É" * 257, "É" * 256),
    ],
    ids=["same", "same at 64", "another case", "cut", "256 characters stay", "the original is cut to 256"],
)
def test_an_original_that_differs_is_kept_in_the_dims(raw, kept):
    assert normal_name(raw)[1] == kept
    assert json.loads(event(name=raw).dims).get("_source_event_name") == kept


@pytest.mark.parametrize("name", [None, "", " ", "\t\n\u2003"], ids=repr)
def test_a_name_that_is_absent_or_blank_is_missing(name):
    assert reason(name=name) == "missing event name"


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        (5, "a number"), (1.5, "a number"), (LongInteger("9" * 30), "a number"), (True, "a boolean"),
        (["a"], "an array"), ({"a": 1}, "an object"),
    ],
    ids=repr,
)  # fmt: skip
def test_a_name_of_another_kind_is_not_called_missing(name, kind):
    assert reason(name=name) == f"event name is {kind}, not text"


def test_a_number_past_64_bits_is_still_no_name():
    name = read_json(b'{"event_type": 99999999999999999999}')["event_type"]
    assert reason(name=name) == "event name is a number, not text"


# --- 3.4 --------------------------------------------------------------------------------------------------------------

USABLE = {
    "2000-01-01T00:00:00Z": OLDEST_MS,
    "now + 1 day": NEWEST_MS,
    "now": NOW_MS,
}
UNUSABLE = {
    "a millisecond before 2000": (OLDEST_MS - 1, "timestamp out of range"),
    "a millisecond past now + 1 day": (NEWEST_MS + 1, "timestamp out of range"),
    "zero": (0, "timestamp out of range"),
    "negative": (-NOW_MS, "timestamp out of range"),
    "seconds where ms are meant": (NOW_MS // 1000, "timestamp out of range"),
    "past every calendar": (10**18, "timestamp out of range"),
    "missing": (None, "missing timestamp"),
    "empty": ("", "missing timestamp"),
    "text": ("yesterday", "unreadable timestamp"),
    "a date where ms are meant": ("2026-11-20T16:00:00Z", "unreadable timestamp"),
    "boolean": (True, "unreadable timestamp"),
    "NaN": (float("nan"), "unreadable timestamp"),
    "Infinity": (float("inf"), "unreadable timestamp"),
    "list": ([NOW_MS], "unreadable timestamp"),
    "object": ({"ms": NOW_MS}, "unreadable timestamp"),
    "a hundred thousand digits": (LongInteger("9" * 100_000), "unreadable timestamp"),
}


@pytest.mark.parametrize("ms", USABLE.values(), ids=USABLE)
@pytest.mark.parametrize("live", [True, False], ids=["acceptor", "importer"])
def test_a_time_inside_the_window_is_when_it_occurred(ms, live):
    stored = event(time=ms, live=live)
    assert (stored.occurred_at, stored.received_at) == (ms, NOW_MS)


@pytest.mark.parametrize(("time", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_the_acceptor_puts_the_receive_time_for_a_time_it_cannot_use(time, why):
    assert event(time=time).occurred_at == NOW_MS


@pytest.mark.parametrize(("time", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_history_without_a_usable_time_is_skipped_with_a_reason(time, why):
    assert reason(time=time) == f'{why} for event "tick"'


@pytest.mark.parametrize(
    ("time", "ms"),
    [(NOW_MS + 0.9, NOW_MS), (str(NOW_MS), NOW_MS), (f" {NOW_MS}.7 ", NOW_MS), (float(NOW_MS), NOW_MS)],
    ids=["fraction", "numeric text", "numeric text with a fraction", "float"],
)
def test_parts_of_a_millisecond_are_dropped(time, ms):
    assert event(time=time).occurred_at == ms


# --- 3.5 --------------------------------------------------------------------------------------------------------------

IDS = {
    "anonymous id, else user id": (("d", "u"), ("d", "u")),
    "else the user id": ((None, "u"), ("u", "u")),
    "no user": (("d", None), ("d", None)),
    "integers become text": ((7, 0), ("7", "0")),
    "negative": ((-1, "u"), ("-1", "u")),
    "an integer past 64 bits keeps its digits": ((LongInteger("9" * 25), 8), ("9" * 25, "8")),
    "blank counts as absent": ((" \t", "u"), ("u", "u")),
    "empty counts as absent": (("", "u"), ("u", "u")),
    "boolean counts as absent": ((True, "u"), ("u", "u")),
    "fraction counts as absent": ((1.5, "u"), ("u", "u")),
    "a whole float counts as absent": ((1.0, "u"), ("u", "u")),
    "list counts as absent": ((["d"], "u"), ("u", "u")),
    "object counts as absent": (({"id": "d"}, "u"), ("u", "u")),
    "surrounding blanks are part of it": ((" d ", "u"), (" d ", "u")),
    "text as sent": (("DÉ-🎉", "U"), ("DÉ-🎉", "U")),
}


@pytest.mark.parametrize(("sent", "stored"), IDS.values(), ids=IDS)
def test_only_text_and_integers_are_ids(sent, stored):
    kept = event(anonymous_id=sent[0], user_id=sent[1])
    assert (kept.install_id, kept.external_id) == stored
    assert kept.install_id is None or type(kept.install_id) in (str, LongInteger)


@pytest.mark.parametrize("nothing", [None, "", " "], ids=repr)
def test_a_row_with_neither_id_is_skipped_with_a_reason(nothing):
    assert reason(anonymous_id=nothing, user_id=nothing) == 'missing user or device id for event "tick"'


@pytest.mark.parametrize("nothing", [False, 1234567890.1760000001, [], {}], ids=repr)
def test_an_id_that_is_none_is_not_just_missing(nothing):
    told = 'missing user or device id for event "tick": an id must be text or a whole number'
    assert reason(anonymous_id=nothing, user_id=None) == reason(anonymous_id=" ", user_id=nothing) == told


def test_a_reason_quotes_at_most_64_characters_of_a_name():
    assert reason(name="n" * 500, anonymous_id=None, user_id=None).endswith(f'"{"n" * 64}"')


def test_id_text_of_a_subclass_is_text():
    assert id_text(LongInteger("12")) == "12"


# --- sessions ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "stored"),
    [
        (1_795_190_000_000, 1_795_190_000_000),
        ("s-1", "s-1"),
        (-1, None),
        ("-1", None),
        (-1.0, None),
        (0, 0),
        (None, None),
        ("", None),
        (True, None),
        (1.5, None),
        (1_795_188_904_355.0, 1_795_188_904_355),
        (2**63 - 1, 2**63 - 1),
        (1e300, None),
        (float("nan"), None),
        (float("inf"), None),
        ([], None),
        ({}, None),
    ],
    ids=repr,
)
def test_a_session_is_text_or_an_integer_and_minus_one_is_none(sent, stored):
    kept = session(sent)
    assert (kept, type(kept)) == (stored, type(stored))


# --- system dims ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "version", "text"),
    [
        ("iOS", "17.4", "iOS 17.4"),
        ("iOS", None, "iOS"),
        (None, "17.4", "17.4"),
        (None, None, None),
        ("", " ", None),
        ("iOS", 17, "iOS 17"),
        ("iOS", 17.4, "iOS 17.4"),
        ("iOS", True, "iOS"),
        (["iOS"], {"v": 1}, None),
        ("iOS", float("nan"), "iOS"),
    ],
    ids=repr,
)
def test_os_is_name_version_or_one_alone(name, version, text):
    assert joined(name, version) == text


def test_system_dims_come_first_in_their_order():
    dims = json.loads(
        event(name="A B", os="iOS 17", device_model="iPhone", app_version="1.0", event_properties={"z": "1"}).dims
    )
    assert list(dims) == ["os", "device_model", "app_version", "_source_event_name", "z"]


# --- 3.6 --------------------------------------------------------------------------------------------------------------


def by_hand(text: str) -> str:
    return sha256(text.encode("utf-8")).hexdigest()


VENDOR_IDS = {
    "the vendor's id": ("abc", "abc"),
    "an integer becomes text": (17, "17"),
    "255 characters stay": ("i" * 255, "i" * 255),
    "longer than 255 is replaced by its sha256": ("i" * 256, by_hand("i" * 256)),
    "characters, not bytes": ("é" * 255, "é" * 255),
    "256 characters of two bytes": ("é" * 256, by_hand("é" * 256)),
}


@pytest.mark.parametrize(("sent", "stored"), VENDOR_IDS.values(), ids=VENDOR_IDS)
def test_the_vendors_id_is_the_dedup_key(sent, stored):
    assert event(event_id=sent).event_id == stored


FORMULA = {
    "install_id + raw name + raw timestamp": ({}, f"devicetick{NOW_MS - 1}"),
    "raw name, not the normal one": ({"name": "Order Ünïted"}, f"deviceOrder Ünïted{NOW_MS - 1}"),
    "install_id of 3.5: else the user id": ({"anonymous_id": None}, f"usertick{NOW_MS - 1}"),
    "integer ids as decimal text": ({"anonymous_id": 42}, f"42tick{NOW_MS - 1}"),
    "a number as decimal text": ({"time": float(NOW_MS)}, f"devicetick{NOW_MS}"),
    "numeric text as it is": ({"time": str(NOW_MS)}, f"devicetick{NOW_MS}"),
    "a blank vendor id is absent": ({"event_id": " "}, f"devicetick{NOW_MS - 1}"),
    "a boolean vendor id is absent": ({"event_id": True}, f"devicetick{NOW_MS - 1}"),
    "the edge of the window": ({"time": NEWEST_MS}, f"devicetick{NEWEST_MS}"),
}


@pytest.mark.parametrize(("over", "text"), FORMULA.values(), ids=FORMULA)
def test_without_a_vendor_id_it_is_the_sha256_of_the_plain_concatenation(over, text):
    assert event(**over).event_id == by_hand(text)


@pytest.mark.parametrize(("time", "why"), UNUSABLE.values(), ids=UNUSABLE)
def test_without_id_and_time_every_event_is_its_own(time, why):
    first, second = event(time=time), event(time=time)
    assert first.event_id != second.event_id
    assert {UUID(each.event_id).version for each in (first, second)} == {4}


def test_a_vendor_id_counts_also_without_a_time():
    assert event(time=None, event_id="abc").event_id == "abc"
