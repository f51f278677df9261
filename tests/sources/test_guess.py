"""A guess at why no row of an upload is an event: contract 5, nothing fails in silence."""

import json

import pytest

from drengr.events.event import Context, Unreadable
from drengr.events.properties import SensitiveKeys
from drengr.sources import read_batch
from drengr.sources.guess import guess_cause
from tests.conftest import NOW_MS

AMPLITUDE = {"event_type": "Buy", "event_time": "2025-10-09 08:53:21", "device_id": "D1", "event_properties": {"a": 1}}
MIXPANEL = {"event": "Buy", "properties": {"time": 1_760_000_001, "distinct_id": "d1", "$insert_id": "i1"}}
POSTHOG = {"event": "Buy", "distinct_id": "p1", "timestamp": "2025-10-09T08:53:21Z", "uuid": "u1", "properties": {}}
GA4 = {"event_name": "buy", "event_timestamp": "1760000001000000", "user_pseudo_id": "1.2"}
LIVE = {"event_type": "Buy", "time": 1_760_000_001_000, "device_id": "D1"}
OWN = {"type": "Buy", "at": 1_760_000_001_000, "who": {"uid": "u1", "did": "d1"}}
MAPPING = {
    "event_name_field": "type", "timestamp_field": "at", "timestamp_unit": "ms", "user_id_field": "who.uid",
    "anon_id_field": "who.did",
}  # fmt: skip


def guess(source, *rows, **mapping):
    context = Context(source, NOW_MS, SensitiveKeys(), mapping=MAPPING | mapping if source == "generic" else {})
    assert not read_batch(rows, context).events
    return guess_cause(rows, context)


CAUSES = {
    # Rows one level down
    "PostHog's page of results": (
        "posthog", [{"next": None, "results": [POSTHOG]}],
        "the rows lie under `results`: send those alone, for example what jq -c '.results[]' FILE prints",
    ),
    "the body that PostHog's SDKs post": (
        "posthog", [{"api_key": "k", "batch": [POSTHOG, POSTHOG]}],
        "the rows lie under `batch`: send those alone, for example what jq -c '.batch[]' FILE prints",
    ),
    "two levels down": (
        "ga4", [{"data": {"my rows": [GA4]}}],
        "the rows lie under `data.my rows`: send those alone, for example what"
        " jq -c '.data[\"my rows\"][]' FILE prints",
    ),
    "another source's rows one level down": (
        "amplitude", [{"results": [MIXPANEL]}],
        "the rows lie under `results`, and look like source mixpanel: send those alone, for example what jq -c"
        " '.results[]' FILE prints",
    ),
    "own rows one level down": (
        "generic", [{"items": [OWN]}],
        "the rows lie under `items`: send those alone, for example what jq -c '.items[]' FILE prints",
    ),
    "a Singer tap's messages": (
        "posthog", [{"type": "SCHEMA", "stream": "events"}, *[{"type": "RECORD", "record": POSTHOG}] * 2],
        "the fields lie under `record` (`record.event`, `record.timestamp`, `record.distinct_id`): take that away from"
        " the columns' names, or in JSON with jq -c '.record' FILE",
    ),
    "an empty page": ("posthog", [{"next": None, "results": []}],
                      "there are no rows: the array under `results` is empty"),
    "arrays of rows": ("amplitude", [[AMPLITUDE], [AMPLITUDE]],
                       "the rows lie inside arrays: send what jq -c '.[]' FILE prints"),
    "rows as JSON text": ("mixpanel", [json.dumps(MIXPANEL)],
                          "the rows are JSON text inside JSON: send what jq -c 'fromjson' FILE prints"),
    # Everything inside one member
    "Airbyte's wrapping": (
        "amplitude", [{"_airbyte_ab_id": "x", "_airbyte_emitted_at": 1, "_airbyte_data": AMPLITUDE}],
        "the fields lie under `_airbyte_data` (`_airbyte_data.event_type`, `_airbyte_data.event_time`,"
        " `_airbyte_data.device_id`): take that away from the columns' names, or in JSON with"
        " jq -c '._airbyte_data' FILE",
    ),
    "Airbyte's wrapping as text": (
        "mixpanel", [{"_airbyte_data": json.dumps(MIXPANEL)}],
        "the fields lie under `_airbyte_data` (`_airbyte_data.event`, `_airbyte_data.properties.time`,"
        " `_airbyte_data.properties.distinct_id`): take that away from the columns' names, or in JSON with"
        " jq -c '._airbyte_data | fromjson' FILE",
    ),
    "PostHog's table in its web page": (
        "posthog", [{"*": POSTHOG, "team": 1}],
        "the fields lie under `*` (`*.event`, `*.timestamp`, `*.distinct_id`): take that away from the columns' names,"
        " or in JSON with jq -c '.[\"*\"]' FILE",
    ),
    "a search engine's page, each row inside a member": (
        "ga4", [{"took": 3, "hits": {"total": 1, "hits": [{"_id": "a", "_source": GA4}]}}],
        "the rows lie under `hits.hits`; there, the fields lie under `_source` (`_source.event_name`,"
        " `_source.event_timestamp`, `_source.user_pseudo_id`): take that away from the columns' names, or in JSON with"
        " jq -c '._source' FILE",
    ),
    # Renamed
    "upper case, as Snowflake writes": (
        "amplitude", [{"EVENT_TYPE": "Buy", "EVENT_TIME": "2025-10-09 08:53:21", "DEVICE_ID": "D1"}],
        "the fields have other names than source amplitude has: `EVENT_TYPE` is not `event_type`, `EVENT_TIME` is not"
        " `event_time`, `DEVICE_ID` is not `device_id`; rename them",
    ),
    "camel case": (
        "ga4", [{"eventName": "a", "eventTimestamp": 1_760_000_001_000_000, "userPseudoId": "x"}],
        "the fields have other names than source ga4 has: `eventName` is not `event_name`, `eventTimestamp` is not"
        " `event_timestamp`, `userPseudoId` is not `user_pseudo_id`; rename them",
    ),
    "mixpanel's properties beside the event": (
        "mixpanel", [{"event": "Buy", "time": 1_760_000_001, "distinct_id": "d"}],
        "the fields have other names than source mixpanel has: `time` is not `properties.time`, `distinct_id` is not"
        " `properties.distinct_id`; rename them",
    ),
    "some of them with a prefix": (
        "posthog", [{"event": "Buy", "*": {"distinct_id": "p", "timestamp": "2025-10-09T08:53:21Z"}}],
        "the fields lie under `*` (`*.timestamp`, `*.distinct_id`): take that away from the columns' names, or in JSON"
        " with jq -c '.[\"*\"]' FILE",
    ),
    # Another vendor's
    "mixpanel's rows": ("amplitude", [MIXPANEL] * 3, "the rows are not of source amplitude; they look like mixpanel"),
    "amplitude's rows": ("ga4", [AMPLITUDE], "the rows are not of source ga4; they look like amplitude"),
    "amplitude's rows by a mapping": ("generic", [AMPLITUDE],
                                      "the rows are not of source generic; they look like amplitude"),
    "live events": ("amplitude", [LIVE],
                    "the rows are events as SDKs send them live, not an export: POST them to /amplitude-ingest"),
    # No rows at all
    "an error answer": (
        "mixpanel", [{"error": "rate limited"}],
        "it looks like the vendor's error answer, not like rows (fields: `error`): ask for the file again",
    ),
    "an error answer with a status": (
        "amplitude", [{"code": 429, "message": "slow down"}],
        "it looks like the vendor's error answer, not like rows (fields: `code`, `message`): ask for the file again",
    ),
    "a web page read as CSV": (
        "amplitude", [{"<!DOCTYPE html>": "<html>"}],
        "it is a web page, most likely the vendor's error page: ask the vendor for the file again",
    ),
    "an empty object": ("posthog", [{}], "there is nothing but empty objects, `{}`"),
    "cells without names": (
        "ga4", [{"f": [{"v": "page_view"}, {"v": None}]}],
        "the rows are cells without names, as BigQuery's REST API answers: send what bq query --format=json prints, or"
        " an export of the table as JSON",
    ),
    # Mappings
    "a mapping that names no field": (
        "generic", [{"typ": "a", "when": {"at": 1}}],
        "the mapping names `type`, `at`, `who.uid`, `who.did`, which no row has; the fields found are `typ`, `when`,"
        " `when.at`",
    ),
    "a mapping in another case": (
        "generic", [{"Type": "a", "AT": OWN["at"], "who": OWN["who"]}],
        "the mapping names `type`, `at`, but the rows have `Type`, `AT`: change the mapping",
    ),
    "a mapping that stops above the fields": (
        "generic", [{"payload": OWN}],
        "the mapping names `type`, `at`, `who.uid`, `who.did`, but the rows have `payload.type`, `payload.at`,"
        " `payload.who.uid`, `payload.who.did`: change the mapping",
    ),
    "another unit": ("generic", [OWN | {"at": 1_760_000_001}],
                     "the times are no ms: they fit timestamp_unit `seconds`"),
    "rows of something else": (
        "amplitude", [{"a": 1, "b": 2}],
        "source amplitude needs `event_type`, `event_time`, `device_id`, `user_id`, which no row has; the fields found"
        " are `a`, `b`",
    ),
}  # fmt: skip


