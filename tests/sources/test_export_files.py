"""Every export file of tests/data, with the counts that a careful reading of its README and its rows predicts.

Recorded files were read row by row; in the dirty ones (six of ten rows spoilt) every skipped row is named.
"""

import json
from collections import Counter

import pytest

from drengr.events.event import Context
from drengr.events.jsontext import read_json
from drengr.events.properties import SensitiveKeys
from drengr.sources import SOURCES, read_batch
from tests.conftest import NOW_MS, shared_data

DOCS_MAPPING = {
    "event_name_field": "type",
    "timestamp_field": "occurred_ms",
    "timestamp_unit": "ms",
    "user_id_field": "uid",
    "anon_id_field": "device_id",
    "dedup_id_field": "id",
    "props_field": "data.attrs",
}

# file: (imported, skipped, duplicates)  # why anything but imported
FILES = {
    "amplitude/fixture_mixpanel_utils.ndjson": (1, 0, 0),
    "amplitude/real_airbyte_google_ads.ndjson": (2, 0, 0),
    "amplitude/real_browser_sdk.ndjson": (1, 0, 0),  # no $insert_id: derived
    "amplitude/real_fivetran_seed.csv": (9, 0, 1),  # $insert_id renamed, so derived; john_doe's aaa… stands there twice
    "amplitude/real_segment_source.ndjson": (1, 0, 0),
    "amplitude/synthetic_export_api.ndjson": (300, 0, 0),
    "amplitude/synthetic_dirty.ndjson": (45, 25, 0),
    "mixpanel/real_go_sdk.ndjson": (0, 2, 0),  # no distinct_id
    "mixpanel/real_fivetran_seed.csv": (0, 5, 0),  # `event` was renamed `name`: no event name
    "mixpanel/fixture_ak47_internal_props.ndjson": (20, 0, 0),
    "mixpanel/fixture_mixpanel_utils.ndjson": (0, 3, 0),  # no distinct_id
    "mixpanel/fixture_mixpanel_utils_batch1.json": (0, 2, 0),  # no distinct_id
    "mixpanel/fixture_mixpanel_utils_batch2.json": (0, 1, 0),  # no distinct_id
    "mixpanel/synthetic_raw_export.ndjson": (597, 0, 3),  # three $insert_ids stand there twice
    "mixpanel/synthetic_dirty.ndjson": (49, 21, 0),
    "posthog/real_capture_stored.ndjson": (76, 0, 4),  # four uuids stand there twice
    "posthog/real_events_api_airbyte_cut.ndjson": (1, 0, 0),  # `id` instead of `uuid`
    "posthog/synthetic_batch_export.jsonl": (393, 0, 7),  # four uuids stand there 11 times
    "posthog/synthetic_dirty.ndjson": (49, 21, 0),
    "ga4/real_sample_ecommerce_int64_as_strings.ndjson": (155, 0, 0),
    "ga4/real_sample_ecommerce_ints.ndjson": (305, 0, 0),
    "ga4/real_sample_ecommerce_pandas_dump.json.txt": (6, 0, 0),  # NaN is read, the Python text in event_params is not
    "ga4/real_velir_web.ndjson": (1, 0, 0),
    "ga4/synthetic_bigquery.ndjson": (157, 0, 3),  # three rows repeat user, name and time of another
    "ga4/synthetic_dirty.ndjson": (49, 21, 0),
    "generic/real_aws_event_v2_session.ndjson": (10, 0, 0),
    "generic/real_sensors_android.ndjson": (4, 2, 3),  # two rows have no event; no dedup id: 4 views, one moment
    "generic/sim_aws_clickstream.ndjson": (500, 0, 0),
    "generic/synthetic_dirty.ndjson": (52, 18, 0),
}

NAME, ID, TIME = "missing event name", "missing user or device id", "missing timestamp"
RANGE, UNREADABLE, OBJECT = "timestamp out of range", "unreadable timestamp", "not an object"

SKIPPED = {
    "amplitude": {
        NAME: [3, 18, 21, 59, 61, 62, 67],
        ID: [9, 28, 47, 57, 65],
        TIME: [14, 19, 25, 48],
        RANGE: [12, 27, 31, 33],  # event_time in 2999; client_event_time is only for one that cannot be read
        OBJECT: [22, 49, 54, 55, 69],
    },
    "mixpanel": {
        NAME: [50, 62],
        ID: [43, 44, 61],
        TIME: [18, 24, 32, 57],
        RANGE: [1, 11, 49, 59],
        UNREADABLE: [7, 12, 13],
        OBJECT: [27, 30, 38, 60, 63],
    },
    "posthog": {
        NAME: [4, 34, 45, 57],
        ID: [22],
        TIME: [5, 9, 39, 63, 67],
        RANGE: [7, 12, 15, 20, 42, 64],
        UNREADABLE: [44, 48],
        OBJECT: [8, 30, 53],
    },
    "ga4": {
        NAME: [20, 25, 38, 63, 66],
        ID: [5, 14, 46, 59],
        TIME: [64],
        RANGE: [52, 57],
        UNREADABLE: [6, 16, 50],
        OBJECT: [24, 30, 37, 45, 48, 62],
    },
    "generic": {
        NAME: [23, 36, 42, 58],
        ID: [30, 43, 49, 59, 66],
        TIME: [22, 57],
        RANGE: [6, 37, 51],
        UNREADABLE: [34, 68],
        OBJECT: [18, 32],
    },
}


