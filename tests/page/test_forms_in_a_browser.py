"""Everything with a form, in a real Chromium: signing in and out, keys, files, erasing (contract 12)."""

import json
import random
from collections.abc import Iterator
from contextlib import closing

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.test_import_file import many, zipped
from tests.page.browsing import Visitor, chromium
from tests.page.test_in_a_browser import check
from tests.service import Service

pytestmark = [pytest.mark.xdist_group("page-forms"), pytest.mark.slow]


@pytest.fixture(scope="module")
def service(tmp_path_factory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("forms") / "drengr.db", WEB_CONCURRENCY="1") as started:
        yield started


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as started:
        yield started


@pytest.fixture
def tenant(service) -> dict[str, str]:
    return service.project(f"shop {random.random()}")


@pytest.fixture
def visitor(browser) -> Iterator[Visitor]:
    """A browser that nobody has used yet."""
    with closing(browser.new_context()) as context:
        yield Visitor.of(context)


@pytest.fixture
def page(visitor) -> Page:
    return visitor.page


def sign_in(page: Page, service: Service, key: str) -> None:
    page.goto(f"{service.url}/ui/sign-in")
    page.get_by_label("Secret key").fill(key)
    page.keyboard.press("Enter")


@pytest.fixture
def here(page, service, tenant) -> str:
    """The address of the project, signed in to."""
    sign_in(page, service, tenant["secret_key"])
    expect(page.locator("h1")).to_have_text("Overview")
    return page.url.rstrip("/")


def test_a_link_signs_in_once_and_sign_out_ends_it(page, visitor, service, tenant):
    link = service.command("ui", tenant["project_id"]).strip()
    page.goto(link)
    expect(page.locator("h1")).to_have_text("Overview")
    here = page.url
    page.get_by_role("button", name="Sign out").click()
    expect(page.locator("h1")).to_have_text("Sign in")
    page.goto(here)
    expect(page.locator("h1")).to_have_text("Sign in")
    page.goto(link)
    expect(page.locator("main")).to_contain_text("This link does not work")


def test_a_view_that_was_asked_for_is_shown_after_signing_in(page, service, tenant):
    asked = f"{service.url}/ui/{tenant['project_id']}/names?query=a%20b"
    page.goto(asked)
    page.get_by_label("Secret key").fill("drengr_sk_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("This key opens nothing")
    page.get_by_label("Secret key").fill(f"  {tenant['secret_key']}  ")
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("h1")).to_have_text("Names")
    assert page.url == asked


def test_everywhere_ends_the_session_of_another_browser(page, here, browser, service, tenant):
    with closing(browser.new_context()) as context:
        other = context.new_page()
        sign_in(other, service, tenant["secret_key"])
        page.goto(f"{here}/settings")
        page.get_by_role("button", name="Sign out everywhere").click()
        expect(page.locator("h1")).to_have_text("Sign in")
        other.goto(f"{here}/settings")
        expect(other.locator("h1")).to_have_text("Sign in")


def test_a_key_is_made_used_rotated_and_revoked(page, here, browser, service):
    page.goto(f"{here}/settings")
    page.get_by_label("A new key").select_option("secret")
    page.get_by_role("button", name="Make it").click()
    made = page.locator("pre#made").inner_text()
    with closing(browser.new_context()) as context:
        other = context.new_page()
        sign_in(other, service, made)
        expect(other.locator("h1")).to_have_text("Overview")
        page.get_by_role("link", name="Back to Settings").click()
        page.get_by_role("link", name=f"Rotate {made[:16]}").click()
        page.get_by_role("button", name="Make the new key").click()
        assert page.locator("pre#made").inner_text() != made
        page.get_by_role("link", name="Back to Settings").click()
        page.get_by_role("link", name=f"Revoke {made[:16]}").click()
        page.get_by_role("button", name="Revoke this key").click()
        expect(page.locator("h1")).to_have_text("Settings")
        other.goto(f"{here}/settings")
        expect(other.locator("h1")).to_have_text("Sign in")


def chosen(page: Page, here: str, name: str, data: bytes) -> None:
    page.goto(f"{here}/import")
    page.get_by_label("Choose a file").set_input_files({"name": name, "mimeType": "", "buffer": data})


def test_a_file_is_guessed_looked_at_and_imported(page, visitor, here):
    chosen(page, here, "export.zip", zipped({"1/a.json": many(3000)}))
    report = page.locator("#report")
    expect(report).to_contain_text("3,000 rows, 1 name, 1 June 2026 to 1 June 2026.")
    expect(report).to_contain_text("New: 3,000. Here already: 0.")
    assert page.get_by_label("Whose it is").input_value() == "amplitude"
    page.get_by_role("button", name="Import").click()
    expect(report).to_contain_text("Done: 3,000 stored, 0 here already, 0 left out, of 1 file.")
    page.get_by_role("link", name="See the names").click()
    expect(page.locator("h1")).to_have_text("Names")
    assert visitor.complaints == []


