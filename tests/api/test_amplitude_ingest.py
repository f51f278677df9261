"""POST /amplitude-ingest and its aliases: contract 4, what is answered and what is stored."""

import json
from hashlib import sha256

import pytest

from drengr.events.event import Context
from drengr.events.properties import SensitiveKeys
from drengr.sources import read_batch
from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

PATHS = [
    "/amplitude-ingest", "/amplitude-ingest/2/httpapi", "/amplitude-ingest/batch", "/amplitude-ingest/httpapi",
    "/2/httpapi", "/batch", "/httpapi",
]  # fmt: skip
BOTH_WAYS = [path + end for path in PATHS for end in ("", "/")]
CORS = "Access-Control-Allow-Origin"


# --- paths, CORS, preflight ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", BOTH_WAYS)
def test_every_path_answers_directly_with_or_without_a_slash(client, tenant, rows, path):
    answer = client.post(path, json=envelope(tenant.publishable_key, amplitude_event(insert_id="a")))
    assert (answer.status_code, answer.json["code"], "Location" in answer.headers) == (200, 200, False)
    assert answer.headers[CORS] == "*"
    assert [row["event_id"] for row in rows()] == ["a"]


@pytest.mark.parametrize("path", BOTH_WAYS)
def test_options_needs_no_key_and_may_be_cached(door, path):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    headers = "baggage,content-encoding,content-type,sentry-trace"
    answer = door.client.options(path, headers=asked | {"Access-Control-Request-Headers": headers})
    allowed = {word.strip().lower() for word in answer.headers["Access-Control-Allow-Headers"].split(",")}
    assert answer.status_code == 204 and answer.headers[CORS] == "*"
    assert allowed == {"content-type", "content-encoding", "cross-origin-resource-policy", "*"}
    assert "POST" in answer.headers["Access-Control-Allow-Methods"]
    assert int(answer.headers["Access-Control-Max-Age"]) > 0


@pytest.mark.parametrize("path", BOTH_WAYS)
def test_another_method_is_a_405_in_json_with_cors(door, path):
    for method in ("GET", "PUT", "DELETE", "PATCH", "HEAD"):
        answer = door.client.open(path, method=method)
        assert (answer.status_code, answer.headers[CORS]) == (405, "*")
        assert set(answer.headers["Allow"].replace(" ", "").split(",")) == {"POST", "OPTIONS"}
        assert answer.data in (b"", b'{"code":405,"error":"method not allowed"}')


@pytest.mark.parametrize("path", [path + "/nothing" for path in PATHS] + ["/amplitude-ingest//", "/batch//"])
def test_a_path_below_is_a_404_in_json_with_cors(door, path):
    for method in ("POST", "GET", "OPTIONS"):
        answer = door.client.open(path, method=method)
        assert (answer.status_code, answer.headers[CORS]) == (404, "*")
        assert answer.json == {"code": 404, "error": "not found"}


@pytest.mark.parametrize("path", ["/", "/x", "/amplitude-ingestion", "//batch", "/2", "/batchx", "/Batch", "/é"])
def test_a_path_that_is_no_door_is_a_404(door, path):
    answer = door.client.post(path, json={})
    assert (answer.status_code, answer.json) == (404, {"code": 404, "error": "not found"})


# --- the body, whatever it is called ---------------------------------------------------------------------------------

TYPES = [
    "application/json",
    "application/json; charset=UTF-8",
    "text/plain;charset=UTF-8",
    "application/x-www-form-urlencoded",
    "application/octet-stream",
    "multipart/form-data; boundary=x",
    "nonsense",
    None,
]


@pytest.mark.parametrize("content_type", TYPES)
def test_the_body_is_json_whatever_the_content_type_says(client, tenant, rows, content_type):
    body = json.dumps(envelope(tenant.publishable_key, amplitude_event(insert_id="a")))
    answer = client.post("/batch", data=body, content_type=content_type)
    assert (answer.status_code, answer.json["events_ingested"]) == (200, 1)
    assert len(rows()) == 1


