"""Flattening, dims and measures, sensitive keys: contract 3.2, 3.3, 3.7."""

import json

import pytest

from drengr.events.jsontext import LongInteger
from drengr.events.properties import SensitiveKeys, dims_and_measures

NOBODY = SensitiveKeys()


def split(event=None, user=None, system=None, sensitive=NOBODY) -> tuple[dict, dict]:
    dims, measures, _ = dims_and_measures([("", event), ("user.", user)], system or {}, sensitive)
    return json.loads(dims), json.loads(measures)


def dims_of(event=None, user=None, system=None, sensitive=NOBODY) -> dict:
    return split(event, user, system, sensitive)[0]


FLAT = {
    "event properties as they are": (({"plan": "x"}, None), {"plan": "x"}),
    "user properties under the prefix user.": ((None, {"plan": "x"}), {"user.plan": "x"}),
    '{"$set":{"plan":"x"}} gives user.$set.plan': ((None, {"$set": {"plan": "x"}}), {"user.$set.plan": "x"}),
    "a nested object gives parent.child": (({"a": {"b": "x"}}, None), {"a.b": "x"}),
    "what is deeper becomes compact JSON text": (({"a": {"b": {"c": [1, "é"]}}}, None), {"a.b": '{"c":[1,"é"]}'}),
    "arrays become compact JSON text": (({"a": [1, {"b": None}, "x"]}, None), {"a": '[1,{"b":null},"x"]'}),
    "arrays inside an object": (({"a": {"b": ["x"]}}, None), {"a.b": '["x"]'}),
    "an empty array": (({"a": []}, None), {"a": "[]"}),
    "an empty object has no children": (({"a": {}}, None), {}),
    "an empty object further down": (({"a": {"b": {}}}, None), {"a.b": "{}"}),
    "booleans as true and false": (({"a": True, "b": {"c": False}}, None), {"a": "true", "b.c": "false"}),
    "null is dropped": (({"a": None, "b": {"c": None}}, {"d": None}), {}),
    "numeric strings are text": (({"a": "12", "revenue": "9.5"}, None), {"a": "12", "revenue": "9.5"}),
    "an empty key": (({"": "x", "a": {"": "y"}}, None), {"": "x", "a.": "y"}),
    "keys with dots and spaces": (({"a.b c": "x"}, None), {"a.b c": "x"}),
    "an empty value": (({"a": ""}, None), {"a": ""}),
    "event properties before user properties": (({"user.a": "event"}, {"a": "user"}), {"user.a": "event"}),
    "of two equal paths the first stays": (({"a.b": "1", "a": {"b": "2"}}, None), {"a.b": "1"}),
    "the same, the other way round": (({"a": {"b": "2"}, "a.b": "1"}, None), {"a.b": "2"}),
    "a null leaves its key to the next": (({"a.b": None, "a": {"b": "2"}}, None), {"a.b": "2"}),
    "an integer past 64 bits becomes a text dim": (({"a": LongInteger("9" * 30)}, None), {"a": "9" * 30}),
    "the same of 100,000 digits is cut": (({"a": LongInteger("9" * 100_000)}, None), {"a": "9" * 256}),
    "NaN becomes a text dim": (({"a": float("nan")}, None), {"a": "NaN"}),
    "infinities too": (({"a": float("inf"), "b": float("-inf")}, None), {"a": "Infinity", "b": "-Infinity"}),
    "NaN inside an array": (({"a": [float("nan")]}, None), {"a": "[null]"}),
}  # fmt: skip


@pytest.mark.parametrize(("bags", "dims"), FLAT.values(), ids=FLAT)
def test_properties_are_flattened_one_level_into_text(bags, dims):
    assert split(*bags) == (dims, {})


@pytest.mark.parametrize("bag", [None, [], ["plan"], "plan", 5, True, 1.5], ids=repr)
def test_a_bag_that_is_no_object_counts_as_empty(bag):
    assert split(bag, bag) == ({}, {})


# --- measures ---------------------------------------------------------------------------------------------------------

NUMBERS = {
    "integers and fractions": ({"a": 1, "b": 2.5, "c": -3}, {"a": 1, "b": 2.5, "c": -3}),
    "zero": ({"a": 0, "b": 0.0}, {"a": 0, "b": 0.0}),
    "within 64 bits they stay exact": ({"a": 2**63 - 1, "b": -(2**63) + 1}, {"a": 2**63 - 1, "b": -(2**63) + 1}),
    "nested": ({"a": {"b": 1}}, {"a.b": 1}),
    "the largest float": ({"a": 1.7976931348623157e308}, {"a": 1.7976931348623157e308}),
    "the smallest float": ({"a": 5e-324}, {"a": 5e-324}),
}


@pytest.mark.parametrize(("bag", "measures"), NUMBERS.values(), ids=NUMBERS)
def test_numbers_go_to_measures(bag, measures):
    dims, kept = split(bag)
    assert (dims, kept) == ({}, measures)
    assert [type(each) for each in kept.values()] == [type(each) for each in measures.values()]