def mapping_of(name: str) -> dict:
    path = shared_data("exports", name.replace(".ndjson", ".mapping.json"))
    return json.loads(path.read_text()) if path.exists() else DOCS_MAPPING


def query_of(name: str) -> dict[str, str]:
    source = name.partition("/")[0]
    return {"source": source} | ({"mapping": json.dumps(mapping_of(name))} if source == "generic" else {})


def stored(answer) -> int:
    return answer.json["imported"] + answer.json["duplicates"]


def counts(answer) -> tuple[int, int, int]:
    whole_file = "files" in answer.json  # of which no row is an event: contract 5, nothing fails in silence
    assert answer.status_code == (400 if whole_file and not stored(answer) else 200), answer.json
    return answer.json["imported"], answer.json["skipped"], answer.json["duplicates"]


def test_the_table_names_every_file():
    root = shared_data("exports")
    found = {
        str(path.relative_to(root))
        for path in root.glob("*/*")
        if path.parent.name in SOURCES and not path.name.endswith(".mapping.json")
    }
    assert found == set(FILES)


@pytest.mark.parametrize("name", FILES)
def test_a_file_imports_with_the_predicted_counts_and_a_second_time_as_repeats(name, client, tenant, rows):
    sent = shared_data("exports", name).read_bytes()
    imported, skipped, duplicates = FILES[name]
    ways = {"query_string": query_of(name), "data": sent, "headers": tenant.bearer}
    assert counts(client.post("/import-events", **ways)) == (imported, skipped, duplicates)
    assert counts(client.post("/import-events", **ways)) == (0, skipped, duplicates + imported)
    assert len(rows()) == imported


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith(("json", "jsonl"))])
def test_the_same_rows_in_batches_of_a_hundred_give_the_same_counts(name, client, tenant):
    text = shared_data("exports", name).read_bytes()
    sent = read_json(text) if text[:1] == b"[" else [read_json(line) for line in text.splitlines() if line.strip()]
    total = Counter()
    for start in range(0, len(sent), 100):
        query = query_of(name)
        body = {"source": query["source"], "events": sent[start : start + 100]}
        if "mapping" in query:
            body["mapping"] = json.loads(query["mapping"])
        answer = client.post("/import-events", json=body, headers=tenant.bearer)
        total.update(dict(zip("isd", counts(answer), strict=True)))
    assert (total["i"], total["s"], total["d"]) == FILES[name]


@pytest.mark.parametrize("source", SKIPPED)
def test_each_skipped_row_of_a_dirty_file_has_its_reason(source):
    lines = shared_data("exports", source, "synthetic_dirty.ndjson").read_bytes().splitlines()
    mapping = DOCS_MAPPING if source == "generic" else {}
    context = Context(source, NOW_MS, SensitiveKeys(), mapping=mapping)
    skipped = read_batch([read_json(line) for line in lines], context).skipped
    found: dict[str, list[int]] = {}
    for position, _, reason, _ in skipped:
        found.setdefault(reason.partition(" for event ")[0], []).append(position)
    assert found == SKIPPED[source]


GA4_KEY = ("user_pseudo_id", "event_name", "event_timestamp")


@pytest.mark.parametrize(
    ("name", "key_of"),
    [
        ("mixpanel/synthetic_raw_export.ndjson", lambda row: row["properties"]["$insert_id"]),
        ("posthog/real_capture_stored.ndjson", lambda row: row["uuid"]),
        ("posthog/synthetic_batch_export.jsonl", lambda row: row["uuid"]),
        ("ga4/synthetic_bigquery.ndjson", lambda row: [row[key] for key in GA4_KEY]),
        ("generic/sim_aws_clickstream.ndjson", lambda row: row["event_id"]),
    ],
)
def test_the_predicted_repeats_are_those_that_counting_the_ids_finds(name, key_of):
    keys = [json.dumps(key_of(json.loads(line))) for line in shared_data("exports", name).read_text().splitlines()]
    assert len(keys) - len(set(keys)) == FILES[name][2]
