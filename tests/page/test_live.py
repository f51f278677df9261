"""Live, one event, and Problems."""

import re

import pytest

from drengr.sources import STORED_SOURCES
from tests.admin import event
from tests.factories import amplitude_event, envelope
from tests.page.reading import api, rows_of, text_of
from tests.under_way import under_way

pytestmark = pytest.mark.both_stores


def test_an_event_is_shown_whole(client, month, tenant):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(event_properties={"text": "x" * 250})))
    newest = api(client, tenant, "events?limit=1")[0]
    shown = client.get(f"{month}/events/{newest['id']}").text
    assert "x" * 250 in shown and newest["event_id"] in shown


@pytest.mark.parametrize("number", ["0", "999999", "9" * 30, "-1", "abc", "%00", "1.5"])
def test_an_event_that_is_not_there_is_a_page_that_says_so(client, month, number):
    answer = client.get(f"{month}/events/{number}")
    assert answer.status_code == 404 and "<h1>" in answer.text


def test_an_event_of_another_project_is_not_there(client, month, tenant, make_tenant):
    other = make_tenant("other")
    client.post("/batch", json=envelope(other.publishable_key, amplitude_event()))
    number = api(client, other, "events?limit=1")[0]["id"]
    assert client.get(f"{month}/events/{number}").status_code == 404


def test_live_offers_the_sources_that_events_have(client, month):
    offered = re.search(r'<datalist id="sources">(.*?)</datalist>', client.get(f"{month}/live").text)[1]
    assert re.findall(r'value="(\w+)"', offered) == list(STORED_SOURCES)


def test_live_tells_what_came_since_the_last_look(client, month, tenant):
    first = client.get(f"{month}/live")
    after = re.search(r'data-after="(\d+)"', first.text)[1]
    quiet = client.get(f"{month}/live/rows?after={after}")
    assert (quiet.status_code, quiet.text, quiet.headers["X-After"]) == (200, "", after)
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(event_type="New One")))
    news = client.get(f"{month}/live/rows?after={after}")
    assert "new_one" in news.text and int(news.headers["X-After"]) > int(after)
    assert client.get(f"{month}/live/rows?after={after}&event_name=page_viewed").text == ""


def test_live_shows_what_was_under_way_when_the_page_was_loaded(client, month, tenant, store, backend):
    """Where many write at once its id is smaller than those of events that were committed before (contract 13)."""
    with under_way(store, event(event_name="late"), project_id=tenant.project.id) as (_, commit):
        if backend == "postgresql":
            client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event()))
        after = re.search(r'data-after="([^"]+)"', client.get(f"{month}/live").text)[1]
        quiet = client.get(f"{month}/live/rows?after={after}")
        assert (quiet.status_code, quiet.text) == (200, "")
        commit()
    news = client.get(f"{month}/live/rows?after={quiet.headers['X-After']}")
    assert "late" in news.text and news.text.count("<tr") == 1
    assert client.get(f"{month}/live/rows?after={news.headers['X-After']}").text == ""


@pytest.mark.parametrize("after", ["", "x", "-1", "7-8.1", "9" * 30, "%D9%A3"])
def test_a_place_that_no_answer_named_is_refused(client, month, after):
    assert client.get(f"{month}/live/rows?after={after}").status_code == 400


def test_a_flood_is_told_by_its_first_hundred_and_goes_on_from_now(client, month, tenant, store):
    after = store.last_id()
    for _ in range(3):
        events = [amplitude_event() for _ in range(50)]
        client.post("/batch", json=envelope(tenant.publishable_key, *events))
    news = client.get(f"{month}/live/rows?after={after}")
    assert news.text.count("<tr") == 100
    assert (news.headers["X-Flood"], int(news.headers["X-After"])) == ("1", store.last_id())


def test_chosen_properties_are_columns(client, month):
    shown = text_of(client.get(f"{month}/live?event_name=order_completed&column=plan&column=revenue"))
    assert "Source plan revenue" in shown and "amplitude_http pro 42.5" in shown


def test_problems_say_what_happened_and_what_to_do(client, month, tenant):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(user_id=..., device_id=...)))
    client.post("/batch", json=envelope("drengr_pk_nobody", amplitude_event()))
    client.application.extensions["drengr"].outcomes.close()  # writes what was counted
    shown = text_of(client.get(f"{month}/problems"))
    assert "neither a user id nor a device id. Send user_id or device_id" in shown
    assert "a key that opens nothing here" in shown


def test_csv_of_a_list_has_all_its_rows(client, month):
    page = client.get(f"{month}/live?limit=5")
    assert page.text.count('<tr id="e') == 5 and "Next page" in page.text
    assert len(rows_of(client.get(f"{month}/live?limit=5&format=csv"))) > 40
