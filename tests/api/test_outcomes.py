"""What is refused and dropped is counted for whom it belongs to, kept within seconds, and logged: contract 10, 11."""

import logging

import pytest

from drengr.api.outcomes import key_hint, sdk_of
from drengr.api.service import EXTENSION
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store import NO_PROJECT, StoreError
from tests.conftest import NOW_MS

pytestmark = pytest.mark.both_stores

TODAY = NOW_MS // DAY_MS


@pytest.fixture
def outcomes(app):
    return app.extensions[EXTENSION].outcomes


@pytest.fixture
def counts(store, outcomes):
    """counts(project_id, door) → what the ledger has of today there, zeros left out."""

    def read(project_id: int, door: str) -> dict[str, int]:
        outcomes.flush()
        lines = {line.door: line.counts for line in store.ledger(project_id, TODAY, TODAY)}
        return {name: number for name, number in lines.get(door, {}).items() if number}

    return read


def send(client, key: object, *events: dict, **headers: str):
    return client.post("/amplitude-ingest", json={"api_key": key, "events": list(events)}, headers=headers)


def test_a_batch_is_received_stored_repeated_and_dropped(client, tenant, counts):
    good = {"event_type": "a", "user_id": "u", "insert_id": "1"}
    send(client, tenant.publishable_key, good, good, {"event_type": "b"}, {"user_id": "u"}, 7)
    assert counts(tenant.project.id, "acceptor") == {
        "received": 5, "stored": 1, "duplicates": 1, "dropped_no_id": 1, "dropped_no_name": 2 - 1,
        "dropped_unreadable": 1, "changed_times_replaced": 2,
    }  # fmt: skip


def test_a_batch_without_any_event_is_counted_too(client, tenant, counts):
    send(client, tenant.publishable_key, {"event_type": "b"}, {"event_type": "c"})
    send(client, tenant.publishable_key)
    assert counts(tenant.project.id, "acceptor") == {"received": 2, "dropped_no_id": 2}


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        (b"{", "not_json"),
        (b"x" * 1_100_000, "too_large"),
        (b'{"api_key":"drengr_pk_unknown","events":[]}', "bad_key"),
    ],
)
def test_what_names_no_good_key_belongs_to_nobody(client, tenant, counts, body, reason):
    client.post("/amplitude-ingest", data=body)
    assert counts(NO_PROJECT, "acceptor") == {f"refused_{reason}": 1}
    assert counts(tenant.project.id, "acceptor") == {}


def test_a_refusal_after_the_key_belongs_to_its_project(client, tenant, counts):
    client.post("/amplitude-ingest", json={"api_key": tenant.publishable_key, "events": "none"})
    client.post("/import-events", json={"source": "amplitude", "events": 7}, headers=tenant.bearer)
    client.post(f"/admin/projects/{tenant.project_id}/events", data=b"{", headers=tenant.bearer)
    assert counts(tenant.project.id, "acceptor") == {"refused_bad_request": 1}
    assert counts(tenant.project.id, "importer") == {"refused_bad_request": 1}
    assert counts(tenant.project.id, "admin") == {"refused_not_json": 1}


def test_a_revoked_key_and_one_of_the_other_kind_belong_to_their_project(client, tenant, store, counts, outcomes):
    send(client, tenant.secret_key)
    store.revoke_key(tenant.publishable_key)
    send(client, tenant.publishable_key)
    assert counts(tenant.project.id, "acceptor") == {"refused_bad_key": 2}
    reasons = {problem.reason for problem in store.problems(tenant.project.id)}
    assert reasons == {"bad_key", "secret_key"}


def test_only_what_is_sent_to_a_doors_path_counts(client, tenant, counts):
    client.get("/amplitude-ingest")
    client.get(f"/admin/projects/{tenant.project_id}/events")
    client.post("/nowhere")
    client.post("/admin/nowhere")
    assert [counts(NO_PROJECT, door) for door in ("acceptor", "importer", "admin")] == [{}, {}, {}]


def test_a_problem_names_event_and_sdk_and_no_value(client, tenant, store, outcomes):
    row = {"event_type": "Order Completed", "library": "amplitude-ts/2.1.0", "email": "a@b"}
    send(client, tenant.publishable_key, row)
    send(client, "drengr_pk_0123456789abcdef", **{"User-Agent": "curl/8.5.0 (secret)"})
    outcomes.flush()
    (dropped,) = store.problems(tenant.project.id)
    assert dropped[1:7] == ("acceptor", "no_id", "order_completed", "amplitude-ts", "2.1.0", "")
    (unknown,) = store.problems(NO_PROJECT)
    assert unknown[1:7] == ("acceptor", "bad_key", "", "curl", "8.5.0", "drengr_pk_01")