def test_a_boolean_is_no_number():
    assert split({"price": True}) == ({"price": "true"}, {})


def test_at_most_20_measures_in_order_of_arrival():
    assert list(split({f"n{n}": n for n in range(25)})[1]) == [f"n{n}" for n in range(20)]


def test_revenue_total_price_quantity_come_first_in_that_order():
    bag = {f"n{n}": n for n in range(25)} | {"quantity": 4, "price": 3, "total": 2, "revenue": 1}
    assert list(split(bag)[1]) == ["revenue", "total", "price", "quantity", *(f"n{n}" for n in range(16))]


def test_a_well_known_measure_of_the_user_has_no_priority():
    assert list(split({"a": 1}, {"revenue": 2})[1]) == ["a", "user.revenue"]


def test_numbers_beyond_the_20_are_dropped_not_turned_into_dims():
    dims, measures = split({f"n{n}": n for n in range(21)} | {"plan": "x"})
    assert dims == {"plan": "x"} and len(measures) == 20


def test_numbers_do_not_count_against_the_dims():
    dims, measures = split({f"n{n}": n for n in range(30)} | {f"t{n}": "x" for n in range(40)})
    assert (len(dims), len(measures)) == (40, 20)


# --- caps -------------------------------------------------------------------------------------------------------------

SYSTEM = {"os": "iOS", "device_model": "iPhone", "app_version": "1", "_source_event_name": "A B"}


def test_at_most_40_dims_system_dims_counted_and_first():
    dims = dims_of({f"t{n}": "x" for n in range(50)}, system=SYSTEM)
    assert list(dims) == [*SYSTEM, *(f"t{n}" for n in range(36))]


def test_user_properties_come_after_event_properties_under_the_same_cap():
    dims = dims_of({f"t{n}": "x" for n in range(39)}, {"a": "1", "b": "2"})
    assert list(dims)[-2:] == ["t38", "user.a"] and len(dims) == 40


@pytest.mark.parametrize("value", ["Android", 5, 2.5, True, {"x": 1}, ["a"]], ids=repr)
def test_system_dims_win_over_a_property_of_the_same_name_also_over_a_number(value):
    dims, measures = split({"os": value, "plan": "x"}, system={"os": "iOS"})
    assert dims["os"] == "iOS" and "os" not in measures and dims["plan"] == "x"


def test_a_property_takes_the_name_of_an_absent_system_dim():
    assert split({"os": "BeOS", "app_version": 3}) == ({"os": "BeOS"}, {"app_version": 3})


def test_keys_are_cut_to_64_and_values_to_256_characters():
    dims, measures = split({"k" * 65: "v" * 257, "é" * 65: "🎉" * 257, "n" * 70: 1, "e" * 64: "v" * 256})
    assert dims == {"k" * 64: "v" * 256, "é" * 64: "🎉" * 256, "e" * 64: "v" * 256}
    assert measures == {"n" * 64: 1}


def test_the_whole_path_is_cut():
    assert dims_of({"p" * 60: {"child": "x"}}) == {"p" * 60 + ".chi": "x"}
    assert dims_of(None, {"p" * 64: "x"}) == {"user." + "p" * 59: "x"}


def test_json_text_and_system_dims_are_cut_to_256():
    assert dims_of({"a": ["x" * 300]}, system={"os": "o" * 300}) == {"os": "o" * 256, "a": '["' + "x" * 254}


@pytest.mark.parametrize(
    ("first", "second"), [("text", "other"), (1, 2), ("text", 1), (1, "text"), (True, "x")], ids=repr
)
def test_of_two_keys_equal_after_the_cut_the_first_stays(first, second):
    dims, measures = split({"k" * 64 + "1": first, "k" * 64 + "2": second})
    assert [*dims.values(), *measures.values()] == ["true" if first is True else first]


def test_ten_thousand_keys_are_bounded():
    bag = {f"key {n}": "v" * 300 if n % 2 else n for n in range(10_000)}
    dims, measures = split(bag, {"$set": bag})
    assert (len(dims), len(measures)) == (40, 20)


def test_a_long_parent_over_many_children_is_bounded():
    dims, measures = split({"p" * 400_000: {f"c{n}": n for n in range(10_000)}})
    assert (dims, measures) == ({}, {"p" * 64: 0})


@pytest.mark.parametrize("levels", [200, 250, 900])
def test_a_deeply_nested_value_ends_as_text(levels):
    deep: object = "bottom"
    for _ in range(levels):
        deep = [deep]
    assert set(dims_of({"a": deep})["a"]) <= set('[]nul"botm')


# --- 3.3 --------------------------------------------------------------------------------------------------------------

WORDS = ["email", "phone", "name", "address", "password", "token", "ssn", "card", "cvv"]
SECRET = "Zq9-secret"


