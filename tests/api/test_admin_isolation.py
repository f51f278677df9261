"""Who may not come in, and what nobody learns of another project."""

from uuid import uuid4

import pytest

from drengr.answering import CALLS
from tests.admin import USER, Admin, error_of
from tests.factories import amplitude_event, envelope

pytestmark = pytest.mark.both_stores

ENDPOINTS = [
    ("GET", "/events"), ("GET", "/events/count"), ("POST", "/events"), ("GET", "/imports"),
    *(("GET", f"/{call}") for call in CALLS),
]  # fmt: skip
PREFIXES = ["/admin", "/v1/admin"]


@pytest.fixture
def other(make_tenant):
    return make_tenant("other")


def ask(client, method: str, project_id: str, path: str, headers: dict | None, prefix: str = "/admin"):
    body = {"app_user_id": USER, "event_name": "e"} if method == "POST" else None
    return client.open(f"{prefix}/projects/{project_id}{path}", method=method, json=body, headers=headers)


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_no_wrong_key_opens_an_endpoint(client, store, tenant, rows, method, path, prefix):
    key = tenant.secret_key
    wrong = {
        "missing": None,
        "empty": "",
        "bare": key,
        "of another scheme": f"Basic {key}",
        "without a key": "Bearer ",
        "unknown": "Bearer drengr_sk_" + "x" * 32,
        "publishable": f"Bearer {tenant.publishable_key}",
        "publishable made to look secret": f"Bearer {tenant.publishable_key.replace('_pk_', '_sk_')}",
        "in other case": f"Bearer {key.upper()}",
        "cut": f"Bearer {key[:-1]}",
        "longer": f"Bearer {key}x",
        "with a percent sign": "Bearer drengr_sk_%",
        "not ASCII": "Bearer drengr_sk_é",
        "huge": "Bearer drengr_sk_" + "x" * 7000,
    }
    store.revoke_key(key)
    wrong["revoked"] = f"Bearer {key}"
    for project_id in (tenant.project_id, str(uuid4()), "x"):
        answers = {
            kind: ask(client, method, project_id, path, header and {"Authorization": header}, prefix)
            for kind, header in wrong.items()
        }
        assert {kind: error_of(answer) for kind, answer in answers.items()} == dict.fromkeys(
            wrong, (401, "UNAUTHORIZED")
        )
        assert len({answer.text for answer in answers.values()}) == 1
    assert rows() == []


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_a_foreign_an_unknown_and_a_malformed_project_answer_alike(client, tenant, other, rows, method, path, prefix):
    ids = [
        other.project_id,
        str(uuid4()),
        "x",
        "1",
        "2",
        tenant.project_id[:-1],
        "%00",
        "é",
        "default",
        "a" * 3000,
        "*",
    ]
    answers = [ask(client, method, project_id, path, tenant.bearer, prefix) for project_id in ids]
    assert {error_of(answer) for answer in answers} == {(403, "PROJECT_FORBIDDEN")}
    assert len({answer.text for answer in answers}) == 1
    assert len({tuple(name for name, _ in answer.headers) for answer in answers}) == 1
    assert rows() == []


@pytest.mark.parametrize(("method", "path"), ENDPOINTS)
def test_the_key_is_looked_at_before_the_project_and_both_before_the_parameters(client, tenant, other, method, path):
    bad = "?since=x&limit=0&cursor=x&group_by=x"
    assert error_of(ask(client, method, other.project_id, path + bad, None))[0] == 401
    assert error_of(ask(client, method, other.project_id, path + bad, tenant.bearer))[0] == 403


def test_one_project_cannot_see_count_or_collide_with_another(client, tenant, other):
    mine, theirs = (Admin(client, one.project_id, one.secret_key) for one in (tenant, other))
    slot = {"app_user_id": USER, "event_name": "shared_name", "event_id": "same", "properties": {"secret": "theirs"}}
    assert theirs.post([slot, slot | {"event_id": "more"}]).json["data"]["inserted"] == 2
    client.post(
        "/amplitude-ingest", json=envelope(other.publishable_key, amplitude_event(insert_id="live", user_id=USER))
    )
    empty = {"data": [], "next_cursor": None}
    for asked in (
        {},
        {"event_name": "shared_name"},
        {"user_id": USER},
        {"external_id": USER},
        {"install_id": USER},
        {"source": "admin"},
        {"event_name": "shared_name", "user_id": USER, "source": "admin"},
    ):
        assert mine.page(since="2000-01-01", **asked).json == empty
    for asked in ({}, {"event_name": "shared_name"}, {"group_by": "day"}, {"group_by": "event_name"}):
        assert mine.count(since="2026-11-01", **asked).json["data"]["total"] == 0
    cursor = theirs.page(limit=1).json["next_cursor"]
    assert mine.page(cursor=cursor).json == empty
    assert mine.post(slot | {"properties": {"secret": "mine"}}).json["data"] == {
        "tracked": 1,
        "inserted": 1,
        "skipped": 0,
    }
    sent = client.post("/amplitude-ingest", json=envelope(tenant.publishable_key, amplitude_event(insert_id="live")))
    assert sent.json["events_ingested"] == 1
    assert [row["properties"] for row in mine.page(source="admin").json["data"]] == [{"secret": "mine"}]
    assert mine.count(since="2026-11-01").json["data"]["total"] == 2
    assert theirs.count(since="2026-11-01").json["data"]["total"] == 3


def test_the_projects_own_id_is_good_in_upper_case_too(client, tenant):
    assert ask(client, "GET", tenant.project_id.upper(), "/events", tenant.bearer).status_code == 200


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["/nothing", "/events/", "/events/1", "", "/events/count/x"])
def test_an_unknown_path_is_a_404_in_the_admin_shape(client, tenant, path, prefix):
    answer = ask(client, "GET", tenant.project_id, path, tenant.bearer, prefix)
    assert error_of(answer) == (404, "NOT_FOUND")


@pytest.mark.parametrize("prefix", PREFIXES)
@pytest.mark.parametrize("path", ["/events", "/events/count"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "OPTIONS"])
def test_a_wrong_method_is_a_405_that_names_the_right_ones(client, tenant, method, path, prefix):
    answer = ask(client, method, tenant.project_id, path, None, prefix)
    assert error_of(answer) == (405, "METHOD_NOT_ALLOWED")
    assert "GET" in answer.headers["Allow"]
    assert ("POST" in answer.headers["Allow"]) == (path == "/events")
