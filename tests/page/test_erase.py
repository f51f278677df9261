"""Erase a person, keep events shorter: each says what would go, and wants it typed (contract 9, 12)."""

import re

import pytest

from tests.factories import amplitude_event, envelope

IDS = ["u_1", "a b<script>&\"'", "ü/../x?y#z", " padded ", "0b6f1c1e-5d5c-4a53-8b0c-2f8f3a3c7d10"]


@pytest.fixture
def send(client, tenant):
    """send(**fields) stores an event."""
    return lambda **over: client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(**over)))


def words(answer) -> str:
    return " ".join(re.sub("<[^>]+>", "", answer.text).split())


def erase(client, here, typed, **who):
    return client.post(f"{here}/people/erase/done", data={**who, "typed": typed})


@pytest.mark.parametrize("person", IDS)
def test_a_person_goes_when_the_id_is_typed_exactly(client, here, send, rows, person):
    send(user_id=person)
    send(user_id="other", device_id="other")
    (who,) = {row["external_id"] for row in rows("WHERE external_id <> 'other'")}
    page = client.get(f"{here}/people/erase", query_string={"external_id": who})
    assert "1 event would go" in words(page) and "Nothing brings them back" in page.text
    for typed in ("", who[:-1], who + " ", who.swapcase() if who.swapcase() != who else "x"):
        refused = erase(client, here, typed, external_id=who)
        assert refused.status_code == 400 and "Not erased" in refused.text
    assert len(rows()) == 2
    done = erase(client, here, who, external_id=who)
    assert done.status_code == 303
    receipt = client.get(done.headers["Location"])
    assert "1 event is gone" in words(receipt)
    assert [row["external_id"] for row in rows()] == ["other"]


def test_what_a_device_has_of_a_user_is_told(client, here, send):
    send(user_id="u_1", device_id="d_1")
    send(user_id=..., device_id="d_1")
    page = words(client.get(f"{here}/people/erase?install_id=d_1"))
    assert "1 event would go" in page and "This device is one user's: u_1" in page
    page = words(client.get(f"{here}/people/erase?external_id=u_1"))
    assert "2 events would go, with the anonymous events of 1 device" in page


def test_receipts_are_listed_in_settings_without_the_id(client, here, send):
    assert "Nobody was erased" in client.get(f"{here}/settings").text
    send(user_id="u_secret_1")
    erase(client, here, "u_secret_1", external_id="u_secret_1")
    page = client.get(f"{here}/settings").text
    assert "/people/erased?receipt=1" in page and "u_secret_1" not in page
    assert "<td>page</td>" in page


@pytest.mark.parametrize("query", ["", "?external_id=", "?external_id=a&install_id=b", "?external_id=a&x=1"])
def test_what_names_nobody_is_a_page_that_says_so(client, here, query):
    assert client.get(f"{here}/people/erase{query}").status_code == 400


@pytest.mark.parametrize("receipt", ["", "0", "99", "x", "9" * 30, "-1"])
def test_there_is_no_receipt_of_that_number(client, here, receipt):
    assert client.get(f"{here}/people/erased?receipt={receipt}").status_code == 404


def test_another_site_erases_nobody(client, here, send, rows):
    send(user_id="u_1")
    headers = {"Sec-Fetch-Site": "cross-site"}
    data = {"external_id": "u_1", "typed": "u_1"}
    assert client.post(f"{here}/people/erase/done", data=data, headers=headers).status_code == 403
    assert len(rows()) == 1


# --- how long events are kept ----------------------------------------------------------------------------------------


def keep(client, here, days, typed=""):
    return client.post(f"{here}/settings/keep/done", data={"days": days, "typed": typed})


def test_events_are_kept_shorter_when_the_projects_name_is_typed(client, here, send, store, tenant, clock):
    send(time=clock.now_ms - 20 * 86_400_000)
    send()
    page = client.get(f"{here}/settings/keep?days=10")
    assert "1 event is older than 10 days and would go" in words(page)
    assert keep(client, here, "10", "sho").status_code == 400
    assert store.keeping(tenant.project.id).days is None
    assert keep(client, here, "10", "shop").status_code == 303
    assert store.keeping(tenant.project.id).days == 10
    assert "10 days, by when they occurred" in words(client.get(f"{here}/settings"))


def test_longer_or_for_ever_needs_no_typing(client, here, send, store, tenant):
    send()
    assert "No event is older than 3,000 days" in words(client.get(f"{here}/settings/keep?days=3000"))
    assert keep(client, here, "3000").status_code == 303
    assert keep(client, here, "").status_code == 303
    assert store.keeping(tenant.project.id).days is None


@pytest.mark.parametrize("days", ["0", "-1", "1.5", "x", "99999", "9" * 5000, "٣"], ids=range(7))
def test_what_is_no_number_of_days_is_refused(client, here, days):
    assert client.get(f"{here}/settings/keep", query_string={"days": days}).status_code == 400
    assert keep(client, here, days).status_code == 400
