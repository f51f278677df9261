"""Every room in a real Chromium: three widths, light and dark, with axe, by keyboard alone, and without a script."""

import json
import re
import subprocess
import threading
from collections.abc import Iterator
from contextlib import closing
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import Browser, expect

from tests.page.browsing import Open, Visitor, chromium, node_file
from tests.service import Service

pytestmark = [pytest.mark.xdist_group("page"), pytest.mark.slow]

MOST_BYTES = 100_000  # of a cold load
ROOMS = {
    "overview": "", "hours": "?range=24h", "quarter": "?range=90d", "live": "/live",
    "columns": "/live?event_name=Product+Viewed&column=product&column=price", "names": "/names",
    "one name": "/names/one?event_name=Order+Completed", "people": "/people", "funnel": "/funnel",
    "steps": "/funnel?step=Product+Viewed&step=Product+Added&step=Checkout+Started&step=Order+Completed",
    "retention": "/retention?range=90d", "weeks": "/retention?range=90d&period=week", "problems": "/problems",
    "import": "/import", "settings": "/settings", "error": "/nowhere", "bad": "?range=8d",
}  # fmt: skip
DEMO = "demo.db"


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    """A service on the demo file, with a project beside it that never had an event."""
    service = Service(tmp_path_factory.mktemp("page") / DEMO, WEB_CONCURRENCY="1")
    service.command("demo", str(service.database))
    with service:
        service.project("new")
        yield service


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture(scope="module")
def cookies(service, browser) -> tuple[list, dict[str, str]]:
    """(what a browser that is signed in to everything holds, the address of each project)."""
    with closing(browser.new_context()) as context:
        page = context.new_page()
        page.goto(service.command("ui").strip())
        links = page.locator("main li a")
        addresses = {link.inner_text(): link.get_attribute("href").rstrip("/") for link in links.all()}
        return context.cookies(), addresses


@pytest.fixture
def open_(service, browser, cookies) -> Iterator[Open]:
    """open_("/live") → a window there, signed in to the shop; more are settings of the browser's context.

    hurried  its clock can be put forward, so that nobody waits for what it asks in a while: see Visitor.hurry
    """
    contexts = []

    def visit(room: str = "", project: str = "shop", *, hurried: bool = False, **more: object) -> Visitor:
        context = browser.new_context(**{"viewport": {"width": 1440, "height": 900}, **more})
        contexts.append(context)
        context.add_cookies(cookies[0])
        visitor = Visitor.of(context)
        if hurried:
            visitor.page.clock.install()
        visitor.page.goto(service.url + cookies[1][project] + room)
        return visitor

    yield visit
    for context in contexts:
        context.close()


def send(service: Service, key: str, name: str, **more: object) -> None:
    event = {"event_type": name, "user_id": "u_9", "device_id": "d_9", **more}
    body = json.dumps({"api_key": key, "events": [event]}).encode()
    with urlopen(Request(f"{service.url}/batch", body, {"Content-Type": "application/json"})) as answer:
        assert answer.status == 200


def check(visitor: Visitor, service: Service) -> None:
    """What must hold of every room. Colours are the same at every width: each is looked at in one."""
    wrong = []
    for width, colours in ((1440, "light"), (768, None), (360, "dark")):
        visitor.page.set_viewport_size({"width": width, "height": 800})
        if visitor.sideways() > 0:
            wrong.append(f"{visitor.sideways()} px too wide at {width}")
        if colours:
            visitor.page.emulate_media(color_scheme=colours, reduced_motion="reduce")
            wrong += [f"{colours}, {width}: {each}" for each in visitor.axe()]
    visitor.page.get_by_text("Figures", exact=True).evaluate_all("all => all.forEach(each => each.click())")
    if visitor.sideways() > 0:
        wrong.append("too wide with its figures open")
    assert wrong == []
    assert [url for url in visitor.asked if not url.startswith(service.url)] == []


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_is_readable_by_everybody_and_asks_nobody_else(room, open_, service):
    visitor = open_(ROOMS[room])
    sizes = {answer.url: answer.request.sizes()["responseBodySize"] for answer in visitor.answers}
    assert sum(sizes.values()) <= MOST_BYTES, sizes
    check(visitor, service)
    expected = [] if room not in ("error", "bad") else visitor.complaints[:1]  # Chromium tells of the status itself
    assert visitor.complaints == expected


@pytest.mark.parametrize("what", ["an event", "a person"])
def test_so_is_one_event_and_one_person(what, open_, service):
    visitor = open_("/live")
    visitor.page.locator("tbody a").nth(0 if what == "an event" else 1).click()
    expect(visitor.page.locator("h1.id")).to_be_visible()
    check(visitor, service)
    assert visitor.complaints == []


def test_the_first_event_of_a_page_elsewhere_arrives_in_the_first_run(open_, service, browser):
    """Another origin, the real browser SDK, and the snippet's own words."""
    visitor = open_("", project="new", hurried=True)
    check(visitor, service)
    expect(visitor.page.locator("main")).to_contain_text("No event has arrived yet")
    lines = visitor.page.locator("pre", has_text="amplitude.init(").first.inner_text()
    script = node_file("@amplitude/analytics-browser/lib/scripts/amplitude-min.umd.js")
    with closing(Page(script, lines)) as elsewhere, closing(browser.new_context()) as context:
        app = Visitor.of(context)
        with app.page.expect_response(f"{service.url}/amplitude-ingest"):
            app.page.goto(elsewhere.url)
        visitor.hurry()
        expect(visitor.page.locator("main")).to_contain_text("That is your first event")
        assert [url for url in app.asked if not url.startswith((service.url, elsewhere.url))] == []
    visitor.page.locator(".arrived a.id").click()
    expect(visitor.page.locator("h1.id")).to_be_visible()
    visitor.page.goto(service.url + visitor.page.locator("nav a").first.get_attribute("href"))
    expect(visitor.page.locator("dl.figures")).to_be_visible()
    assert visitor.complaints == []


