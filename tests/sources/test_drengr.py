"""Rows of Drengr's own export: contract 9."""

import json

import pytest

from drengr.admin.exports import WholeEvent, ndjson_lines
from drengr.events.event import Context, Event
from drengr.events.jsontext import read_json
from drengr.events.properties import SensitiveKeys
from drengr.sources import STORED_SOURCES, read_batch
from drengr.sources.guess import guess_cause
from tests.admin import USER, event
from tests.conftest import NOW_MS

CONTEXT = Context("drengr", NOW_MS, SensitiveKeys())


def row_of(stored: Event) -> dict:
    fields = {name: value for name, value in stored._asdict().items() if name != "changed"}
    return read_json(ndjson_lines("p", [WholeEvent(id=1, **fields)]))


EVENTS = [
    event(),
    event(event_id=USER, session_id=17, app_package="com.example", source="ga4"),
    event(session_id="17", external_id=None, dims="{}", measures="{}"),
    event(install_id=None, event_name="Größe =1+1", received_at=1),
    event(source="admin", occurred_at=-62_135_596_800_000, properties="{}"),
    event(source="admin", properties='{"n":123456789012345678901234567,"m":-9223372036854775808,"f":1.0,"e":1e+300}'),
    event(source="admin", properties='{"a":{"b":[1,"2",null,true,{"token":"x"}]},"text":"12345678901234567890123"}'),
    event(dims='{"b":"2","a":"1","user.email_like":"kept"}', measures='{"z":-0.0,"y":9223372036854775807,"x":0.1}'),
]


@pytest.mark.parametrize("stored", EVENTS)
def test_a_row_is_the_event_that_it_was(stored):
    mapped = read_batch([row_of(stored)], CONTEXT)
    assert (mapped.events, mapped.skipped) == ([stored], [])


@pytest.mark.parametrize(
    ("over", "code"),
    [
        ({"event_name": ""}, "no_name"),
        ({"event_name": None}, "no_name"),
        ({"install_id": None, "external_id": None}, "no_id"),
        ({"install_id": 5}, "unreadable"),
        ({"event_id": ""}, "unreadable"),
        ({"event_id": "x" * 256}, "unreadable"),
        ({"source": "Amplitude"}, "unreadable"),
        ({"session_id": 1.5}, "unreadable"),
        ({"session_id": True}, "unreadable"),
        ({"occurred_at": "2026-11-20T16:00:00Z"}, "unreadable"),
        ({"received_at": None}, "unreadable"),
        ({"received_at": 10**17}, "unreadable"),
        ({"dims": {"a": 1}}, "unreadable"),
        ({"dims": "{}"}, "unreadable"),
        ({"measures": {"a": "1"}}, "unreadable"),
        ({"measures": {"a": True}}, "unreadable"),
        ({"properties": []}, "unreadable"),
    ],
)
def test_a_row_that_no_export_has_is_skipped_with_a_reason(over, code):
    mapped = read_batch([row_of(event()) | over, row_of(event())], CONTEXT)
    assert ([row.code for row in mapped.skipped], len(mapped.events)) == ([code], 1)
    assert mapped.skipped[0].reason


@pytest.mark.parametrize("column", sorted(set(row_of(event())) - {"id", "project"}))
def test_every_column_must_be_there(column):
    row = row_of(event())
    del row[column]
    assert read_batch([row], CONTEXT).events == []


def test_the_sources_of_stored_events_are_those_of_the_contract():
    assert STORED_SOURCES == ("amplitude_http", "amplitude", "mixpanel", "posthog", "ga4", "generic", "admin")


def test_whoever_names_another_source_is_told_of_the_command():
    rows = [json.loads(json.dumps(row_of(event())))] * 3
    cause = guess_cause(rows, Context("amplitude", NOW_MS, SensitiveKeys()))
    assert cause is not None and cause.endswith("import them with the command, drengr import --source drengr")


def test_whoever_names_this_one_for_another_s_rows_is_told_what_they_look_like():
    rows = [{"event_type": "e", "user_id": "u", "event_time": "2026-06-01 00:00:00"}]
    assert guess_cause(rows, CONTEXT) == "the rows are not of source drengr; they look like amplitude"
