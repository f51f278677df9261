"""Any row of any source is an event or a reason, never a fault; what an event lost is told (contract 3)."""

import json
import pickle

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.events.event import Context, Unreadable
from drengr.events.jsontext import read_json
from drengr.events.properties import CHANGES, SensitiveKeys
from drengr.sources import READERS, SOURCES, read_batch
from drengr.sources.guess import guess_cause
from tests.conftest import NOW_MS

SOME = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
MAPPING = {
    "event_name_field": "event", "timestamp_field": "time", "timestamp_unit": "seconds", "user_id_field": "user.id",
    "anon_id_field": "distinct_id", "props_field": "properties",
}  # fmt: skip
FIELDS = [
    "event", "event_type", "event_name", "time", "event_time", "timestamp", "event_timestamp", "distinct_id",
    "device_id", "user_id", "user_pseudo_id", "$insert_id", "insert_id", "uuid", "session_id", "properties",
    "event_properties", "user_properties", "event_params", "ecommerce", "device", "app_info", "user", "revenue",
    "*", "_airbyte_data", "results", "EVENT_TYPE",
]  # fmt: skip

texts = st.text(st.characters(), max_size=20)
times = st.sampled_from(
    ["2025-10-09 08:53:21", "2025-10-09", 1_760_000_001, 1_760_000_001_000, 1_760_000_001_000_000, 1.76e15, "1.76E15"]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | times
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(texts | st.sampled_from([*FIELDS, "email", "key", "value", "int_value"]), inner, max_size=6)
    | inner.map(json.dumps)
    | inner.map(json.dumps).map(json.dumps),
    max_leaves=15,
)
dictionaries = st.dictionaries(st.sampled_from(FIELDS), values, max_size=12)
likely = st.builds(
    lambda row, ids: row | ids,
    dictionaries,
    st.fixed_dictionaries(
        {
            "event": texts, "event_type": texts, "event_name": texts, "device_id": texts, "distinct_id": texts,
            "user_pseudo_id": texts, "event_time": times, "timestamp": times, "event_timestamp": times, "time": times,
        }
    ),
)  # fmt: skip
rows = st.lists(dictionaries | likely | values | st.just(Unreadable("not readable")), max_size=5)


def as_read(row: object) -> object:
    """The row as a file's reader gives it: clean text, exact integers."""
    return row if isinstance(row, Unreadable) else read_json(json.dumps(row).encode())


@SOME
@given(sent=rows)
@pytest.mark.parametrize("source", READERS)
def test_any_row_is_an_event_or_a_reason(source, sent):
    sent = [as_read(row) for row in sent]
    before = pickle.dumps(sent)
    context = Context(
        source, NOW_MS, SensitiveKeys(), mapping=MAPPING, keep_fields=("revenue", "user"), names_dropped_keys=True,
        live=source == "amplitude_http",
    )  # fmt: skip
    mapped = read_batch(sent, context)
    assert len(mapped.events) + len(mapped.skipped) == len(sent)
    assert pickle.loads(pickle.dumps(mapped)) == mapped
    assert pickle.dumps(sent) == before  # the rows stay as they were
    assert all(0 <= event.changed < 2 * max(CHANGES.values()) for event in mapped.events)
    for event in mapped.events:
        dims, measures = orjson.loads(event.dims), orjson.loads(event.measures)
        assert len(dims) <= 40 and len(measures) <= 20
        assert all(isinstance(text, str) and len(text) <= 256 for text in dims.values())
        assert all(type(number) in (int, float) for number in measures.values())
        assert not any(word in key.lower() for key in measures for word in ("email", "name"))
        event.event_id.encode()
    if not mapped.events and source in SOURCES:
        cause = guess_cause(sent, context)
        assert cause is None or cause.encode()