class Page:
    """A web page on an origin of its own that loads the SDK's script and then runs the snippet's lines."""

    def __init__(self, script: Path, lines: str) -> None:
        code = lines[lines.index("amplitude.init(") :].split("</script>")[0]
        files = {
            "/": f'<!doctype html><title>shop</title><script src="/sdk.js"></script><script>{code}</script>'.encode(),
            "/sdk.js": script.read_bytes(),
        }

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                body = files.get(self.path, b"")
                self.send_response(200 if body else 404)
                self.send_header("Content-Type", "text/javascript" if self.path.endswith(".js") else "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        self.url = f"http://localhost:{self._server.server_port}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def shop_key(service: Service) -> str:
    keys = json.loads(service.command("key", "list", "--json"))
    return next(each["key"] for each in keys if each["project"] == "shop" and each["kind"] == "publishable")


def test_live_shows_what_comes_and_says_so_once(open_, service):
    visitor = open_("/live", hurried=True)
    key, page = shop_key(service), visitor.page
    send(service, key, "Bell Rung")
    visitor.hurry()
    expect(page.locator("tbody tr").first).to_contain_text("bell_rung")
    expect(page.get_by_role("status")).to_have_text("1 new event.")
    expect(page.locator(".last")).to_contain_text(re.compile(r"last event \d+ s ago"))
    page.get_by_role("button", name="Pause").click()
    send(service, key, "Bell Rung Again")
    visitor.hurry()
    expect(page.locator("tbody tr").first).not_to_contain_text("bell_rung_again")
    page.get_by_role("button", name="Go on").click()
    expect(page.locator("tbody tr").first).to_contain_text("bell_rung_again")
    expect(page.get_by_role("status")).to_have_text("1 new event waited.")
    assert visitor.complaints == []


def test_live_ends_with_the_session(open_, service):
    visitor = open_("/live", hurried=True)
    visitor.context.clear_cookies()
    send(service, shop_key(service), "Unseen")
    visitor.hurry()
    expect(visitor.page.get_by_role("status")).to_contain_text("You are signed out")


def test_times_turn_to_the_zone_of_the_browser_and_back(open_, service):
    visitor = open_("/live", timezone_id="Asia/Tokyo")
    time = visitor.page.locator("tbody time").first
    utc = time.inner_text()
    visitor.page.get_by_role("button", name="my zone").click()
    expect(time).not_to_have_text(utc)
    visitor.page.reload()
    assert visitor.page.locator("tbody time").first.inner_text() != utc
    visitor.page.get_by_role("button", name="UTC").click()
    expect(time).to_have_text(utc)


def test_without_a_clipboard_the_text_is_selected(open_):
    visitor = open_("/live")
    visitor.page.locator("tbody a").first.click()
    visitor.page.evaluate("Object.defineProperty(navigator, 'clipboard', {value: undefined}); 0")
    visitor.page.locator("[data-copy]").first.click()
    expect(visitor.page.locator("[data-copy]").first).to_contain_text("Selected")
    assert visitor.page.evaluate("getSelection().toString().length") > 50


def test_the_keyboard_alone_is_enough(open_):
    page = open_("").page
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "24 hours"
    assert page.evaluate("getComputedStyle(document.activeElement).outlineWidth") == "2px"
    page.keyboard.press("Enter")
    expect(page.locator("h2").first).to_have_text("Events an hour")
    page.goto(page.url.split("?")[0].rstrip("/") + "/funnel")
    page.get_by_label("Step 1").focus()
    page.keyboard.type("Product Viewed")
    page.keyboard.press("Tab")
    page.keyboard.type("Order Completed")
    page.keyboard.press("Enter")
    expect(page.locator("table")).to_contain_text("order_completed")


def test_every_control_can_be_reached_by_tab_and_shows_it(open_):
    page = open_("/live").page
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.textContent.trim() || document.activeElement.id"))
    assert {"Overview", "Settings", "event_name", "external_id", "source", "Columns", "Show", "Pause", "CSV"} <= seen


def test_without_a_script_nothing_is_missing_but_what_needs_one(open_):
    page = open_("/live", java_script_enabled=False).page
    expect(page.get_by_text("Load the page again to see newer ones")).to_be_visible()
    expect(page.get_by_role("button", name="Pause")).to_be_hidden()
    page.get_by_label("Event", exact=True).fill("Order Completed")
    page.get_by_role("button", name="Show").click()
    expect(page.locator("tbody tr").first).to_contain_text("order_completed")
    page.get_by_role("link", name="Next page").click()
    expect(page.locator("tbody tr").first).to_contain_text("order_completed")
    page.get_by_role("link", name="Overview").click()
    page.locator("summary", has_text="Figures").first.click()
    expect(page.locator("figure table").first).to_be_visible()


def test_csv_is_a_file(open_):
    page = open_("/names").page
    with page.expect_download() as download:
        page.get_by_role("link", name="CSV").click()
    assert download.value.suggested_filename == "names.csv"
    assert "product_viewed,Product Viewed," in Path(download.value.path()).read_text()


def test_a_demo_is_never_made_over_a_file(service, tmp_path):
    there = tmp_path / DEMO
    there.write_text("mine")
    with pytest.raises(subprocess.CalledProcessError) as refused:
        service.command("demo", str(there))
    assert "is there already" in refused.value.stderr
    assert there.read_text() == "mine"
