"""Keys, sessions and limits in Settings: contract 12."""

import re

import pytest

SHOWN = re.compile(r"drengr_[sp]k_[A-Za-z0-9_-]{32}")


def key_ids(store, project, kind):
    return [key.id for key in store.all_keys(project) if key.kind == kind]


def post(client, address, **fields):
    return client.post(address, data=fields)


def test_publishable_keys_are_seen_and_secret_ones_are_not(client, here, tenant):
    page = client.get(f"{here}/settings").text
    assert tenant.publishable_key in page
    assert tenant.secret_key not in page and tenant.secret_key[:16] in page
    assert "you signed in with it" in page and '<th scope="col">Last used</th>' in page.split("Sessions")[0]


@pytest.mark.parametrize("kind", ["secret", "publishable"])
def test_a_new_key_is_shown_once_and_is_good(client, here, store, kind):
    (made,) = set(SHOWN.findall(post(client, f"{here}/settings/keys", kind=kind).text))
    assert store.project_of_key(made, kind) is not None
    assert (made in client.get(f"{here}/settings").text) == (kind == "publishable")


def test_a_key_is_rotated_and_the_old_one_ends_later(client, here, store, tenant):
    (key_id,) = key_ids(store, tenant.project, "secret")
    assert "24 hours" in client.get(f"{here}/settings/keys/{key_id}/rotate").text
    answer = post(client, f"{here}/settings/keys/{key_id}/rotate/done", grace="24h")
    (made,) = set(SHOWN.findall(answer.text))
    assert store.project_of_key(made, "secret") == store.project_of_key(tenant.secret_key, "secret") == tenant.project
    assert store.find_key(str(key_id)).revoked_at is not None
    assert post(client, f"{here}/settings/keys/{key_id}/rotate/done", grace="24h").status_code == 400


def test_how_long_an_apps_key_stays_good_must_be_chosen(client, here, store, tenant):
    (key_id,) = key_ids(store, tenant.project, "publishable")
    assert '<option value="">choose' in client.get(f"{here}/settings/keys/{key_id}/rotate").text
    for grace in ({}, {"grace": ""}, {"grace": "2w"}):
        assert post(client, f"{here}/settings/keys/{key_id}/rotate/done", **grace).status_code == 400
    assert len(store.all_keys(tenant.project)) == 2


def test_a_revoked_key_stops_at_once(client, here, store, tenant):
    (key_id,) = key_ids(store, tenant.project, "publishable")
    assert "SDKs drop events" in client.get(f"{here}/settings/keys/{key_id}/revoke").text
    assert store.project_of_key(tenant.publishable_key, "publishable") is not None
    assert post(client, f"{here}/settings/keys/{key_id}/revoke/done").status_code == 303
    assert store.project_of_key(tenant.publishable_key, "publishable") is None
    assert tenant.publishable_key not in client.get(f"{here}/settings").text


def test_revoking_the_key_one_signed_in_with_signs_out(client, here, store, tenant):
    (key_id,) = key_ids(store, tenant.project, "secret")
    assert "signs you out" in client.get(f"{here}/settings/keys/{key_id}/revoke").text
    post(client, f"{here}/settings/keys/{key_id}/revoke/done")
    assert client.get(f"{here}/settings").status_code == 303


@pytest.mark.parametrize("act", ["rotate/done", "revoke/done"])
def test_the_keys_of_another_project_cannot_be_touched(client, here, store, make_tenant, act):
    other = make_tenant("other")
    for kind, key in (("secret", other.secret_key), ("publishable", other.publishable_key)):
        (key_id,) = key_ids(store, other.project, kind)
        assert post(client, f"{here}/settings/keys/{key_id}/{act}", grace="0").status_code == 404
        assert store.project_of_key(key, kind) is not None


def test_a_get_changes_nothing(client, here, store, tenant):
    (key_id,) = key_ids(store, tenant.project, "secret")
    before = store.all_keys(tenant.project)
    for path in ("settings/keys", f"settings/keys/{key_id}/revoke", f"settings/keys/{key_id}/revoke/done",
                 f"settings/keys/{key_id}/rotate/done", "sign-out-everywhere"):  # fmt: skip
        client.get(f"{here}/{path}")
        client.head(f"{here}/{path}")
    assert store.all_keys(tenant.project) == before
    assert client.get(f"{here}/settings").status_code == 200


def test_sessions_are_listed_with_how_they_began(client, app, here, store, tenant, clock):
    app.test_client().get("/ui/link/" + store.make_link([tenant.project.id], clock.now_ms))
    page = client.get(f"{here}/settings").text
    assert page.count("this browser") == 1 and "a link" in page


def test_what_is_wrong_on_the_machine_is_told_to_who_may_know_of_all(client, here, make_tenant, store, tenant, clock):
    assert "No backup was ever made." in client.get(f"{here}/settings").text
    make_tenant("other")
    assert "No backup was ever made." not in client.get(f"{here}/settings").text
    client.get("/ui/link/" + store.make_link([tenant.project.id], clock.now_ms))
    assert "No backup was ever made." in client.get(f"{here}/settings").text


def test_limits_are_those_in_force(client, here):
    assert "5,000,000; 0 today" in client.get(f"{here}/settings").text


@pytest.mark.parametrize("kind", ["", "admin", "<script>"])
def test_what_is_no_kind_of_key_is_a_page_that_says_so(client, here, kind):
    answer = post(client, f"{here}/settings/keys", kind=kind)
    assert answer.status_code == 400 and "publishable or secret" in answer.text


def test_a_form_of_any_size_is_answered(client, here):
    assert post(client, f"{here}/settings/keys", kind="x" * 100_000).status_code == 413
    assert client.post(f"{here}/settings/keys", data="&".join("a=1" for _ in range(200))).status_code == 400


@pytest.mark.parametrize(
    ("table", "head"),
    [("keys", "id,kind,key,created_at"), ("sessions", "kind,key,created_at"), ("limits", "what,at_most,setting"),
     ("erasures", "id,kind,person,events")],
)  # fmt: skip
def test_every_table_is_there_as_csv_without_secrets(client, here, tenant, table, head):
    answer = client.get(f"{here}/settings?format=csv&table={table}")
    assert answer.mimetype == "text/csv" and answer.text.startswith(head)
    assert tenant.secret_key not in answer.text
