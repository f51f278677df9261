"""Vendor row → event, case by case (contract 5, the table of sources)."""

import json
from hashlib import sha256
from zoneinfo import ZoneInfo

import pytest

from drengr.events.event import Context
from drengr.events.properties import SensitiveKeys
from drengr.sources import SOURCES, BadSource, checked_source, read_batch
from drengr.sources.generic import BadMapping, checked_mapping
from tests.conftest import NOW_MS

AT_MS = 1_780_315_200_123
AT_ISO = "2026-06-01 12:00:00.123000"

MAPPING = {
    "event_name_field": "type",
    "timestamp_field": "at",
    "timestamp_unit": "ms",
    "user_id_field": "uid",
    "anon_id_field": "did",
}


def amplitude(**over):
    return {"event_type": "Bought", "event_time": AT_ISO, "device_id": "d1", "user_id": "u1", "$insert_id": "i1"} | over


def mixpanel(**over):
    return {"event": "Bought", "properties": {"time": AT_MS // 1000, "distinct_id": "d1", "$insert_id": "i1"} | over}


def posthog(properties=None, **over):
    row = {"event": "Bought", "timestamp": AT_ISO, "distinct_id": "d1", "uuid": "i1", "properties": properties or {}}
    return row | over


def ga4(**over):
    return {"event_name": "Bought", "event_timestamp": AT_MS * 1000 + 456, "user_pseudo_id": "d1"} | over


def generic(**over):
    return {"type": "Bought", "at": AT_MS, "uid": "u1", "did": "d1"} | over


def read(source, row, **mapping):
    context = Context(source, NOW_MS, SensitiveKeys(), "com.example.shop", {**MAPPING, **mapping})
    return read_batch([row], context)


def event(source, row, **mapping):
    mapped = read(source, row, **mapping)
    assert not mapped.skipped
    return mapped.events[0]


def reason(source, row, **mapping):
    mapped = read(source, row, **mapping)
    assert not mapped.events
    return mapped.skipped[0].reason


def dims(found):
    return json.loads(found.dims)


def measures(found):
    return json.loads(found.measures)


ROWS = [(make.__name__, make()) for make in (amplitude, mixpanel, posthog, ga4, generic)]


@pytest.mark.parametrize(("source", "row"), ROWS)
def test_every_source_reads_name_id_time_and_envelope(source, row):
    found = event(source, row)
    assert (found.event_name, found.install_id, found.source, found.app_package) == (
        "bought", "d1", source, "com.example.shop",
    )  # fmt: skip
    assert found.occurred_at == (AT_MS // 1000 * 1000 if source == "mixpanel" else AT_MS)
    assert found.received_at == NOW_MS
    assert dims(found)["_source_event_name"] == "Bought"


@pytest.mark.parametrize("source", SOURCES)
@pytest.mark.parametrize("row", [None, 1, "text", [], [{}], True, 1.5])
def test_a_row_that_is_no_object_is_skipped_as_such(source, row):
    assert reason(source, row) == "not an object"


@pytest.mark.parametrize("source", SOURCES)
def test_an_empty_object_has_no_name(source):
    assert reason(source, {}) == "missing event name"


# Amplitude ------------------------------------------------------------------------------------------------------------


def test_amplitude_rows_carry_system_fields():
    found = event(
        "amplitude",
        amplitude(os_name="iOS", os_version="17.4", device_type="iPhone 15", version_name="2.0", session_id=77),
    )
    assert dims(found) == {
        "os": "iOS 17.4", "device_model": "iPhone 15", "app_version": "2.0", "_source_event_name": "Bought",
    }  # fmt: skip
    assert (found.event_id, found.external_id, found.session_id) == ("i1", "u1", 77)


@pytest.mark.parametrize("device_type", [None, "", ...])
def test_amplitude_device_family_stands_in_for_device_type(device_type):
    row = amplitude(device_family="Apple iPhone") | ({} if device_type is ... else {"device_type": device_type})
    assert dims(event("amplitude", row))["device_model"] == "Apple iPhone"


@pytest.mark.parametrize("event_time", [None, "", "not a time", 1780315200123, {}, "2026-13-01 00:00:00"])
def test_amplitude_client_event_time_stands_in_for_an_event_time_that_cannot_be_read(event_time):
    row = amplitude(event_time=event_time, client_event_time="2026-05-01T00:00:00Z") | {"$insert_id": None}
    found = event("amplitude", row)
    assert found.occurred_at == 1_777_593_600_000
    assert found.event_id == sha256(b"d1Bought2026-05-01T00:00:00Z").hexdigest()


def test_amplitude_event_time_out_of_range_is_not_replaced():
    row = amplitude(event_time="1999-12-31 23:59:59", client_event_time=AT_ISO)
    assert reason("amplitude", row) == 'timestamp out of range for event "Bought"'


def test_amplitude_keeps_dollar_keys_of_properties():
    found = event("amplitude", amplitude(user_properties={"$set": {"plan": "x"}}, event_properties={"$sku": 3}))
    assert dims(found)["user.$set.plan"] == "x"
    assert measures(found) == {"$sku": 3}


# Mixpanel -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("time", "ms"),
    [
        (1780315200, 1780315200000),
        (1780315200.5, 1780315200500),
        ("1780315200", 1780315200000),
        (1780315200123, 1780315200123),  # milliseconds: as seconds it would be the year 58386
        (946684800, 946684800000),
        (4102444800, None),  # 2100: neither as seconds nor, in 1970, as milliseconds
        (946684799, None),
    ],
)
def test_mixpanel_time_is_seconds_unless_it_only_fits_as_milliseconds(time, ms):
    row = mixpanel(time=time)
    if ms is None:
        assert reason("mixpanel", row) == 'timestamp out of range for event "Bought"'
    else:
        assert event("mixpanel", row).occurred_at == ms


def test_mixpanel_rows_carry_system_fields_and_drop_other_dollar_keys():
    found = event(
        "mixpanel",
        mixpanel(**{
            "$user_id": "u1", "$os": "iOS", "$os_version": "17.4", "$model": "iPhone", "$app_version_string": "2.0",
            "$city": "Oslo", "mp_lib": "web", "cart": {"$inner": "kept"}, "total": 3,
        }),
    )  # fmt: skip
    assert dims(found) == {
        "os": "iOS 17.4", "device_model": "iPhone", "app_version": "2.0", "_source_event_name": "Bought",
        "mp_lib": "web", "cart.$inner": "kept",
    }  # fmt: skip
    assert measures(found) == {"total": 3}
    assert (found.external_id, found.event_id) == ("u1", "i1")


def test_mixpanel_keys_beside_properties_are_left_alone():
    found = event("mixpanel", mixpanel() | {"plan": "pro"})
    assert "plan" not in dims(found)


def test_mixpanel_user_id_stands_in_for_a_missing_distinct_id():
    found = event("mixpanel", mixpanel(distinct_id=None, **{"$user_id": "u9"}))
    assert (found.install_id, found.external_id) == ("u9", "u9")


@pytest.mark.parametrize("properties", [None, [], {}, ""])
def test_mixpanel_without_properties_has_no_id(properties):
    assert reason("mixpanel", {"event": "a", "properties": properties}) == 'missing user or device id for event "a"'


@pytest.mark.parametrize("properties", ["text", 5, [1], "{'a': 1}"])
def test_mixpanel_properties_that_cannot_be_read_are_named_as_the_cause(properties):
    assert reason("mixpanel", {"event": "a", "properties": properties}) == (
        'missing user or device id for event "a": properties is no JSON object'
    )


# PostHog --------------------------------------------------------------------------------------------------------------


def test_posthog_rows_carry_system_fields_and_drop_other_dollar_keys():
    found = event(
        "posthog",
        posthog(
            {
                "$os": "Linux", "$os_version": 6, "$device_type": "Desktop", "$app_version": "1", "$set": {"plan": "x"},
                "distinct_id": "d1", "nested": {"$kept": 1},
            },
            person_id="p1",
        ),
    )  # fmt: skip
    assert dims(found) == {
        "os": "Linux 6", "device_model": "Desktop", "app_version": "1", "_source_event_name": "Bought",
        "distinct_id": "d1",
    }  # fmt: skip
    assert measures(found) == {"nested.$kept": 1}
    assert found.external_id == "p1"


def test_posthog_properties_may_be_json_text():
    found = event("posthog", posthog('{"$os":"iOS","plan":"pro","total":2}'))
    assert dims(found)["os"] == "iOS"
    assert dims(found)["plan"] == "pro"
    assert measures(found) == {"total": 2}


@pytest.mark.parametrize("properties", ["not json", "[1]", "5", 7, [1], None])
def test_posthog_properties_of_another_kind_count_as_none(properties):
    assert dims(event("posthog", posthog() | {"properties": properties})) == {"_source_event_name": "Bought"}


@pytest.mark.parametrize("uuid", [None, "", "  ", ...])
def test_posthog_id_stands_in_for_a_missing_uuid(uuid):
    row = posthog() | {"id": "i2"} | ({} if uuid is ... else {"uuid": uuid})
    if uuid is ...:
        del row["uuid"]
    assert event("posthog", row).event_id == "i2"


# GA4 ------------------------------------------------------------------------------------------------------------------


def test_ga4_rows_carry_system_fields_and_derive_their_id():
    found = event(
        "ga4",
        ga4(
            user_id="u1",
            event_id="ignored",
            device={"operating_system": "iOS", "operating_system_version": "17.4", "mobile_model_name": "iPhone"},
            app_info={"version": "2.0"},
        ),
    )
    assert dims(found) == {
        "os": "iOS 17.4", "device_model": "iPhone", "app_version": "2.0", "_source_event_name": "Bought",
    }  # fmt: skip
    assert found.external_id == "u1"
    assert found.event_id == sha256(f"d1Bought{AT_MS * 1000 + 456}".encode()).hexdigest()


def test_ga4_number_and_numeric_text_meet_under_one_id():
    as_text = ga4(event_timestamp=str(AT_MS * 1000 + 456))
    assert event("ga4", ga4()).event_id == event("ga4", as_text).event_id
    assert event("ga4", as_text).occurred_at == AT_MS


@pytest.mark.parametrize(
    "spelling", [1760000001123456, "1.760000001123456E15", "1760000001123456.0", 1760000001123456.0]
)
def test_ga4_spellings_of_one_time_meet_under_one_id(spelling):
    found = event("ga4", ga4(event_timestamp=spelling))
    assert found.event_id == sha256(b"d1Bought1760000001123456").hexdigest()
    assert found.occurred_at == 1760000001123


def test_ga4_user_properties_and_ecommerce_are_kept():
    tier = {"key": "tier", "value": {"string_value": "gold", "int_value": None, "set_timestamp_micros": "1"}}
    visits = {"key": "visits", "value": {"int_value": "3"}}
    shop = {"purchase_revenue": 7.0, "transaction_id": "t1", "total_item_quantity": "2", "refund_value": None}
    row = ga4(event_params=[{"key": "n", "value": {"int_value": "7"}}], user_properties=[tier, visits], ecommerce=shop)
    for each in (row, row | {"ecommerce": json.dumps(shop), "user_properties": json.dumps(json.dumps([tier, visits]))}):
        found = event("ga4", each)
        assert measures(found) == {
            "n": 7, "ecommerce.purchase_revenue": 7.0, "ecommerce.total_item_quantity": 2, "user.visits": 3,
        }  # fmt: skip
        assert dims(found)["ecommerce.transaction_id"] == "t1" and dims(found)["user.tier"] == "gold"
    found = event("ga4", ga4(user_properties={"tier": "gold", "email": "x"}, event_params={"ecommerce": "own"}))
    assert dims(found) == {"_source_event_name": "Bought", "ecommerce": "own", "user.tier": "gold"}


def test_ga4_parameters_in_bigquerys_records():
    nulls = {"string_value": None, "int_value": None, "float_value": None, "double_value": None}
    found = event(
        "ga4",
        ga4(
            event_params=[
                {"key": "page", "value": nulls | {"string_value": "/home"}},
                {"key": "n", "value": nulls | {"int_value": "12"}},
                {"key": "m", "value": {"int_value": 13}},
                {"key": "f", "value": nulls | {"float_value": 1.5}},
                {"key": "d", "value": nulls | {"double_value": 0}},
                {"key": "dt", "value": nulls | {"double_value": "0.5"}},
                {"key": "big", "value": {"int_value": "99999999999999999999"}},
                {"key": "odd", "value": {"int_value": "many"}},
                {"key": "session_engaged", "value": {"string_value": "1"}},
                {"key": "none", "value": nulls},
                {"key": "null", "value": None},
                {"key": "bare", "value": 7},
                {"key": "page", "value": {"string_value": "/second"}},
                {"key": 5, "value": {"int_value": 1}},
                "no record",
            ]
        ),
    )
    assert dims(found) == {
        "_source_event_name": "Bought", "page": "/home", "big": "99999999999999999999", "odd": "many",
        "session_engaged": "1",
    }  # fmt: skip
    assert measures(found) == {"n": 12, "m": 13, "f": 1.5, "d": 0, "dt": 0.5, "bare": 7}


def test_ga4_parameters_flat():
    found = event("ga4", ga4(event_params={"page": "/home", "value": 3}))
    assert (dims(found)["page"], measures(found)) == ("/home", {"value": 3})


@pytest.mark.parametrize("params", ["[{'key': 'x'}]", None, 5, [[1]]])
def test_ga4_parameters_of_another_kind_count_as_none(params):
    assert dims(event("ga4", ga4(event_params=params, device=params, app_info=params))) == {
        "_source_event_name": "Bought"
    }


# generic --------------------------------------------------------------------------------------------------------------


def test_generic_without_props_field_keeps_what_is_not_consumed():
    found = event("generic", generic(id="i1", plan="pro", total=2), dedup_id_field="id")
    assert dims(found) == {"_source_event_name": "Bought", "plan": "pro"}
    assert measures(found) == {"total": 2}
    assert (found.event_id, found.install_id, found.external_id) == ("i1", "d1", "u1")


def test_generic_literal_key_comes_before_the_dot_path():
    row = generic(**{"a.type": "Literal", "a": {"type": "Path", "left": 1}})
    found = event("generic", row, event_name_field="a.type")
    assert found.event_name == "literal"
    assert measures(found) == {"a.left": 1}
    assert dims(found)["a.type"] == "Path"


def test_generic_fields_on_dot_paths_are_consumed_and_the_row_stays_as_it_was():
    row = {"e": {"type": "Bought", "at": AT_MS, "x": {"y": 1}}, "uid": "u1", "k": {"did": "d1"}}
    before = json.dumps(row)
    found = event("generic", row, event_name_field="e.type", timestamp_field="e.at", anon_id_field="k.did")
    assert dims(found) == {"_source_event_name": "Bought", "e.x": '{"y":1}'}
    assert json.dumps(row) == before


def test_generic_props_field_may_be_a_dot_path():
    found = event("generic", generic(data={"attrs": {"plan": "pro"}}, other=1), props_field="data.attrs")
    assert dims(found) == {"_source_event_name": "Bought", "plan": "pro"}
    assert measures(found) == {}


@pytest.mark.parametrize(
    ("unit", "value", "ms"),
    [
        ("iso8601", "2026-06-01T12:00:00.123Z", AT_MS),
        ("iso8601", "2026-06-01 14:00:00.123456+02:00", AT_MS),
        ("iso8601", AT_MS, None),
        ("seconds", AT_MS / 1000, AT_MS),
        ("seconds", "1780315200.123", AT_MS),
        ("ms", str(AT_MS), AT_MS),
        ("us", AT_MS * 1000, AT_MS),
        ("ms", AT_ISO, None),
        ("ms", True, None),
        ("ms", [AT_MS], None),
    ],
)
def test_generic_timestamp_units(unit, value, ms):
    if ms is None:
        assert reason("generic", generic(at=value), timestamp_unit=unit) == 'unreadable timestamp for event "Bought"'
    else:
        assert event("generic", generic(at=value), timestamp_unit=unit).occurred_at == ms


@pytest.mark.parametrize(
    ("mapping", "named"),
    [
        (None, "mapping is missing"),
        ([], "mapping must be an object"),
        ("text", "mapping must be an object"),
        ({}, "mapping.event_name_field"),
        *(({k: v for k, v in MAPPING.items() if k != name}, f"mapping.{name}") for name in MAPPING),
        *(({**MAPPING, name: 5}, f"mapping.{name}") for name in MAPPING),
        *(({**MAPPING, name: " "}, f"mapping.{name}") for name in MAPPING),
        ({**MAPPING, "timestamp_unit": "s"}, "iso8601, seconds, ms, us"),
        ({**MAPPING, "timestamp_unit": "MS"}, "iso8601, seconds, ms, us"),
        ({**MAPPING, "props_field": []}, "mapping.props_field"),
        ({**MAPPING, "dedup_id_field": 1}, "mapping.dedup_id_field"),
        ({**MAPPING, "dedup_field": "id"}, "mapping.dedup_field"),
    ],
)
def test_a_bad_mapping_is_refused_by_the_name_of_its_field(mapping, named):
    with pytest.raises(BadMapping) as refused:
        checked_mapping(mapping)
    assert named in str(refused.value)


def test_null_in_an_optional_field_of_the_mapping_counts_as_absent():
    assert checked_mapping({**MAPPING, "props_field": None}) == MAPPING


@pytest.mark.parametrize("name", ["Amplitude", "", None, 5, [], "amplitude ", "admin", "amplitude_http"])
def test_a_source_is_exact_and_the_refusal_lists_the_five(name):
    with pytest.raises(BadSource) as refused:
        checked_source(name)
    assert all(source in str(refused.value) for source in SOURCES)


# Bags as JSON text ----------------------------------------------------------------------------------------------------

PROPS = {"plan": "pro", "price": 3}


def bag_of(source, bag):
    """A row of the source with that in the place of its properties."""
    if source == "mixpanel":
        ids = {"time": AT_MS // 1000, "distinct_id": "d1", "$insert_id": "i1"}
        return {"event": "Bought", "properties": ids | bag if isinstance(bag, dict) else bag(ids)}
    places = {"amplitude": "event_properties", "posthog": "properties", "ga4": "event_params", "generic": "props"}
    makes = {"amplitude": amplitude, "posthog": posthog, "ga4": ga4, "generic": generic}
    return makes[source](**{places[source]: bag if isinstance(bag, dict) else bag({})})


ENCODED = {
    "an object": lambda ids: ids | PROPS,
    "text": lambda ids: json.dumps(ids | PROPS),
    "text with blanks around it": lambda ids: f"\n {json.dumps(ids | PROPS)} ",
    "text of text": lambda ids: json.dumps(json.dumps(ids | PROPS)),
    "text of a row written by Python, NaN and all": lambda ids: json.dumps(ids | PROPS | {"x": float("nan")}),
}
UNREADABLE = {
    "three times encoded": lambda ids: json.dumps(json.dumps(json.dumps(ids | PROPS))),
    "one bad escape": lambda ids: json.dumps(ids | {"path": "C:"})[:-2] + "\\d\"}",
    "Python's repr": lambda ids: str(ids | PROPS),
    "cut": lambda ids: json.dumps(ids | PROPS)[:-1],
    "a number": lambda ids: 5,
    "text of a number": lambda ids: "5",
    "just text": lambda ids: "pro",
    "true": lambda ids: True,
}


@pytest.mark.parametrize("bag", ENCODED.values(), ids=ENCODED)
@pytest.mark.parametrize("source", SOURCES)
def test_a_bag_may_be_json_text(source, bag):
    mapped = read(source, bag_of(source, bag), props_field="props")
    (found,) = mapped.events
    assert (dims(found)["plan"], measures(found), mapped.notes) == ("pro", {"price": 3}, {})


@pytest.mark.parametrize("bag", UNREADABLE.values(), ids=UNREADABLE)
@pytest.mark.parametrize(
    ("source", "field"),
    [("amplitude", "event_properties"), ("posthog", "properties"), ("ga4", "event_params"), ("generic", "props")],
)
def test_a_bag_that_cannot_be_read_leaves_the_row_and_a_note(source, field, bag):
    mapped = read(source, bag_of(source, bag), props_field="props")
    assert set(dims(mapped.events[0])) == {"_source_event_name"}
    assert mapped.notes == {f"{field} is no JSON object": 1}


@pytest.mark.parametrize("bag", UNREADABLE.values(), ids=UNREADABLE)
def test_mixpanels_bag_that_cannot_be_read_takes_the_ids_with_it(bag):
    assert reason("mixpanel", bag_of("mixpanel", bag)).endswith(": properties is no JSON object")


@pytest.mark.parametrize("nothing", [None, "", "  ", [], {}, "{}", "null"])
@pytest.mark.parametrize("field", ["event_properties", "user_properties"])
def test_an_empty_bag_is_no_reason_for_a_note(field, nothing):
    assert read("amplitude", amplitude(**{field: nothing})).notes == {}


def test_every_record_of_ga4_may_be_json_text():
    records = {"device": {"operating_system": "iOS", "mobile_model_name": "X"}, "app_info": {"version": 2.5}}
    for code in (json.dumps, lambda value: json.dumps(json.dumps(value))):
        found = event("ga4", ga4(**{name: code(record) for name, record in records.items()}))
        assert (dims(found)["os"], dims(found)["device_model"], dims(found)["app_version"]) == ("iOS", "X", "2.5")
    assert read("ga4", ga4(device="iOS", app_info=[1], ecommerce="x")).notes == {
        "device is no JSON object": 1, "app_info is no JSON object": 1, "ecommerce is no JSON object": 1,
    }  # fmt: skip


def test_a_mapping_reads_fields_inside_json_text():
    inner = {"type": "Bought", "at": AT_MS, "who": {"uid": "u1", "did": "d1"}, "props": json.dumps(PROPS), "x": "y"}
    paths = {name: f"data.{path}" for name, path in MAPPING.items() if name != "timestamp_unit"}
    paths |= {"user_id_field": "data.who.uid", "anon_id_field": "data.who.did"}
    for text in (json.dumps(inner), json.dumps(json.dumps(inner)), inner):
        row = {"data": text, "other": 1}
        found = event("generic", row, **paths, props_field="data.props")
        assert (found.install_id, found.external_id, measures(found)) == ("d1", "u1", {"price": 3})
        assert dims(event("generic", row, **paths))["data.x"] == "y"
        assert row["data"] == text
    assert reason("generic", {"data": "no JSON"}, **paths) == "missing event name"


def test_sensitive_keys_are_dropped_from_a_bag_of_text_too():
    assert dims(event("amplitude", amplitude(event_properties='{"email":"a@b","plan":"x"}'))) == {
        "plan": "x", "_source_event_name": "Bought",
    }  # fmt: skip


# Ids and time zones ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("dollar", [..., None, "", "  ", {}], ids=repr)
def test_amplitudes_insert_id_is_read_where_there_is_none_with_a_dollar(dollar):
    row = amplitude(insert_id="plain") | {"$insert_id": dollar}
    assert event("amplitude", {key: row[key] for key in row if row[key] is not ...}).event_id == "plain"
    assert event("amplitude", amplitude(insert_id="plain")).event_id == "i1"


def zoned(source, row, zone="America/Los_Angeles", **over):
    context = Context(source, NOW_MS, SensitiveKeys(), mapping=MAPPING | over, time_zone=ZoneInfo(zone))
    (found,) = read_batch([row], context).events
    return found.occurred_at


def test_the_zone_given_is_that_of_times_without_one_and_of_mixpanels_numbers():
    at = 1_655_308_800_000  # 2022-06-15T16:00:00Z
    assert zoned("mixpanel", mixpanel(time=1_655_283_600)) == at
    assert zoned("mixpanel", mixpanel(time="1655283600")) == at
    assert zoned("mixpanel", mixpanel(time=1_655_283_600_000)) == at
    for text in ("2022-06-15 09:00:00", "2022-06-15T16:00:00Z", "2022-06-15T18:00:00+02:00"):
        assert zoned("amplitude", amplitude(event_time=text)) == at
        assert zoned("amplitude", amplitude(event_time=None, client_event_time=text)) == at
        assert zoned("posthog", posthog(timestamp=text)) == at
        assert zoned("generic", generic(at=text), timestamp_unit="iso8601") == at
    assert zoned("generic", generic(at=at)) == at
    assert zoned("ga4", ga4(event_timestamp=at * 1000)) == at


def test_the_zone_changes_no_derived_id():
    row = mixpanel(time=1_655_283_600, **{"$insert_id": None})
    context = Context("mixpanel", NOW_MS, SensitiveKeys(), time_zone=ZoneInfo("Asia/Tokyo"))
    assert read_batch([row], context).events[0].event_id == event("mixpanel", row).event_id


def test_in_any_zone_a_number_of_mixpanel_that_no_calendar_has_is_out_of_range():
    context = Context("mixpanel", NOW_MS, SensitiveKeys(), time_zone=ZoneInfo("Asia/Tokyo"))
    (skipped,) = read_batch([mixpanel(time=10**18)], context).skipped
    assert skipped.code == "bad_time"


# CSV columns ----------------------------------------------------------------------------------------------------------

KINDS = {
    "amplitude": {
        "json": ["event_properties", "user_properties"], "property": ["event_properties.plan", "user_properties.a.b"],
        "id": ["device_id", "user_id", "event_time", "client_event_time", "$insert_id", "insert_id", "session_id"],
        "text": ["event_type", "os_name", "version_name", "amplitude_id", "x.device_id"],
    },
    "mixpanel": {
        "json": ["properties"], "property": ["properties.plan"],
        "id": ["properties.distinct_id", "properties.time", "properties.$user_id", "properties.$insert_id"],
        "text": ["event", "properties.$os", "distinct_id"],
    },
    "posthog": {
        "json": ["properties"], "property": ["properties.plan", "properties.id"],
        "id": ["distinct_id", "person_id", "timestamp", "uuid", "id"], "text": ["event", "properties.$os"],
    },
    "ga4": {
        "json": ["event_params", "user_properties", "ecommerce", "device", "app_info"],
        "property": ["event_params.page", "user_properties.tier", "ecommerce.purchase_revenue"],
        "id": ["event_timestamp", "user_pseudo_id", "user_id"],
        "text": ["event_name", "device.operating_system", "app_info.version"],
    },
    "generic": {"property": ["plan", "a.b", "os"], "id": ["at", "uid", "did"], "text": ["type"]},
}  # fmt: skip


@pytest.mark.parametrize(
    ("source", "kind", "header"),
    [(source, kind, each) for source, kinds in KINDS.items() for kind, headers in kinds.items() for each in headers],
)
def test_a_csv_column_is_of_the_kind_that_the_source_reads(source, kind, header):
    assert SOURCES[source].column_kind(header, MAPPING) == kind


def test_the_columns_of_a_mapping_with_ids_and_props():
    mapping = MAPPING | {"dedup_id_field": "key", "props_field": "props"}
    kinds = [SOURCES["generic"].column_kind(name, mapping) for name in ("key", "props", "props.a", "plan", "type")]
    assert kinds == ["id", "json", "property", "text", "text"]
