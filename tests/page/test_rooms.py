"""What the rooms show: the numbers of the API, addresses that are whole questions, CSV, and what to do when empty."""

import re
from html import unescape

import pytest

from drengr.events.times import DAY_MS, HOUR_MS, iso_text
from drengr.people.questions import Who
from drengr.store import TooLong
from tests.conftest import NOW_MS
from tests.factories import amplitude_event, envelope
from tests.page.reading import api, rows_of, text_of

pytestmark = pytest.mark.both_stores


def test_overview_shows_the_counts_of_the_api(client, month, tenant):
    first_day = iso_text((NOW_MS // DAY_MS - 6) * DAY_MS)
    events = api(client, tenant, f"events/count?since={first_day}&group_by=day")
    people = api(client, tenant, f"people/count?since={first_day}&group_by=day")
    shown = text_of(client.get(month))
    assert f"Events {events['total']}" in shown and f"People {people['total']}" in shown
    day_rows = rows_of(client.get(f"{month}?format=csv"))
    assert [[row[0], row[1]] for row in day_rows[1:]] == [[b["key"], str(b["count"])] for b in events["buckets"]]
    people_rows = rows_of(client.get(f"{month}?format=csv&table=people"))
    assert [[row[0], row[1]] for row in people_rows[1:]] == [[b["key"], str(b["people"])] for b in people["buckets"]]


def test_a_period_is_compared_with_the_same_stretch_before(client, month, tenant):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(time=NOW_MS - 7 * DAY_MS + HOUR_MS)))
    since, until = ((NOW_MS // DAY_MS - 13) * DAY_MS, NOW_MS - 7 * DAY_MS)
    before = api(client, tenant, f"events/count?since={iso_text(since)}&until={iso_text(until)}")["total"]
    assert f": {before} in the 7 days before" in text_of(client.get(month))


def test_hours_are_bars_of_a_day(client, month, tenant):
    rows = rows_of(client.get(f"{month}?range=24h&format=csv"))
    assert len(rows) == 25
    since = iso_text((NOW_MS // HOUR_MS - 23) * HOUR_MS)
    assert sum(int(row[1]) for row in rows[1:]) == api(client, tenant, f"events/count?since={since}")["total"]


def test_names_show_the_list_of_the_api_and_lead_to_one_name(client, month, tenant):
    named = api(client, tenant, "names")
    rows = rows_of(client.get(f"{month}/names?format=csv"))
    assert [row[:3] for row in rows[1:]] == [[n["event_name"], n["label"], str(n["events"])] for n in named]
    link = unescape(re.search(r'href="([^"]+/names/one[^"]+)">', client.get(f"{month}/names").text)[1])
    shown = text_of(client.get(link))
    assert named[0]["label"] in shown and f"{named[0]['events']} events in all" in shown


def test_with_very_many_events_the_people_of_a_name_are_counted_in_its_own_room_only(client, month, monkeypatch):
    monkeypatch.setattr("drengr.page.names._MOST_READ", 10)
    shown = text_of(client.get(f"{month}/names"))
    assert "not counted" in shown and "are counted in its own room" in shown
    assert "3 people in 30 days" in text_of(client.get(f"{month}/names/one?event_name=page_viewed"))
    assert {row[3] for row in rows_of(client.get(f"{month}/names?format=csv"))[1:]} == {"3"}


def test_where_the_people_of_names_take_long_the_list_comes_without_them(client, month, store, monkeypatch):
    names = type(store).names

    def only_without(self, project_id, query):
        if query.counts_people:
            raise TooLong(1.0)
        return names(self, project_id, query)

    monkeypatch.setattr(type(store), "names", only_without)
    assert "not counted" in text_of(client.get(f"{month}/names"))


@pytest.mark.parametrize("typed", ["order_completed", "Order Completed", "ORDER COMPLETED"])
@pytest.mark.parametrize("room", ["names/one?event_name=", "live?event_name="])
def test_a_box_for_a_name_takes_it_as_people_write_it(client, month, room, typed):
    shown = client.get(f"{month}/{room}{typed.replace(' ', '+')}")
    assert shown.status_code == 200 and "order_completed" in shown.text and "page_viewed</bdi></a>" not in shown.text


def test_properties_of_a_name_are_those_of_the_api(client, month, tenant):
    told = api(client, tenant, "names/properties?event_name=page_viewed")["properties"]
    rows = rows_of(client.get(f"{month}/names/one?event_name=page_viewed&format=csv&table=properties"))
    assert [row[:3] for row in rows[1:]] == [[each["key"], each["kind"], str(each["events"])] for each in told]


def test_people_are_found_by_the_beginning_of_an_id_and_shown_with_their_events(client, month, tenant):
    found = client.get(f"{month}/people?query=user_1")
    link = unescape(re.search(r'href="([^"]+/people/one[^"]+)"', found.text)[1])
    person = api(client, tenant, "people/one?external_id=user_1")
    shown = text_of(client.get(link))
    assert f"with {person['events']} events" in shown and "Erase this person" in shown
    rows = rows_of(client.get(f"{link}&format=csv"))
    assert len(rows) - 1 == person["events"]


def test_a_person_filtered_by_name_shows_only_those_events(client, month):
    shown = client.get(f"{month}/people/one?external_id=user_0&event_name=Order+Completed").text
    timeline = shown[shown.index("Timeline") :]
    assert "order_completed" in timeline and "page_viewed</bdi></a>" not in timeline


def test_funnel_and_retention_show_the_numbers_of_the_api(client, month, tenant):
    since = iso_text((NOW_MS // DAY_MS - 29) * DAY_MS)
    steps = api(client, tenant, f"funnel?step=page_viewed&step=order_completed&since={since}")["steps"]
    rows = rows_of(client.get(f"{month}/funnel?step=Page+Viewed&step=Order+Completed&format=csv"))
    assert [row[:2] for row in rows[1:]] == [[step["event_name"], str(step["people"])] for step in steps]
    cohorts = api(client, tenant, f"people/retention?since={since}")
    rows = rows_of(client.get(f"{month}/retention?format=csv"))
    assert [row[:3] for row in rows[1:]] == [[c["cohort"], str(c["people"]), str(c["returned"][0])] for c in cohorts]


@pytest.mark.parametrize(
    "asked",
    [
        "?range=8d", "?range=7d&since=2026-11-01", "?since=yesterday", "?until=x", "?since=2026-11-10&until=2026-11-01",
        "?since=2020-01-01", "?colour=red", "?range=7d&range=30d", "/live?limit=x", "/live?cursor=x", "/live?user_id=x",
        "/live/rows?after=x", "/names?cursor=%00", "/names/one", "/people?query=x", "/people/one",
        "/people/one?external_id=a&install_id=b", "/funnel?step=a&step=b&within=0", "/funnel?" + "step=a&" * 9,
        "/retention?period=month", "/problems?range=1y", "/events/1?x=1", "/live?after=1", "/settings?x=1",
        "/import?x=1", "?format=xml", "/live?format=csv&table=names",
    ],
)  # fmt: skip
def test_a_bad_parameter_is_a_page_that_says_so(client, month, asked):
    answer = client.get(month + asked)
    assert answer.status_code == 400
    assert "<h1>This cannot be asked</h1>" in answer.text


def test_a_project_without_events_has_empty_tables(client, here):
    assert rows_of(client.get(f"{here}?format=csv&table=doors"))[1:] == []
    assert client.get(f"{here}?format=csv&table=nothing").status_code == 400


@pytest.mark.parametrize("more", ["", "&event_name=Order+Completed"])
def test_a_person_is_exported_in_the_exact_form(client, month, tenant, more):
    shown = client.get(f"{month}/people/one?external_id=user_0{more}").text
    link = unescape(re.search(r'href="([^"]+)">as NDJSON', shown)[1])
    exact = client.get(f"/admin/projects/{tenant.project_id}/export?external_id=user_0"
                       + more.replace("Order+Completed", "order_completed"), headers=tenant.bearer)  # fmt: skip
    taken = client.get(link)
    assert taken.data == exact.data and taken.data.count(b"\n") > 0 and taken.mimetype == "application/x-ndjson"
    assert "attachment" in taken.headers["Content-Disposition"]


@pytest.mark.parametrize("path", ["names/one?event_name=never", "people/one?external_id=nobody"])
def test_a_name_and_a_person_that_are_not_there_are_404(client, month, path):
    assert client.get(f"{month}/{path}").status_code == 404


@pytest.mark.parametrize(
    ("room", "says"),
    [
        ("?range=24h", "No events in 24 hours. The last one occurred 40 days ago: look at 90 days"),
        ("?range=90d", "Events 78"),
        ("/live?event_name=never", "No event passes these filters. Show every event"),
        ("/names?query=never", "No event name begins so. Show every name"),
        ("/names?query=order_complete_", "Names that look like it: order_completed"),
        ("/people?query=never", "Nobody has an id that begins so."),
        ("/funnel", "How many people did one thing, and then the next, stands here."),
        ("/funnel?step=page_viewed", "A funnel needs at least two steps."),
        ("/retention", "Nobody had their first event in 30 days. Look at 90 days"),
        ("/problems", "Nothing was dropped or refused."),
    ],
)
def test_an_empty_room_says_what_would_stand_there_and_what_to_do(client, month, clock, sign_in, tenant, room, says):
    clock.now_ms += 40 * DAY_MS
    sign_in(tenant)
    shown = text_of(client.get(month + room))
    assert says.replace(" :", ":") in re.sub(r" ([.,:])", r"\1", shown)


def test_history_that_was_received_now_is_looked_for_where_it_occurred(client, here, tenant):
    for days, leads_to in ((1000, "since=2024-01-26&until=2024-02-24"), (40, "range=90d")):
        event = amplitude_event(time=NOW_MS - days * DAY_MS)
        client.post("/batch", json=envelope(tenant.publishable_key, event))
        shown = client.get(here)
        assert f"The last one occurred {days} days ago" in text_of(shown)
        link = unescape(re.search(r'look at <a href="([^"]+)"', shown.text)[1])
        assert link.endswith(leads_to) and "Events 1 " in text_of(client.get(link))


def test_where_no_event_is_left_the_overview_says_so(client, here, tenant, store):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event()))
    store.erase(tenant.project.id, Who("user", amplitude_event()["user_id"]), "page", patience_s=5)
    assert "None is left" in text_of(client.get(here))


def test_a_column_of_numbers_stands_at_the_right(client, month):
    shown = client.get(f"{month}/live?column=n&column=app_version&event_name=page_viewed").text
    assert re.search(r'<th scope="col" class="n">n</th><th scope="col">app_version</th>', shown)
    assert re.search(r'<td class="id n" data-key="n">', shown) and 'class="id n" data-key="app' not in shown


def test_a_file_of_csv_ends_after_so_many_rows(client, month, monkeypatch):
    monkeypatch.setattr("drengr.page.tables.MOST_ROWS", 3)
    assert len(rows_of(client.get(f"{month}/live?format=csv"))) == 1 + 3


def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(client, month, tenant):
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(user_id='=HYPERLINK("http://x")')))
    rows = rows_of(client.get(f"{month}/people?format=csv"))
    assert any(row[1] == '\'=HYPERLINK("http://x")' for row in rows)
