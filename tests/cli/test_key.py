"""`drengr key …`: contract 1, 7."""

import json
import urllib.error
import urllib.request

import pytest

from drengr.events.times import DAY_MS, HOUR_MS
from drengr.store import clock
from tests.service import Service

pytestmark = pytest.mark.both_stores


@pytest.fixture
def shop(drengr):
    return json.loads(drengr("project", "create", "shop", "--json").output)


@pytest.mark.parametrize(("kind", "prefix"), [("publishable", "drengr_pk_"), ("secret", "drengr_sk_")])
def test_a_key_is_shown_in_full_once_at_creation(drengr, shop, kind, prefix):
    key = drengr("key", "create", "shop", "--kind", kind).output.strip()
    assert key.startswith(prefix) and len(key) > 30
    assert (
        json.loads(drengr("key", "create", shop["project_id"], "--kind", kind, "--json").output)[f"{kind}_key"] != key
    )
    listed = drengr("key", "list").output
    assert key[:16] in listed
    for text in (listed, drengr("key", "list", "--json").output):
        assert (key in text) == (kind == "publishable")  # which is in every app anyway


@pytest.mark.sqlite
@pytest.mark.parametrize("words", [("create", "shop", "--kind", "secret"), ("rotate", "2"), ("revoke", "2")])
def test_a_backup_whose_keys_are_changed_is_a_backup_no_more(drengr, shop, tmp_path, words):
    """A later `drengr backup --keep` would remove it."""
    copy = str(tmp_path / "copy.db")
    drengr("backup", copy)
    assert drengr("key", *words, DRENGR_DATABASE=copy).exit_code == 0
    refused = drengr("backup", copy)
    assert refused.exit_code == 1 and "is no backup of this database" in refused.output


def test_list_shows_id_project_kind_hint_and_times(drengr, shop):
    keys = json.loads(drengr("key", "list", "--json").output)
    assert [(key["id"], key["project"], key["kind"], key["revoked_at"]) for key in keys] == [
        (1, "shop", "publishable", None),
        (2, "shop", "secret", None),
    ]
    assert set(keys[0]) == {"id", "project", "kind", "hint", "key", "created_at", "last_used_at", "revoked_at"}
    drengr("key", "revoke", "1")
    revoked, good = drengr("key", "list").output.splitlines()
    assert "revoked 20" in revoked and good.endswith("good")


def test_the_list_may_be_of_one_project(drengr, shop):
    drengr("project", "create", "other")
    assert len(drengr("key", "list").output.splitlines()) == 4
    listed = drengr("key", "list", "--project", "other").output.splitlines()
    assert len(listed) == 2 and all("other" in line for line in listed)
    assert drengr("key", "list", "--project", "nobody").exit_code == 2


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("key", "create", "shop"), "--kind"),
        (("key", "create", "shop", "--kind", "master"), "'publishable', 'secret'"),
        (("key", "create", "other", "--kind", "secret"), "There is no project 'other'. Projects: shop."),
        (("key", "create"), "PROJECT"),
        (("key", "revoke"), "KEY"),
        (("key", "rotate", "99"), "No good key has this id or text"),
        (("key", "rotate", "1"), "Say with --grace how long the old publishable key stays good"),
        (("key", "rotate", "1"), "It was last used: never"),
        (("key", "rotate", "2", "--grace", "soon"), "'soon' is not like 90s, 30m, 24h or 7d, nor 0"),
        (("key", "rotate", "2", "--grace", "-1h"), "is not like 90s"),
        (("key", "rotate", "2", "--grace", "3651d"), "at most 3650d"),
        (("key", "revoke", "99"), "No good key has this id or text"),
        (("key", "revoke", "9" * 30), "No good key has this id or text"),
        (("key", "revoke", "9" * 5000), "No good key has this id or text"),
        (("key", "revoke", "drengr_sk_unknown"), "No good key has this id or text"),
        (("key", "revoke", "\udcff"), "No good key has this id or text"),
        (("key", "revoke", ""), "No good key has this id or text"),
    ],
    ids=lambda value: ascii(" ".join(value))[:40] if isinstance(value, tuple) else "",
)
def test_a_wrong_word_is_a_usage_error(drengr, shop, words, told):
    result = drengr(*words)
    assert result.exit_code == 2 and told in result.output and isinstance(result.exception, SystemExit)


def test_a_key_is_revoked_once(drengr, shop):
    assert drengr("key", "revoke", shop["secret_key"]).output == "revoked; last used: never\n"
    assert drengr("key", "revoke", shop["secret_key"]).exit_code == 2
    assert drengr("key", "revoke", "2").exit_code == 2


def keys_of(drengr) -> dict[int, dict]:
    return {key["id"]: key for key in json.loads(drengr("key", "list", "--json").output)}