def test_what_cannot_be_written_waits(client, tenant, store, outcomes, counts, monkeypatch):
    def refuse(*_):
        raise StoreError("disk full")

    with monkeypatch.context() as patch:
        patch.setattr(type(store), "note", refuse)
        send(client, "nobody")
        outcomes.flush()
        send(client, "nobody")
        outcomes.flush()
    assert counts(NO_PROJECT, "acceptor") == {"refused_bad_key": 2}
    assert [problem.count for problem in store.problems(NO_PROJECT)] == [2]


def test_the_log_has_a_line_at_once_and_then_one_a_minute(client, tenant, outcomes, caplog, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("drengr.api.outcomes.time.monotonic", lambda: now)
    with caplog.at_level(logging.WARNING, "drengr.outcomes"):
        for number in range(3):
            send(client, "nobody", **{"X-Request-Id": f"r-{number}"})
            outcomes.flush()
        assert [record.getMessage() for record in caplog.records] == [
            "acceptor: 1 times bad_key, project -, last in request r-0; `drengr ledger` tells more"
        ]
        now += 60
        outcomes.flush()
    last = "acceptor: 2 times bad_key, project -, last in request r-2; `drengr ledger` tells more"
    assert caplog.records[-1].getMessage() == last
    assert caplog.records[-1].count == 2


def test_a_line_of_the_log_knows_the_last_request_that_it_tells_of(client, tenant, outcomes, caplog):
    row = {"event_type": "Order Completed", "library": "amplitude-ts/2.1.0"}
    with caplog.at_level(logging.WARNING, "drengr.outcomes"):
        answer = send(client, tenant.publishable_key, row)
        outcomes.flush()
        client.post("/import-events", headers={"User-Agent": "curl/8.5.0", "X-Request-Id": tenant.secret_key})
        outcomes.flush()
    dropped, refused = (vars(record) for record in caplog.records)
    known = {"door": "acceptor", "reason": "no_id", "event_name": "order_completed", "sdk": "amplitude-ts/2.1.0"}
    assert dropped.items() >= (known | {"request_id": answer.headers["X-Request-Id"], "count": 1}).items()
    assert refused.items() >= {"door": "importer", "code": 401, "project": "-", "sdk": "curl/8.5.0"}.items()
    assert "request_id" not in refused  # it looks like a key


def test_invented_names_and_keys_do_not_fill_the_memory(client, tenant, store, outcomes):
    for start in range(0, 4000, 2000):
        send(client, tenant.publishable_key, *({"event_type": f"n{i}"} for i in range(start, start + 2000)))
    for number in range(1500):
        outcomes.refused("acceptor", "bad_key", None, hint=f"k{number}")
    assert len(outcomes._problems) <= 1000
    outcomes.flush()
    assert len(store.problems(NO_PROJECT)) == 200


@pytest.mark.parametrize("text", ["a\nb", "<script>", "x" * 200, "é"])
def test_what_an_sdk_calls_itself_is_cut_to_plain_characters(text):
    name, version = sdk_of(text, None)
    assert set(name + version) <= set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._+@/-")
    assert len(name) + len(version) <= 64
    assert key_hint(text) == key_hint(text)[:12]


def test_the_use_of_a_key_is_written_once_an_hour(client, tenant, store, outcomes, clock, monkeypatch):
    written = []
    monkeypatch.setattr(store, "note_uses", written.append)
    for _ in range(3):
        send(client, tenant.publishable_key)
        client.get(f"/admin/projects/{tenant.project_id}/events", headers=tenant.bearer)
        send(client, "drengr_pk_unknown")
        outcomes.flush()
    assert [key for uses in written for key in uses] == [tenant.publishable_key, tenant.secret_key]
    clock.now_ms += HOUR_MS
    send(client, tenant.publishable_key)
    outcomes.flush()
    assert written[-1] == {tenant.publishable_key: clock.now_ms}


def test_a_use_that_cannot_be_written_waits_a_minute(client, tenant, store, outcomes, monkeypatch):
    tries = []

    def refuse(uses):
        tries.append(uses)
        raise StoreError("database or disk is full")

    with monkeypatch.context() as patched:
        patched.setattr(store, "note_uses", refuse)
        send(client, tenant.publishable_key)
        for _ in range(3):
            outcomes.flush()
    assert len(tries) == 1
    monkeypatch.setattr(outcomes, "_uses_due", 0.0)
    outcomes.flush()
    assert store.find_key(tenant.publishable_key).last_used_at == NOW_MS - NOW_MS % HOUR_MS
