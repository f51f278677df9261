"""`drengr key …`: contract 1, 7."""

import json
import urllib.error
import urllib.request

import pytest

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
    assert key not in listed and key[:16] in listed
    assert key not in drengr("key", "list", "--json").output


def test_list_shows_id_project_kind_hint_and_times(drengr, shop):
    keys = json.loads(drengr("key", "list", "--json").output)
    assert [(key["id"], key["project"], key["kind"], key["revoked_at"]) for key in keys] == [
        (1, "shop", "publishable", None),
        (2, "shop", "secret", None),
    ]
    assert set(keys[0]) == {"id", "project", "kind", "hint", "created_at", "revoked_at"}
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
    assert drengr("key", "revoke", shop["secret_key"]).output == "revoked\n"
    assert drengr("key", "revoke", shop["secret_key"]).exit_code == 2
    assert drengr("key", "revoke", "2").exit_code == 2


def status(url: str, body: dict, **headers: str) -> int:
    asked = urllib.request.Request(url, json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
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
