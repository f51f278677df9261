"""The one pure call: rows in; events, skipped rows, notes, dropped keys and what was changed out (contract 3, 10)."""

import pickle
from collections import Counter

import pytest

from drengr.events.event import Context, Unreadable
from drengr.events.properties import SensitiveKeys
from drengr.sources import MAX_TOLD_KEYS, read_batch
from tests.conftest import NOW_MS


def row(**over) -> dict:
    return {"event_type": "Bought", "event_time": "2026-06-01 12:00:00", "device_id": "d1"} | over


def mapped(*rows, source="amplitude", **over):
    return read_batch(rows, Context(source, NOW_MS, SensitiveKeys(allowed=["product_name"]), **over))


def live(**over):
    return mapped({"event_type": "a", "device_id": "d", "time": NOW_MS} | over, source="amplitude_http", live=True)


SKIPPED = {
    "unreadable: a line that is no JSON": (Unreadable("not readable as JSON"), "unreadable", "not readable as JSON"),
    "unreadable: no object": (["Bought"], "unreadable", "not an object"),
    "no_name": (row(event_type=None), "no_name", "missing event name"),
    "no_name before no_id and bad_time": (row(event_type=7, device_id=None, event_time="x"), "no_name",
                                          "event name is a number, not text"),
    "no_id before bad_time": (row(device_id=None, event_time="x"), "no_id",
                              'missing user or device id for event "Bought"'),
    "bad_time: unreadable": (row(event_time="x"), "bad_time", 'unreadable timestamp for event "Bought"'),
    "bad_time: out of range": (row(event_time="1999-01-01"), "bad_time", 'timestamp out of range for event "Bought"'),
}  # fmt: skip


@pytest.mark.parametrize(("bad", "code", "reason"), SKIPPED.values(), ids=SKIPPED)
def test_a_skipped_row_has_its_position_a_code_and_a_reason(bad, code, reason):
    found = mapped(row(), bad, row(event_type="after"))
    assert [row[:3] for row in found.skipped] == [(1, code, reason)]
    assert [event.event_name for event in found.events] == ["bought", "after"]


def test_the_result_is_plain_values_that_another_process_can_send_back():
    found = mapped(row(event_properties={"email": "a@b"}), 5, row(user_properties="{"), names_dropped_keys=True)
    assert pickle.loads(pickle.dumps(found)) == found
    context = Context("generic", NOW_MS, SensitiveKeys(["x"]), mapping={"a": "b"}, keep_fields=("revenue",))
    again = pickle.loads(pickle.dumps(context))
    assert (again.source, again.mapping, again.sensitive.drops("X")) == ("generic", {"a": "b"}, True)


def test_a_bag_that_cannot_be_read_is_noted_for_each_row_that_has_one():
    bad = row(event_properties="{'a': 1}")
    found = mapped(bad, row(), bad, row(user_properties=[1]), row(device_id=None, event_properties="["))
    assert len(found.events) == 4
    assert found.notes == {"event_properties is no JSON object": 2, "user_properties is no JSON object": 1}


def test_dropped_keys_are_told_with_the_word_they_hold_when_they_are_asked_for():
    bags = {
        "event_properties": {"email": "a", "product_name": "b", "nested": {"Card": 1}, "list": [{"deep": {"ssn": 2}}]},
        "user_properties": {"phone": None, "Token": "c"},
    }
    assert mapped(row(**bags), row(**bags), names_dropped_keys=True).dropped_keys == {
        ("email", "email"): 2, ("nested.Card", "card"): 2, ("list.deep.ssn", "ssn"): 2, ("user.Token", "token"): 2,
    }  # fmt: skip
    assert mapped(row(**bags)).dropped_keys == {}


def test_dropped_keys_are_cut_and_counted_up_to_a_limit():
    found = mapped(row(event_properties={"email" + "x" * 500_000: 1}), names_dropped_keys=True)
    assert list(found.dropped_keys) == [("email" + "x" * 195, "email")]
    rows = [row(event_properties={f"email{half}_{key}": 1 for key in range(MAX_TOLD_KEYS // 2)}) for half in range(3)]
    found = mapped(*rows, rows[0], names_dropped_keys=True)
    assert len(found.dropped_keys) == MAX_TOLD_KEYS
    assert found.dropped_keys["email0_7", "email"] == 2


LONG = "v" * 257
CHANGED = {
    "nothing": ({"event_properties": {"a": "v" * 256, "b": 1, "c": None}}, set()),
    "a value": ({"event_properties": {"a": LONG}}, {"values_cut"}),
    "an array's text": ({"event_properties": {"a": ["x" * 300]}}, {"values_cut"}),
    "a child of a user property": ({"user_properties": {"a": float("inf"), "b": {"c": LONG}}}, {"values_cut"}),
    "a system dim": ({"os_name": LONG}, {"values_cut"}),
    "40 dims": ({"event_properties": {f"k{n}": "v" for n in range(39)}}, set()),
    "41 dims": ({"event_properties": {f"k{n}": "v" for n in range(41)}}, {"keys_over_limit"}),
    "20 numbers": ({"event_properties": {f"k{n}": n for n in range(20)}}, set()),
    "21 numbers": ({"event_properties": {f"k{n}": n for n in range(21)}}, {"keys_over_limit"}),
    "a sensitive key": ({"event_properties": {"email": "a"}}, {"keys_sensitive"}),
    "a sensitive key's child": ({"user_properties": {"email": {"a": 1}}}, {"keys_sensitive"}),
    "a sensitive key in an array": ({"user_properties": {"a": [{"email": 1}]}}, {"keys_sensitive"}),
    "a spared key": ({"event_properties": {"product_name": "a"}}, set()),
    "a sensitive key without a value": ({"event_properties": {"email": None}}, set()),
    "no time": ({"time": None}, {"times_replaced"}),
    "a time out of range": ({"time": 5}, {"times_replaced"}),
    "two things": ({"time": 5, "event_properties": {"email": "a", "b": LONG}},
                   {"times_replaced", "keys_sensitive", "values_cut"}),
}  # fmt: skip


@pytest.mark.parametrize(("over", "words"), CHANGED.values(), ids=CHANGED)
def test_an_event_says_what_it_lost_on_the_way(over, words):
    found = live(**over)
    assert {word for word, count in found.changed.items() if count} == words


def test_changes_are_counted_by_events():
    changed = mapped(
        {"event_type": "a", "device_id": "d"},
        {"event_type": "a", "device_id": "d", "event_properties": {"email": 1, "phone": 2}},
        {"event_type": "a", "device_id": "d", "time": NOW_MS},
        {"event_type": "a"},
        source="amplitude_http",
        live=True,
    ).changed
    assert changed == Counter(times_replaced=2, keys_sensitive=1)
    assert list(changed) == ["values_cut", "keys_over_limit", "keys_sensitive", "times_replaced"]