def test_the_answer_has_exactly_the_contracts_members(client, tenant, clock):
    body = json.dumps(envelope(tenant.publishable_key, amplitude_event()), ensure_ascii=False).encode() + b" \n"
    answer = client.post("/batch", data=body)
    assert answer.mimetype == "application/json"
    assert answer.json == {
        "code": 200,
        "events_ingested": 1,
        "payload_size_bytes": len(body),
        "server_upload_time": clock.now_ms,
    }


def test_an_empty_batch_is_a_200_too(client, tenant, rows):
    answer = client.post("/batch", json=envelope(tenant.publishable_key))
    assert (answer.status_code, answer.json["events_ingested"], rows()) == (200, 0, [])


def test_unknown_members_are_ignored(door):
    over = {"options": {"min_id_length": 1}, "client_upload_time": "2026", "request_metadata": None, "x": [1]}
    assert door.client.post("/batch", json=envelope(door.publishable_key, amplitude_event(), **over)).status_code == 200


# --- 400 -------------------------------------------------------------------------------------------------------------

BAD_KEY = {"code": 400, "error": "invalid api_key", "missing_field": "api_key"}
BAD_EVENTS = {"code": 400, "error": "missing or invalid events array", "missing_field": "events"}


@pytest.mark.parametrize(
    "key",
    [
        "drengr_pk_unknown", "drengr_pk_", "", " ", "drengr_sk_x", "x" * 100_000, "drengr_pk_\ud800", "drengr_pk_\0",
        None, 5, 10**30, 1.5, True, [], {}, ["drengr_pk_x"],
    ],
    ids=lambda key: ascii(key)[:30],
)  # fmt: skip
def test_an_unknown_key_or_one_that_is_no_text_is_the_same_400(door, key):
    body = json.dumps(envelope(key, amplitude_event()))
    assert (door.client.post("/batch", data=body).status_code, door.client.post("/batch", data=body).json) == (
        400,
        BAD_KEY,
    )


def test_a_missing_a_secret_and_a_revoked_key_are_alike(client, tenant, store):
    assert client.post("/batch", json={"events": []}).json == BAD_KEY
    assert client.post("/batch", json=envelope(tenant.secret_key)).json == BAD_KEY
    assert client.post("/batch", json=envelope(tenant.publishable_key)).status_code == 200
    assert store.revoke_key(tenant.publishable_key)
    assert client.post("/batch", json=envelope(tenant.publishable_key)).json == BAD_KEY


def test_a_key_differs_in_case_and_blanks(door):
    for key in (door.publishable_key.upper(), " " + door.publishable_key, door.publishable_key + " "):
        assert door.client.post("/batch", json=envelope(key)).json == BAD_KEY


@pytest.mark.parametrize(
    "body", [b"", b" ", b"hello", b"{", b"[]", b"null", b"5", b'"x"', b"{'a':1}", b"\xff{", b"a=b"]
)
def test_no_json_and_no_object_is_a_400(door, body):
    answer = door.client.post("/batch", data=body)
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)


@pytest.mark.parametrize("events", [None, {}, "[]", 5, True, {"0": {}}], ids=repr)
def test_events_that_are_no_array_are_a_400(door, events):
    answer = door.client.post("/batch", json={"api_key": door.publishable_key, "events": events})
    assert (answer.status_code, answer.json) == (400, BAD_EVENTS)


def test_events_that_are_missing_are_a_400(door):
    assert door.client.post("/batch", json={"api_key": door.publishable_key}).json == BAD_EVENTS


# --- per event -------------------------------------------------------------------------------------------------------


def test_the_mapping_of_a_whole_event(client, tenant, rows):
    event = amplitude_event(
        event_type="Order Completed", os_name="iOS", os_version="17.4", device_model="iPhone15,2", device_family="x",
        app_version="3.1", insert_id="a", session_id=17, event_properties={"plan": "pro", "revenue": 42.5},
        user_properties={"$set": {"tier": "gold"}}, groups={"org": "x"}, ip="$remote", country="NO", event_id=3,
        price=9, revenue=8, library="amplitude-js", platform="Web",
    )  # fmt: skip
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert rows() == [
        {
            "id": 1,
            "project": tenant.project_id,
            "event_id": "a",
            "event_name": "order_completed",
            "source": "amplitude_http",
            "app_package": None,
            "install_id": event["device_id"],
            "external_id": "user_1",
            "session_id": 17,
            "occurred_at": NOW_MS - 60_000,
            "received_at": NOW_MS,
            "dims": '{"os":"iOS 17.4","device_model":"iPhone15,2","app_version":"3.1",'
            '"_source_event_name":"Order Completed","plan":"pro","user.$set.tier":"gold"}',
            "measures": '{"revenue":42.5,"price":9}',
            "properties": None,
        }
    ]


