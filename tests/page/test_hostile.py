"""Whatever anybody sends appears as text, in every room (contract 12)."""

import re
from html import unescape
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.api.service import EXTENSION
from tests.factories import amplitude_event, envelope

CRAFTED = [
    "<script>alert(1)</script>", "\"'><img src=x onerror=alert(1)>", "javascript:alert(1)", "{{ 7*7 }}{% raw %}",
    "&lt;b&gt;", "</title><svg onload=alert(1)>", "\x00\x01\x1b[31m", "\ud800", "\u202egnp.exe", "א" * 40, "x" * 5000,
    "a b/c?d=e&f#g", "%3Cscript%3E", "\n\r\t", "🙂" * 3, "-", "0", "None", "../../..", "\u2028", "‏",
]  # fmt: skip
ROOMS = [
    "", "/live", "/live?column={}", "/live?event_name={}", "/live?external_id={}", "/names", "/names?query={}",
    "/names/one?event_name={}", "/people", "/people?query={}", "/people/one?external_id={}",
    "/people/one?install_id={}", "/funnel?step={}&step={}", "/retention", "/problems",
]  # fmt: skip
OURS = {  # every element and attribute that a page of ours has
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "details", "summary", "ul", "ol", "li",
    "span", "nav", "time", "main", "h1", "h2", "h3", "p", "form", "input", "label", "button", "div", "dl", "dt", "dd",
    "b", "section", "figure", "figcaption", "svg", "path", "rect", "i", "table", "thead", "tbody", "tr", "th", "td",
    "bdi", "code", "pre", "footer", "datalist", "option", "fieldset", "legend", "noscript", "strong", "br", "select",
    "textarea", "progress",
}  # fmt: skip


class Reader(HTMLParser):
    """Tags and addresses of a page, as a browser would find them."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.addresses: set[str] = set()
        self.handlers: set[str] = set()
        self.scripts = 0
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.tags.add(tag)
        self.scripts += tag == "script"
        for name, value in attrs:
            if name in ("href", "src", "action", "data-live", "data-refresh"):
                self.addresses.add(value or "")
            if name.startswith("on") or name in ("style", "srcdoc"):
                self.handlers.add(name)


@pytest.fixture
def send(app, client, tenant):
    """send(text) stores an event that has the text wherever a text may be, and tells the address of that event."""

    def store_with(text: str) -> None:
        clean = text.encode("utf-8", "replace").decode()
        event = amplitude_event(
            event_type=clean or "x", user_id=clean, device_id=clean, session_id=clean, insert_id=clean[:200] or "x",
            event_properties={clean: clean, "n": 1}, user_properties={"plan": clean}, app_version=clean, os_name=clean,
        )  # fmt: skip
        client.post("/batch", json=envelope(tenant.publishable_key, event, {"event_type": clean, "time": 1}))

    return store_with


def looked_at(client, address: str) -> Reader:
    answer = client.get(address)
    assert answer.status_code in (200, 400, 404), address
    page = Reader(answer.text)
    assert page.tags <= OURS and page.handlers == set() and page.scripts == 1, address
    assert all(each.startswith(("/ui/", "#")) for each in page.addresses), page.addresses
    return page


@pytest.mark.parametrize("text", CRAFTED, ids=range(len(CRAFTED)))
def test_crafted_text_is_text_in_every_room(client, here, send, app, text):
    send(text)
    app.extensions[EXTENSION].outcomes.close()
    with app.test_request_context():
        from urllib.parse import quote_plus

        quoted = quote_plus(text.encode("utf-8", "replace"))[:3000]
    for room in ROOMS:
        looked_at(client, here + room.replace("{}", quoted))
    link = re.search(rf'href="({here}/events/\d+)"', client.get(f"{here}/live").text)
    if link:
        looked_at(client, link[1])


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.text(min_size=1, max_size=60))
def test_any_text_is_text_in_every_room(client, here, send, text):
    send(text)
    for room in ("", "/live", "/names", "/people", "/problems"):
        looked_at(client, here + room)
    first = re.search(rf'href="({here}/events/\d+)"', client.get(f"{here}/live").text)
    looked_at(client, first[1])
    for link in re.findall(r'href="([^"]+/one\?[^"]+)"', client.get(f"{here}/live").text)[:2]:
        looked_at(client, link.replace("&amp;", "&"))


def is_text(answer) -> None:
    """Whatever it answers, nothing of it is markup, a script or an address of somebody else's."""
    assert answer.status_code < 500
    if answer.mimetype == "text/html":
        page = Reader(answer.text)
        assert page.tags <= OURS and page.handlers == set() and page.scripts <= 1
        assert all(each.startswith(("/ui/", "#")) for each in page.addresses), page.addresses
    else:
        assert answer.mimetype == "application/json" and answer.headers["X-Content-Type-Options"] == "nosniff"


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(text=st.sampled_from(CRAFTED) | st.text(min_size=1, max_size=60))
def test_any_text_is_text_where_something_is_changed(client, here, send, text):
    send(text)
    clean = text.encode("utf-8", "replace").decode()
    name = quote(clean, safe="")
    row = b'{"event_type":"a","user_id":"u","event_time":"2026-11-20 10:00:00"}'
    file = {"Content-Disposition": f"attachment; filename*=UTF-8''{name}"}
    sources = {"source": "amplitude", "app_package": clean}, {"source": clean}, {"source": "generic", "mapping": clean}
    for asked in sources:
        is_text(client.post(f"{here}/import/file", query_string=asked, data=row, headers=file))
        is_text(client.post(f"{here}/import/file", query_string=asked | {"dry_run": "1", "time_zone": clean}, data=row))
    is_text(client.post(f"{here}/import/guess", data=clean.encode()))
    for room in ("import", f"import/{name}/undo", f"settings/keys/{name}/revoke", f"settings/keep?days={name}"):
        is_text(client.get(f"{here}/{room}"))
    is_text(client.post(f"{here}/settings/keep/done", data={"days": clean, "typed": clean}))
    is_text(client.post(f"{here}/settings/keys", data={"kind": clean}))
    is_text(client.get(f"{here}/people/erase", query_string={"external_id": clean}))
    done = client.post(f"{here}/people/erase/done", data={"external_id": clean, "typed": clean})
    is_text(done)
    for room in (done.headers.get("Location", here), f"{here}/people/erased?receipt={name}", f"{here}/settings"):
        is_text(client.get(room))


