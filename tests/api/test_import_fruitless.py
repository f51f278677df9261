"""Nothing fails in silence: an upload that brings no event is 400, with counts, reasons and a guess (contract 5)."""

import gzip
import json

import pytest

from tests.fruitless import FRUITLESS

pytestmark = pytest.mark.both_stores

ROW = b'{"event_type":"a","event_time":"2026-06-01","device_id":"d","$insert_id":"%s"}\n'
CSV = b"event_type,event_time,device_id\nBuy,2025-10-09 08:53:04,D\n"


def send(client, tenant, data, headers=(), **query):
    return client.post(
        "/import-events", data=data, headers={**tenant.bearer, **dict(headers)}, query_string=query
    )


@pytest.mark.parametrize("name", FRUITLESS)
def test_a_file_without_an_event_is_400_and_says_why(name, client, tenant, rows):
    file = FRUITLESS[name]
    query = {"source": file.source} | ({"mapping": json.dumps(file.mapping)} if file.mapping else {})
    answer = send(client, tenant, file.data, **query)
    assert (answer.status_code, answer.json["code"]) == (400, 400)
    assert [word for word in file.words if word not in answer.json["error"]] == [], answer.json["error"]
    assert (answer.json["imported"], answer.json["duplicates"], answer.json["skipped"]) == (0, 0, file.skipped)
    assert len(answer.json["errors"]) == min(file.skipped, 10)
    assert rows() == []


def test_one_event_among_bad_rows_or_one_repeat_is_200(client, tenant):
    data = b"broken\n" * 20 + ROW % b"i1"
    assert send(client, tenant, data, source="amplitude").status_code == 200
    assert send(client, tenant, data, source="amplitude").status_code == 200


@pytest.mark.parametrize("data", [b"", ROW % b"i", CSV, gzip.compress(ROW % b"i")])
@pytest.mark.parametrize("query", [{"source": "amplitude"}, {}])
def test_a_form_upload_is_400_that_names_the_way_that_works(query, data, client, tenant, rows):
    form = b'--xyz\r\nContent-Disposition: form-data; name="file"; filename="a"\r\n\r\n' + data + b"\r\n--xyz--\r\n"
    answer = send(client, tenant, form, {"Content-Type": "multipart/form-data; boundary=xyz"}, **query)
    assert (answer.status_code, "curl -T FILE" in answer.json["error"]) == (400, True)
    assert rows() == []


def test_a_file_whose_line_ends_curl_took_out_is_400_that_names_the_way_that_works(client, tenant):
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    answer = send(client, tenant, CSV.replace(b"\n", b""), form, source="amplitude")
    assert (answer.status_code, "curl -T FILE" in answer.json["error"]) == (400, True)


@pytest.mark.parametrize(
    ("query", "word"),
    [
        ({"source": "amplitude", "app_pakage": "x"}, "app_pakage"),
        ({"sorce": "amplitude"}, "sorce"),
        ({"app_package": "com.x"}, "app_package"),  # of a batch it stands in the body
        ({"source": ["amplitude", "ga4"]}, "source comes twice"),
        ({"source": "amplitude", "time_zone": "PST8"}, "IANA"),
        ({"source": "amplitude", "time_zone": "America"}, "IANA"),
        ({"source": "amplitude", "time_zone": "../etc/passwd"}, "IANA"),
        ({"source": "amplitude", "time_zone": "\0"}, "IANA"),
        ({"source": "amplitude", "time_zone": ""}, "IANA"),
    ],
)
def test_a_parameter_that_would_do_nothing_is_refused(query, word, client, tenant, rows):
    answer = client.post("/import-events", data=ROW % b"i", headers=tenant.bearer, query_string=query)
    assert (answer.status_code, word in answer.json["error"]) == (400, True)
    assert rows() == []


@pytest.mark.parametrize("as_batch", [True, False])
def test_a_time_zone_is_that_of_times_which_name_none(as_batch, client, tenant, rows):
    row = {"event": "a", "properties": {"time": 1655283600, "distinct_id": "d", "$insert_id": "i"}}
    zone = {"time_zone": "America/Los_Angeles"}
    if as_batch:
        answer = send(client, tenant, json.dumps({"source": "mixpanel", "events": [row]}), **zone)
    else:
        answer = send(client, tenant, json.dumps(row), source="mixpanel", **zone)
    assert answer.json["imported"] == 1
    assert rows()[0]["occurred_at"] == 1655283600_000 + 7 * 3_600_000


@pytest.mark.parametrize("as_batch", [True, False])
def test_bags_that_cannot_be_read_are_noted(as_batch, client, tenant):
    sent = [
        {"event_type": "a", "event_time": "2026-06-01", "device_id": "d", "$insert_id": str(n), "event_properties": bag}
        for n, bag in enumerate(["{'a': 1}", "{", {"ok": 1}])
    ]  # fmt: skip
    if as_batch:
        answer = send(client, tenant, json.dumps({"source": "amplitude", "events": sent}))
    else:
        answer = send(client, tenant, json.dumps(sent), source="amplitude")
    assert answer.json["imported"] == 3
    assert answer.json["notes"] == [{"rows": 2, "note": "event_properties is no JSON object"}]


def test_what_became_of_the_rows_is_in_the_ledger(client, tenant, store, clock):
    sent = [{"event_type": "a", "device_id": "d", "event_time": "1990-01-01"}, {}, {
        "event_type": "a", "device_id": "d", "event_time": "2026-06-01", "event_properties": {"email": "x"},
    }]  # fmt: skip
    send(client, tenant, json.dumps({"source": "amplitude", "events": sent}))
    send(client, tenant, b"\n".join(json.dumps(row).encode() for row in sent) + b"\nbroken\n", source="amplitude")
    today = clock.now_ms // 86_400_000
    days = [day for day in store.ledger(tenant.project.id, today - 1, 10**6) if day.door == "importer"]
    sums = {key: sum(day.counts[key] for day in days) for key in days[0].counts}
    assert {key: value for key, value in sums.items() if value} == {
        "received": 7, "stored": 1, "duplicates": 1, "dropped_unreadable": 1, "dropped_no_name": 2,
        "dropped_bad_time": 2, "changed_keys_sensitive": 2,
    }  # fmt: skip