@pytest.mark.parametrize(
    "put",
    [
        lambda key: ({key: SECRET}, None),
        lambda key: (None, {key: SECRET}),
        lambda key: ({"a": {key: SECRET}}, None),
        lambda key: ({key: {"a": SECRET}}, None),
        lambda key: (None, {"$set": {key: SECRET}}),
        lambda key: ({"a": {"b": {key: SECRET}}}, None),
        lambda key: ({"a": {"b": {key: {"c": SECRET}}}}, None),
        lambda key: ({"a": [{key: SECRET}]}, None),
        lambda key: ({"a": [[{"b": [{key: [SECRET]}]}]]}, None),
        lambda key: ({key: [SECRET]}, None),
        lambda key: ({key: {"a": {"b": [SECRET]}}}, None),
        lambda key: ({f"a.{key}.b": SECRET}, None),
        lambda key: ({"a": {"b": "x"} | {key: {"c": SECRET}}}, None),
    ],
    ids=[
        "event", "user", "child", "parent", "$set", "depth 3", "depth 4", "in an array", "arrays in arrays",
        "over an array", "over objects", "one segment of a dotted key", "beside a good one",
    ],
)  # fmt: skip
def test_a_sensitive_key_is_dropped_at_any_depth(put):
    for word in WORDS:
        for key in (word, word.upper(), word.title(), f"my_{word}_2", f"x{word}"):
            stored = json.dumps(split(*put(key)))
            assert SECRET not in stored and word not in stored.lower(), key


def test_a_sensitive_number_is_dropped_too():
    assert split({"card_number": 4111, "cvv": 123, "a": {"phone": 49}}) == ({}, {})


def test_it_is_a_substring_rule_so_product_name_goes_too():
    assert dims_of({"product_name": "x", "tokenized": "x", "Discarded": "x", "plan": "x"}) == {"plan": "x"}


def test_values_are_not_looked_at():
    assert dims_of({"plan": "email name password"}) == {"plan": "email name password"}


def test_neighbours_of_a_dropped_key_stay():
    bag = {
        "a": {"email": SECRET, "plan": "x", "deep": {"name": SECRET, "tier": 2}},
        "list": [{"token": SECRET, "n": 1}, 2],
    }
    assert dims_of(bag) == {"a.plan": "x", "a.deep": '{"tier":2}', "list": '[{"n":1},2]'}


def test_a_client_cannot_set_the_server_made_key():
    assert split({"_source_event_name": "forged"}) == ({}, {})


def test_server_made_keys_are_exempt():
    assert dims_of(system={"_source_event_name": "A B"}) == {"_source_event_name": "A B"}


def test_dropped_keys_do_not_count_against_the_cap():
    bag = {f"name{n}": "x" for n in range(50)} | {f"t{n}": "x" for n in range(40)}
    assert list(dims_of(bag)) == [f"t{n}" for n in range(40)]


ALLOWED = {
    "a full key": ("product_name", {"product_name": "x"}, None, {"product_name": "x"}),
    "no other key": ("product_name", {"product_name2": "x", "Product_Name": "x"}, None, {}),
    "a child's full key": ("a.name", {"a": {"name": "x", "first_name": "y"}}, None, {"a.name": "x"}),
    "not a child of the same name elsewhere": ("name", {"a": {"name": "x"}}, None, {}),
    "a user property's full key": ("user.name", {"name": "x"}, {"name": "y"}, {"user.name": "y"}),
    "$set's": ("user.$set.name", None, {"$set": {"name": "y"}, "$add": {"name": "z"}}, {"user.$set.name": "y"}),
    "a sensitive one's child": ("address.zone", {"address": {"zone": "x", "way": "y"}}, None, {"address.zone": "x"}),
    "a sensitive parent alone spares no child": ("address", {"address": {"street": "y"}}, None, {}),
    "inside JSON text": ("a.b.name", {"a": {"b": {"name": "x", "email": "y"}}}, None, {"a.b": '{"name":"x"}'}),
    "inside an array": ("a.name", {"a": [{"name": "x", "email": "y"}]}, None, {"a": '[{"name":"x"}]'}),
}  # fmt: skip


@pytest.mark.parametrize(("key", "event", "user", "dims"), ALLOWED.values(), ids=ALLOWED)
def test_an_operator_can_spare_exact_keys(key, event, user, dims):
    assert dims_of(event, user, sensitive=SensitiveKeys(allowed=[key])) == dims


def test_an_operator_can_add_words():
    sensitive = SensitiveKeys(words=["IBAN", "geburt"])
    assert dims_of({"my_Iban": "x", "GEBURTSTAG": "y", "email": "z", "plan": "p"}, sensitive=sensitive) == {"plan": "p"}


def test_a_key_too_long_to_remember_is_judged_all_the_same():
    long = "k" * 1000
    assert dims_of({long + "email": SECRET, "a": {long + "name" + long: SECRET}, "b": [{long + "cvv": SECRET}]}) == {
        "b": "[{}]"
    }