@pytest.mark.parametrize("character", ["x", "é"])
def test_an_id_that_no_address_can_hold_is_text_and_pages_stay_small(client, here, tenant, character):
    for number in range(50):
        who = {"user_id": f"{number}" + character * 10_000, "device_id": f"{number}" + character * 3001}
        client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event(**who)))
    for room in ("/live", "/people", "/names", ""):
        page = client.get(here + room)
        assert len(page.data) < 100_000
        assert room not in ("/live", "/people") or f"49{character * 100}" in page.text
        assert all(len(address) < 4000 for address in Reader(page.text).addresses)
    event = client.get(re.search(rf'href="({here}/events/\d+)"', client.get(f"{here}/live").text)[1]).text
    assert f"49{character * 10_000}<" in event and "too long for an address" in event
    client.post("/ui/sign-out")
    sent_back = client.get(f"{here}/live?event_name={character * 1900}")
    assert sent_back.status_code == 303 and len(sent_back.headers["Location"]) < 4000


def test_texts_of_100_kb_are_shown_and_cut(client, here, app, tenant):
    text = "<script>\u202e" + "x" * 100_000
    event = {"app_user_id": "8f6f2b34-1111-4222-8333-123456789012", "event_name": text, "properties": {text: text}}
    posted = client.post(f"/admin/projects/{tenant.project_id}/events", json=event, headers=tenant.bearer)
    assert posted.status_code == 200
    for room in ("", "/live", "/names", "/people", f"/people/erase?external_id={text}", f"/names?query={text}"):
        looked_at(client, here + room)
    for link in re.findall(r'href="([^"]+/(?:one\?|events/)[^"]+)"', client.get(f"{here}/live").text):
        page = client.get(unescape(link))
        assert page.status_code == 200 and Reader(page.text).tags <= OURS
    assert client.post(f"{here}/people/erase/done", data={"external_id": text, "typed": text}).status_code == 413
    is_text(client.post(f"{here}/import/file?source=amplitude", data=text.encode()))
