"""What every room has: its address, the frame, the headers, and no word to whoever is not signed in (contract 12)."""

import re

import pytest

from tests.factories import amplitude_event, envelope

ROOMS = [
    "", "/live", "/names", "/people", "/funnel", "/retention", "/import", "/problems", "/settings",
]  # fmt: skip


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_has_one_heading_a_title_and_the_line_on_top(client, here, room):
    answer = client.get(here + room)
    assert answer.status_code == 200
    assert answer.text.count("<h1") == 1 and answer.text.count("<main") == 1
    assert re.search(r"<title>.+ · shop · Drengr</title>", answer.text)
    assert answer.text.count('aria-current="page"') == 1


ANSWERS = [
    ("GET", "/ui/sign-in", 200), ("GET", "/ui/nowhere", 303), ("GET", "/ui/static/0/page.css", 200),
    ("GET", "/ui/static/0/none.css", 404), ("GET", "/ui//x", 404), ("GET", "/ui//", 404), ("POST", "/ui/", 405),
    ("DELETE", "/ui", 405), ("TRACE", "/ui/sign-in", 405), ("FOO", "/ui/static/0/page.css", 405),
    ("POST", "/ui/nowhere", 401), ("POST", "/ui/sign-in", 403), ("GET", "/ui/link/x", 403), ("HEAD", "/ui/link/x", 204),
]  # fmt: skip


@pytest.mark.parametrize(("method", "path", "status"), ANSWERS)
def test_every_answer_has_the_headers_that_keep_others_out(client, method, path, status):
    answer = client.open(path, method=method)
    assert answer.status_code == status and answer.mimetype in ("text/html", "text/css")
    headers = answer.headers
    policy = dict(part.strip().split(" ", 1) for part in headers["Content-Security-Policy"].split(";"))
    assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
    assert {policy[what] for what in ("script-src", "style-src", "img-src", "connect-src", "form-action")} == {"'self'"}
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Referrer-Policy"] == headers["Cross-Origin-Resource-Policy"] == "same-origin"
    assert headers["X-Robots-Tag"] == "noindex"
    assert "Access-Control-Allow-Origin" not in headers


def test_what_leads_nowhere_is_a_page_that_says_where_to_go(client):
    nowhere, undone = client.get("/ui//x"), client.post("/ui/")
    assert "<h1>There is nothing here</h1>" in nowhere.text and "<h1>This cannot be done here</h1>" in undone.text
    assert sorted(undone.headers["Allow"].split(", ")) == ["GET", "HEAD"]
    assert client.post("/ui//x", headers={"Origin": "https://evil.example"}).status_code == 403
    assert client.get("/ui//x", base_url="http://192.0.2.7").status_code == 403


def test_only_files_under_their_fingerprint_are_cached(client):
    page = client.get("/ui/sign-in")
    assert page.headers["Cache-Control"] == "no-store"
    address = re.search(r'href="(/ui/static/[^"]+\.css)"', page.text)[1]
    assert "immutable" in client.get(address).headers["Cache-Control"]
    assert client.get("/ui/static/0/page.css").headers["Cache-Control"] == "no-cache"


def test_whoever_reads_html_is_led_to_the_page(client):
    answer = client.get("/", headers={"Accept": "text/html,application/xhtml+xml"})
    assert (answer.status_code, answer.headers["Location"], answer.headers["Vary"]) == (302, "/ui/", "Accept")
    answer = client.get("/")
    assert (answer.status_code, answer.json) == (404, {"code": 404, "error": "not found"})
    assert answer.headers["Vary"] == "Accept"


def test_the_line_on_top_says_when_the_last_event_came(client, here, tenant, clock):
    assert "no event yet" in client.get(here).text
    client.post("/batch", json=envelope(tenant.publishable_key, amplitude_event()))
    clock.now_ms += 12_000
    assert "12 s ago" in client.get(here).text


@pytest.mark.parametrize("room", [*ROOMS, "/nowhere"])
def test_a_project_not_signed_in_to_and_an_invented_one_answer_alike(client, here, make_tenant, room):
    other = make_tenant("other").project_id
    invented = "00000000-0000-4000-8000-000000000000"
    theirs, nobodys = (client.get(f"/ui/{project}{room}") for project in (other, invented))
    assert theirs.status_code == nobodys.status_code == 303
    assert theirs.headers["Location"].replace(other, invented) == nobodys.headers["Location"]
    assert theirs.text.replace(other, invented) == nobodys.text


@pytest.mark.parametrize(("method", "room"), [("get", "/live?format=csv"), ("post", ""), ("post", "/nowhere")])
def test_data_and_what_changes_something_are_401_without_asking_for_a_password(client, tenant, method, room):
    answer = getattr(client, method)(f"/ui/{tenant.project_id}{room}")
    assert answer.status_code == 401
    assert "WWW-Authenticate" not in answer.headers


def test_the_pages_routes_read_no_keys_and_the_doors_no_cookie(client, here, tenant):
    assert client.get(f"/admin/projects/{tenant.project_id}/events").status_code == 401
    client.post("/ui/sign-out")
    assert client.get(here, headers=tenant.bearer).status_code == 303


class TestOff:
    @pytest.fixture
    def settings(self):
        return {"DRENGR_UI": "off"}

    @pytest.mark.parametrize("path", ["/ui", "/ui/", "/ui/sign-in", "/ui/static/0/page.css", "/"])
    def test_without_a_page_there_is_nothing_there(self, client, path):
        answer = client.get(path, headers={"Accept": "text/html"})
        assert (answer.status_code, answer.json) == (404, {"code": 404, "error": "not found"})
