"""From nothing to the first event: contract 12, PAGE.md First run."""

import re

import pytest

from tests.factories import amplitude_event, envelope


def text_of(page: str) -> str:
    return " ".join(re.sub("<[^>]+>", "", page).split())


def test_the_lines_have_this_key_and_this_address(client, here, tenant):
    page = client.get(here, base_url="http://localhost:8123").text
    assert page.count(tenant.publishable_key) == 4
    assert page.count("http://localhost:8123/amplitude-ingest") == 4
    assert "fetchRemoteConfig: false" in page and "enableDiagnostics: false" in page
    assert tenant.secret_key not in page


def test_the_first_event_appears_with_a_link_to_it(client, here, tenant, rows):
    assert "No event has arrived yet" in client.get(f"{here}/arrived").text
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(event_type="<b>Order")))
    page = client.get(f"{here}/arrived").text
    assert "That is your first event: &lt;b&gt;Order, 0 s ago" in text_of(page)
    assert f'href="{here}/events/{rows()[0]["id"]}"' in page
    assert "never had an event" not in client.get(here).text


@pytest.mark.parametrize(
    ("key", "said"),
    [("drengr_pk_ab12cd", "the key drengr_pk_ab…, which this service does not know, 4 s ago"),
     (None, "sent a request without a key, 4 s ago")],
)  # fmt: skip
def test_a_request_with_an_unknown_key_appears_too(client, here, clock, app, key, said):
    client.post("/batch", json={"api_key": key, "events": []})
    app.extensions["drengr"].outcomes.flush()
    clock.now_ms += 4000
    assert said in text_of(client.get(here).text)


def test_unknown_keys_are_no_business_of_one_project_among_several(
    client, here, make_tenant, store, app, clock, tenant
):
    make_tenant("other")
    client.post("/batch", json={"api_key": "drengr_pk_ab12cd", "events": []})
    app.extensions["drengr"].outcomes.flush()
    assert "drengr_pk_ab" not in client.get(f"{here}/arrived").text
    client.get("/ui/link/" + store.make_link([tenant.project.id], clock.now_ms))
    assert "drengr_pk_ab" in client.get(f"{here}/arrived").text


def test_asking_whether_something_came_keeps_no_session_alive(client, here, clock):
    clock.now_ms += 29 * 86_400_000
    assert "Set-Cookie" not in client.get(f"{here}/arrived").headers
    clock.now_ms += 2 * 86_400_000
    assert client.get(f"{here}/arrived").status_code == 401