def test_a_dropped_file_is_taken_too_and_its_progress_is_told(page, here):
    page.goto(f"{here}/import")
    rows = many(100).decode()
    page.evaluate(
        """rows => {
            const files = new DataTransfer();
            files.items.add(new File([rows], "export.ndjson"));
            const drop = new DragEvent("drop", {dataTransfer: files, cancelable: true});
            document.getElementById("import").dispatchEvent(drop);
        }""",
        rows,
    )
    expect(page.locator("#report")).to_contain_text("100 rows")
    page.evaluate("""() => {
        window.told = [];
        const words = document.getElementById("going-words");
        new MutationObserver(() => told.push(words.textContent)).observe(words, {childList: true});
    }""")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#report")).to_contain_text("Done: 100 stored")
    assert any("sent" in words for words in page.evaluate("told"))


def test_another_vendors_file_is_refused_with_a_reason(page, here, service):
    chosen(page, here, "export.json", many(50))
    expect(page.locator("#report")).to_contain_text("50 rows")
    page.get_by_label("Whose it is").select_option("mixpanel")
    expect(page.locator("#report")).to_contain_text("they look like amplitude")
    expect(page.get_by_role("button", name="Import")).to_be_disabled()


def test_hostile_words_of_a_file_are_text(page, visitor, here):
    row = {"event_type": "<img src=x onerror=alert(1)>", "event_time": "2026-06-01 12:00:00", "device_id": "d",
           "event_properties": {"<b>email": 1}}  # fmt: skip
    rows = [row, row | {"$insert_id": "2"}, {"event_type": "<script>", "device_id": "d"}]
    chosen(page, here, "a.json", "\n".join(map(json.dumps, rows)).encode())
    expect(page.locator("#report")).to_contain_text("<img src=x onerror=alert(1)>")
    expect(page.locator("#report")).to_contain_text("<b>email")
    assert page.locator("#report img, #report b, #report script").count() == 0
    assert visitor.complaints == []


def test_a_mapping_is_asked_for_where_there_is_no_vendor(page, here):
    row = b'{"event": "Signed up", "time": "2026-06-01T12:00:00Z", "user_id": "u_9"}\n'
    chosen(page, here, "own.ndjson", row)
    expect(page.get_by_role("status").first).to_contain_text("choose")
    page.get_by_label("Whose it is").select_option("generic")
    page.get_by_role("button", name="Look at it").click()
    expect(page.locator("#report")).to_contain_text("1 row, 1 name")


def test_a_person_is_found_and_erased(page, here, service, tenant):
    event = b'{"event_type": "a", "event_time": "2026-06-01 12:00:00", "user_id": "u_erase", "$insert_id": "1"}\n'
    chosen(page, here, "one.ndjson", event)
    expect(page.locator("#report")).to_contain_text("1 row")
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#report")).to_contain_text("Done")
    page.goto(f"{here}/people/one?external_id=u_erase")
    page.get_by_role("link", name="Erase").click()
    page.get_by_label("Type the id").fill("u_erased")
    page.get_by_role("button", name="Erase").click()
    expect(page.get_by_role("alert")).to_contain_text("Not erased")
    page.get_by_label("Type the id").fill("u_erase")
    page.get_by_role("button", name="Erase").click()
    expect(page.locator("main")).to_contain_text("1 event is gone")
    page.goto(f"{here}/people/one?external_id=u_erase")
    expect(page.locator("h1")).to_have_text("There is nothing here")


def test_every_form_is_readable_by_everybody(page, visitor, here, service):
    """axe, three widths, both colours: of each page that a room leads to."""
    chosen(page, here, "a long name of a file in many words.ndjson", many(30))
    expect(page.locator("#report")).to_contain_text("30 rows")
    check(visitor, service)
    page.get_by_role("button", name="Import").click()
    expect(page.locator("#report")).to_contain_text("Done")
    key = page.evaluate("""async () => {
        const found = new DOMParser().parseFromString(await (await fetch("settings")).text(), "text/html");
        return found.querySelector("td.acts a").getAttribute("href").split("/").at(-2);
    }""")
    addresses = [
        "import", "import/1/undo", "settings", "settings/keep?days=1", f"settings/keys/{key}/rotate",
        f"settings/keys/{key}/revoke", "people/erase?install_id=d1", "people/erase?external_id=nobody",
    ]  # fmt: skip
    for address in addresses:
        page.goto(f"{here}/{address}")
        check(visitor, service)
    page.get_by_label("Type the id").fill("another")
    page.get_by_role("button", name="Erase").click()
    check(visitor, service)
    page.get_by_label("Type the id").fill("nobody")
    page.get_by_role("button", name="Erase").click()
    check(visitor, service)
    page.goto(f"{here}/settings")
    page.get_by_role("button", name="Make it").click()
    check(visitor, service)
    page.get_by_role("link", name="another project").click()
    check(visitor, service)
    page.get_by_label("Secret key").fill("x")
    page.keyboard.press("Enter")
    check(visitor, service)
    page.goto(service.command("ui").strip())
    check(visitor, service)
