"""Inputs after public bug reports, imported as their senders did (tests/data/reports)."""

import json
from pathlib import Path

import pytest

from tests.conftest import NOW_MS

REPORTS = Path(__file__).parents[1] / "data" / "reports"


@pytest.fixture
def imports(client, tenant):
    """Import a report's file; (imported, skipped, duplicates)."""

    def run(name: str, source: str, **query: str) -> tuple[int, int, int]:
        answer = client.post(
            "/import-events",
            data=(REPORTS / name).read_bytes(),
            headers=tenant.bearer,
            query_string={"source": source} | query,
            content_type="text/csv" if name.endswith(".csv") else None,
        )
        assert answer.status_code == 200, answer.json
        return tuple(answer.json[word] for word in ("imported", "skipped", "duplicates"))

    return run


def properties(row) -> dict:
    return json.loads(row["dims"]) | json.loads(row["measures"])


def test_posthog_properties_encoded_once_and_twice(imports, rows):
    assert imports("21-posthog-double-encoded.ndjson", "posthog") == (2, 0, 0)
    assert [properties(row) for row in rows()] == [{"os": "iOS", "plan": "pro", "price": 3}] * 2


def test_amplitude_bags_as_text(imports, rows):
    assert imports("22-amplitude-props-text.ndjson", "amplitude") == (1, 0, 0)
    assert properties(rows()[0]) == {
        "_source_event_name": "Buy", "plan": "pro", "price": 3, "user.tier": "gold",
    }  # fmt: skip


def test_a_time_that_went_through_a_double_column_is_the_same_event(imports, rows):
    assert imports("27-ga4-double-time.csv", "ga4") == (1, 0, 0)
    assert imports("27-ga4-int-time.ndjson", "ga4") == (0, 0, 1)
    assert rows()[0]["occurred_at"] == 1_760_000_001_123


@pytest.mark.parametrize("first", ["plain", "dollar"])
def test_an_insert_id_without_its_dollar_is_the_same_event(imports, first):
    second = {"plain": "dollar", "dollar": "plain"}[first]
    assert imports(f"30-insert-id-{first}.ndjson", "amplitude") == (1, 0, 0)
    assert imports(f"30-insert-id-{second}.ndjson", "amplitude") == (0, 0, 1)


def test_what_came_live_is_not_doubled_by_rows_whose_insert_id_lost_its_dollar(imports, client, tenant, rows):
    live = {"event_type": "Buy", "device_id": "D1", "insert_id": "k1", "time": NOW_MS}
    client.post("/batch", json={"api_key": tenant.publishable_key, "events": [live]})
    assert imports("30-insert-id-plain.ndjson", "amplitude") == (0, 0, 1)


def test_ga4_keeps_user_properties_and_ecommerce(imports, rows):
    assert imports("46-ga4-items.ndjson", "ga4") == (1, 0, 0)
    assert properties(rows()[0]) == {
        "page": "/x", "n": 7, "user.tier": "gold", "ecommerce.purchase_revenue": 7.0, "ecommerce.transaction_id": "t1",
    }  # fmt: skip


def test_mixpanel_seconds_of_a_project_that_wrote_its_own_time(imports, rows):
    assert imports("38-mixpanel-local-time.ndjson", "mixpanel", time_zone="America/Los_Angeles") == (1, 0, 0)
    assert rows()[0]["occurred_at"] == 1_655_308_800_000  # 2022-06-15T16:00:00Z, 09:00 there
    assert imports("38-mixpanel-local-time.ndjson", "mixpanel") == (0, 0, 1)


def test_null_markers_are_nobodys_id(imports, rows):
    assert imports("41-null-markers.csv", "amplitude") == (5, 0, 0)
    assert [row["external_id"] for row in rows()] == [None] * 5
    assert [row["install_id"] for row in rows()] == [f"d{number}" for number in range(5)]


NULLS = {
    "amplitude": ("event_type,event_time,device_id,user_id,$insert_id", "Buy,2025-10-09 08:53:2{n},d{n},{null},{null}"),
    "amplitude, without a dollar": (
        "event_type,event_time,client_event_time,device_id,user_id,insert_id",
        "Buy,{null},2025-10-09 08:53:2{n},d{n},{null},{null}",
    ),
    "mixpanel": (
        "event,properties.time,properties.distinct_id,properties.$user_id,properties.$insert_id",
        "Buy,176000000{n},d{n},{null},{null}",
    ),
    "posthog": ("event,timestamp,distinct_id,person_id,uuid", "Buy,2025-10-09T08:53:2{n}Z,d{n},{null},{null}"),
    "ga4": ("event_name,event_timestamp,user_pseudo_id,user_id", "Buy,176000000{n}000000,d{n},{null}"),
    "generic": ("type,at,did,uid,key", "Buy,176000000{n}000,d{n},{null},{null}"),
}
MAPPING = {
    "event_name_field": "type", "timestamp_field": "at", "timestamp_unit": "ms", "user_id_field": "uid",
    "anon_id_field": "did", "dedup_id_field": "key",
}  # fmt: skip


@pytest.mark.parametrize("case", NULLS)
def test_no_null_marker_makes_strangers_one_person_or_one_event(case, client, tenant, rows):
    header, line = NULLS[case]
    markers = ["\\N", "NULL", "null", "None", "nan", "", " NULL", "none ", " \\N "]
    table = "\n".join([header, *(line.format(n=n, null=null) for n, null in enumerate(markers))])
    source = case.partition(",")[0]
    query = {"source": source} | ({"mapping": json.dumps(MAPPING)} if source == "generic" else {})
    answer = client.post("/import-events", data=table, headers=tenant.bearer, query_string=query)
    assert (answer.json["imported"], answer.json["skipped"]) == (len(markers), 0)
    assert {row["external_id"] for row in rows()} == {None}
    assert [row["install_id"] for row in rows()] == [f"d{n}" for n in range(len(markers))]
    assert not {row["event_id"] for row in rows()} & set(markers)
