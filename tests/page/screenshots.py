"""Pictures of the page on the demo file.

    python -m tests.page.screenshots              the two of the README, into docs/screenshots/
    python -m tests.page.screenshots --all DIR    every room, light and dark, at three widths, to be looked at
"""

import argparse
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from tests.page.browsing import chromium
from tests.service import Service

FOLDER = Path(__file__).parents[2] / "docs" / "screenshots"
FUNNEL = "funnel?step=Product+Viewed&step=Product+Added&step=Checkout+Started&step=Order+Completed"
README = {"overview": ("", "light", 900), "funnel": (FUNNEL, "dark", 800)}  # address, colours, height
ROOMS = {
    "overview": "", "hours": "?range=24h", "month": "?range=30d", "quarter": "?range=90d", "live": "live",
    "columns": "live?event_name=product_viewed&column=product&column=price", "names": "names",
    "one-name": "names/one?event_name=order_completed", "people": "people", "funnel": FUNNEL, "ask": "funnel",
    "retention": "retention", "weeks": "retention?range=90d&period=week", "import": "import", "problems": "problems",
    "settings": "settings", "error": "nowhere",
}  # fmt: skip
WIDTHS = (360, 768, 1440)


@contextmanager
def signed_in() -> Iterator[tuple[Page, str]]:
    """A window that is signed in to the demo, and the address of its Overview."""
    with tempfile.TemporaryDirectory() as folder:
        service = Service(Path(folder) / "demo.db", WEB_CONCURRENCY="1")
        service.command("demo", str(service.database))
        with service, chromium() as browser:
            page = browser.new_page()
            page.goto(service.command("ui").strip())
            yield page, page.url


def main() -> None:
    """Make them."""
    parser = argparse.ArgumentParser(prog="python -m tests.page.screenshots")
    parser.add_argument("--all", metavar="DIR", type=Path)
    everything: Path | None = parser.parse_args().all
    with signed_in() as (page, overview):
        if everything is None:
            for name, (address, colours, height) in README.items():
                page.set_viewport_size({"width": 1200, "height": height})
                page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
                page.goto(overview + address)
                page.screenshot(path=FOLDER / f"{name}.png")
            return
        everything.mkdir(parents=True, exist_ok=True)
        _shoot_all(page, _rooms(page, overview), everything)


def _rooms(page: Page, overview: str) -> dict[str, str]:
    """Every room's address, with one event and one person that the demo has."""
    page.goto(overview + "live")
    event, person = (page.locator("tbody a").nth(number).get_attribute("href") for number in (0, 1))
    origin = overview.partition("/ui/")[0]
    found = {name: overview + address for name, address in ROOMS.items()}
    return found | {"event": f"{origin}{event}", "person": f"{origin}{person}"}


def _shoot_all(page: Page, rooms: dict[str, str], folder: Path) -> None:
    for name, address in rooms.items():
        page.goto(address)
        for width in WIDTHS:
            for colours in ("light", "dark"):
                page.set_viewport_size({"width": width, "height": 900})
                page.emulate_media(color_scheme=colours)  # type: ignore[arg-type]
                page.screenshot(path=folder / f"{name}-{width}-{colours}.png")


if __name__ == "__main__":
    main()