def test_money_beside_the_properties_is_kept(client, tenant, rows):
    """As the Python and Node SDKs send it."""
    bag = {"plan": "pro", "items": 2}
    event = amplitude_event(event_properties=bag, price=3.5, quantity=2, revenue=7, productId="p")
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert json.loads(rows()[0]["measures"]) == {"revenue": 7, "price": 3.5, "quantity": 2, "items": 2}
    assert "productId" not in json.loads(rows()[0]["dims"])


KEPT = {
    "numbers become measures, others dims": (
        {"revenue": 7, "platform": "Web", "price": "3.5"}, {"platform": "Web", "price": "3.5"}, {"revenue": 7},
    ),
    "null and what is not there are left out": ({"revenue": None, "platform": None}, {}, {}),
    "a property of the same name comes first": (
        {"platform": "Web", "event_properties": {"platform": "own"}, "revenue": 1, "user_properties": {"revenue": 2}},
        {"platform": "own"}, {"revenue": 1, "user.revenue": 2},
    ),
    "an object is opened one level": ({"plan": {"branch": "main", "version": 2}}, {"plan.branch": "main"},
                                      {"plan.version": 2}),
    "a sensitive key is dropped": ({"device_name": "Ann's phone"}, {}, {}),
    "what is not named is ignored": ({"country": "Norway", "events": 5}, {}, {}),
}  # fmt: skip


@pytest.mark.parametrize(("over", "dims", "measures"), KEPT.values(), ids=KEPT)
def test_the_fields_of_the_setting_are_kept_after_the_properties(over, dims, measures):
    row = {"event_type": "a", "device_id": "d", "time": NOW_MS} | over
    fields = ("revenue", "price", "quantity", "platform", "plan", "device_name")
    context = Context("amplitude_http", NOW_MS, SensitiveKeys(), live=True, keep_fields=fields)
    (event,) = read_batch([row], context).events
    assert (json.loads(event.dims), json.loads(event.measures)) == (dims, measures)


@pytest.mark.parametrize(
    ("over", "dims"),
    [
        ({"os_name": "Android"}, {"os": "Android"}),
        ({"os_version": 14}, {"os": "14"}),
        ({"os_name": "  ", "os_version": ""}, {}),
        ({"device_family": "Pixel"}, {"device_model": "Pixel"}),
        ({"device_model": "", "device_family": "Pixel"}, {"device_model": "Pixel"}),
        ({"device_model": None, "device_family": None}, {}),
        ({"app_version": "1.2"}, {"app_version": "1.2"}),
        ({"app_version": 1.2}, {"app_version": "1.2"}),
        ({"version_name": "1.2"}, {}),
        ({"os_name": ["x"], "device_model": {"a": 1}, "app_version": True}, {}),
    ],
    ids=repr,
)
def test_a_device_fills_the_system_dims(client, tenant, rows, over, dims):
    event = amplitude_event(event_type="tick", event_properties=..., **over)
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert json.loads(rows()[0]["dims"]) == dims


SKIPPED = [
    {"event_type": ...}, {"event_type": None}, {"event_type": ""}, {"event_type": " "}, {"event_type": 5},
    {"event_type": 10**30}, {"event_type": ["a"]}, {"event_type": {"a": 1}}, {"event_type": True},
    {"device_id": ..., "user_id": ...}, {"device_id": None, "user_id": None}, {"device_id": "", "user_id": " "},
    {"device_id": 1.5, "user_id": True}, {"device_id": [], "user_id": {}},
]  # fmt: skip