@pytest.mark.parametrize(
    ("grace", "ms"), [("0", 0), ("90s", 90_000), ("30m", 1_800_000), ("24h", DAY_MS), ("7d", 7 * DAY_MS)]
)
@pytest.mark.parametrize("key_id", [1, 2])
def test_a_rotated_key_is_good_for_the_time_of_grace(drengr, shop, key_id, grace, ms):
    before = clock.now_ms()
    result = drengr("key", "rotate", str(key_id), "--grace", grace)
    old, new = keys_of(drengr)[key_id], keys_of(drengr)[3]
    assert result.exit_code == 0 and before + ms <= old["revoked_at"] <= clock.now_ms() + ms
    assert new["kind"] == old["kind"] and new["revoked_at"] is None and result.stdout.startswith(new["hint"][:-1])
    assert result.stdout.count("\n") == 1 and "it was last used: never" in result.stderr
    line = drengr("key", "list").output.splitlines()[key_id - 1]
    assert ("good until 20" in line) == (ms > 0) and ("revoked 20" in line) == (ms == 0)


def test_a_rotated_secret_key_is_good_for_a_day_when_nothing_is_said(drengr, shop):
    told = json.loads(drengr("key", "rotate", shop["secret_key"], "--json").stdout)
    assert set(told) == {"secret_key", "old_key", "good_until", "last_used_at"}
    assert told["good_until"] == keys_of(drengr)[2]["revoked_at"] and told["old_key"] == 2
    assert 0 <= told["good_until"] - DAY_MS - keys_of(drengr)[3]["created_at"] < 60_000


def test_a_rotated_key_can_be_revoked_but_not_rotated_again(drengr, shop):
    drengr("key", "rotate", "2")
    again = drengr("key", "rotate", "2")
    assert again.exit_code == 2 and "rotated already" in again.output and len(keys_of(drengr)) == 3
    assert drengr("key", "revoke", "2").output == "revoked; last used: never\n"
    assert drengr("key", "revoke", "2").exit_code == 2 and drengr("key", "rotate", "2").exit_code == 2


def status(url: str, body: dict, **headers: str) -> int:
    asked = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=60) as answer:
            return answer.status
    except urllib.error.HTTPError as error:
        with error:
            return error.code


def test_a_revoked_key_stops_at_once_in_every_worker(tmp_path):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2") as service:
        shop = service.project("shop")
        by_id = json.loads(service.command("key", "create", "shop", "--kind", "publishable", "--json"))[
            "publishable_key"
        ]
        kept = service.command("key", "create", "shop", "--kind", "publishable").strip()

        def send(key: str) -> int:
            return status(service.url + "/batch", {"api_key": key, "events": []})

        def import_nothing() -> int:
            batch = {"source": "ga4", "events": []}
            return status(service.url + "/import-events", batch, Authorization=f"Bearer {shop['secret_key']}")

        first = shop["publishable_key"]
        assert {send(key) for key in (first, by_id, kept) for _ in range(8)} == {import_nothing()} == {200}
        ids = {key["hint"].rstrip("…"): key["id"] for key in json.loads(service.command("key", "list", "--json"))}
        service.command("key", "revoke", str(ids[by_id[:16]]))
        assert {send(by_id) for _ in range(8)} == {400}
        service.command("key", "revoke", first)
        assert {send(first) for _ in range(8)} == {400}
        service.command("key", "revoke", shop["secret_key"])
        assert {import_nothing() for _ in range(8)} == {401}
        assert {send(kept) for _ in range(8)} == {200}


@pytest.mark.parametrize(
    ("kind", "path", "refusal"), [("publishable", "/batch", 400), ("secret", "/import-events", 401)]
)
def test_a_rotated_key_stops_at_its_moment_in_both_workers(tmp_path, kind, path, refusal):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2") as service:
        old = service.project("shop")[f"{kind}_key"]

        def ask(key: str) -> tuple[int, int, int]:
            """(asked at, status, answered at)."""
            asked_at = clock.now_ms()
            body = {"api_key": key, "source": "ga4", "events": []}
            return asked_at, status(service.url + path, body, Authorization=f"Bearer {key}"), clock.now_ms()

        told = json.loads(service.command("key", "rotate", old, "--grace", "3s", "--json"))
        end = told["good_until"]
        answers = [ask(old)]
        while answers[-1][0] < end + 500:
            answers.append(ask(old))
        before = [answer for _, answer, answered_at in answers if answered_at < end]
        after = [answer for asked_at, answer, _ in answers if asked_at >= end]
        assert len(before) > 8 < len(after) and set(before) == {200} and set(after) == {refusal}
        assert {ask(told[f"{kind}_key"])[1] for _ in range(8)} == {200}


def test_the_list_tells_the_hour_in_which_a_key_was_last_used(tmp_path):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2") as service:
        shop = service.project("shop")
        hour = clock.now_ms() // HOUR_MS * HOUR_MS
        for _ in range(20):
            assert status(service.url + "/batch", {"api_key": shop["publishable_key"], "events": []}) == 200
        assert status(service.url + "/batch", {"api_key": "drengr_pk_unknown", "events": []}) == 400
        service.stop()
        used = {
            key["kind"]: key["last_used_at"]
            for key in json.loads(service.command("key", "list", "--project", "shop", "--json"))
        }
        assert used["secret"] is None and used["publishable"] in (hour, hour + HOUR_MS)
        assert "used never" in service.command("key", "list") and "used 20" in service.command("key", "list")