CELLS = CAUSES["cells without names"]
CAUSES["an answer with cells without names"] = ("ga4", [{"kind": "x", "rows": CELLS[1]}], CELLS[2])


@pytest.mark.parametrize(("source", "rows", "cause"), CAUSES.values(), ids=CAUSES)
def test_the_cause_is_named_with_what_to_do(source, rows, cause):
    assert guess(source, *rows) == cause


def test_a_mapping_with_a_typo_is_told_with_the_fields_there_are():
    cause = guess("generic", OWN, timestamp_field="att")
    assert cause.startswith("the mapping names `att`, which no row has; the fields found are `type`, `at`, `who`")


@pytest.mark.parametrize(
    "rows",
    [[], [Unreadable("not readable as JSON")] * 3, [1, None], [AMPLITUDE | {"event_time": "x"}], [[1]], ["x"]],
    ids=["none", "unreadable", "no objects", "a bad time", "an array of numbers", "text"],
)
def test_nothing_is_said_where_nothing_is_known(rows):
    assert guess("amplitude", *rows) is None


def test_hostile_rows_are_guessed_at_within_bounds():
    deep: dict = {}
    for _ in range(150):
        deep = {"results": deep, "x": [deep]}
    wide = {f"k{number}": number for number in range(100_000)}
    long = {"k" * 1_000_000: {"event": 1}}
    for row in (deep, wide, long, {"results": [wide] * 3}, {"a": '{"b":"' * 1000}):
        cause = guess("posthog", *[row] * 100)
        assert cause is None or len(cause) < 2500


def test_no_value_is_told():
    rows = [{"error": "SECRET", "a": {"b": "SECRET"}}, {"results": ["SECRET"]}, {"typ": "SECRET"}]
    for row in rows:
        for source in ("amplitude", "generic"):
            assert "SECRET" not in (guess(source, row) or "")