@pytest.mark.parametrize("over", SKIPPED, ids=repr)
def test_an_event_without_type_or_ids_is_skipped_and_its_neighbours_are_stored(client, tenant, rows, over):
    batch = [amplitude_event(insert_id="before"), amplitude_event(**over), amplitude_event(insert_id="after")]
    answer = client.post("/batch", data=json.dumps(envelope(tenant.publishable_key, *batch)))
    assert (answer.status_code, answer.json["events_ingested"]) == (200, 2)
    assert [row["event_id"] for row in rows()] == ["before", "after"]


@pytest.mark.parametrize("row", [None, 5, "text", [], True, {}, [amplitude_event()]], ids=lambda row: repr(row)[:20])
def test_a_row_that_is_no_event_is_skipped(client, tenant, rows, row):
    answer = client.post("/batch", json=envelope(tenant.publishable_key, row, amplitude_event(insert_id="good")))
    assert answer.json["events_ingested"] == 1
    assert [row["event_id"] for row in rows()] == ["good"]


def test_repeats_within_a_request_and_across_requests_are_counted_but_not_stored(client, tenant, rows):
    first, other = amplitude_event(insert_id="a", event_type="first"), amplitude_event(insert_id="b")
    again = amplitude_event(insert_id="a", event_type="second")
    key = tenant.publishable_key
    assert client.post("/batch", json=envelope(key, first, again, other)).json["events_ingested"] == 3
    assert client.post("/batch", json=envelope(key, again)).json["events_ingested"] == 1
    assert [(row["event_id"], row["event_name"]) for row in rows()] == [("a", "first"), ("b", "order_completed")]


def test_the_same_id_in_two_projects_is_two_events(client, tenant, make_tenant, rows):
    event = amplitude_event(insert_id="a")
    for key in (tenant.publishable_key, make_tenant("other").publishable_key):
        client.post("/batch", json=envelope(key, event))
    assert len({row["project"] for row in rows()}) == 2


def test_an_event_without_insert_id_is_known_by_the_documents_formula(client, tenant, rows):
    event = amplitude_event(insert_id=..., time=NOW_MS - 5)
    for _ in range(2):
        client.post("/batch", json=envelope(tenant.publishable_key, event))
    expected = sha256(f"{event['device_id']}Order Completed{NOW_MS - 5}".encode()).hexdigest()
    assert [row["event_id"] for row in rows()] == [expected]


@pytest.mark.parametrize("time", [..., None, "x", 0, NOW_MS + 86_400_001, 946_684_799_999], ids=repr)
def test_without_id_and_time_nothing_is_a_repeat(client, tenant, rows, time):
    event = amplitude_event(insert_id=..., time=time)
    assert client.post("/batch", json=envelope(tenant.publishable_key, event, event)).json["events_ingested"] == 2
    client.post("/batch", json=envelope(tenant.publishable_key, event))
    assert [row["occurred_at"] for row in rows()] == [NOW_MS] * 3


def test_ids_of_every_form_come_back_as_they_were_sent(client, tenant, rows):
    uuid, digest = "8F6F2B34-1111-4222-8333-123456789012", sha256(b"x").hexdigest()
    ids = [uuid, uuid.lower(), digest, digest.upper(), "plain", "é", "0", " x ", uuid.replace("-", "")]
    batch = [amplitude_event(insert_id=text, device_id=text, user_id=text) for text in ids]
    assert client.post("/batch", json=envelope(tenant.publishable_key, *batch)).json["events_ingested"] == len(ids)
    assert [(row["event_id"], row["install_id"], row["external_id"]) for row in rows()] == [(i, i, i) for i in ids]


@pytest.mark.parametrize("path", ["/import-events", "/admin/projects/{}/events", "/v1/admin/projects/{}/events"])
def test_the_doors_of_the_secret_key_say_nothing_to_other_origins(client, tenant, path):
    asked = {"Origin": "https://shop.example", "Access-Control-Request-Method": "POST"}
    for method in ("OPTIONS", "GET", "POST"):
        for headers in (asked, asked | tenant.bearer):
            answer = client.open(path.format(tenant.project_id), method=method, headers=headers)
            assert not [name for name, _ in answer.headers if name.startswith("Access-Control-")]
