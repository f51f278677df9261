"""The page in a real Chromium: one browser, one service, and what a visit of a room leaves behind."""

import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest

if not os.environ.get("CI"):  # there it is installed, or something is wrong
    pytest.importorskip("playwright.sync_api", reason="playwright is missing: pip install -e '.[dev]'")

from playwright.sync_api import Browser, BrowserContext, Page, Response, expect, sync_playwright

NODE_MODULES = Path(__file__).parents[1] / "sdk" / "node_modules"
# Without a sandbox of its own: CI is root in a container. QUIC, GPU and updates would be requests of the browser's own.
_ARGUMENTS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip


expect.set_options(timeout=45_000)  # a busy machine is no fault, and Live looks every 30 s when nothing comes


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium; without it the test skips, or fails where CI is set."""
    path = shutil.which("chromium") or missing("Chromium is missing (Debian: apt-get install chromium).")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


def missing(sentence: str) -> str:
    """What a test needs is not on this machine."""
    (pytest.fail if os.environ.get("CI") else pytest.skip)(sentence)


def node_file(name: str) -> Path:
    """A file of tests/sdk/node_modules."""
    path = NODE_MODULES / name
    if not path.exists():
        missing(f"{name} is missing: npm ci --prefix tests/sdk --ignore-scripts")
    return path


@dataclass
class Visitor:
    """One browser window, and all that it asked for and complained of."""

    context: BrowserContext
    page: Page
    asked: list[str] = field(default_factory=list)
    complaints: list[str] = field(default_factory=list)
    answers: list[Response] = field(default_factory=list)

    @classmethod
    def of(cls, context: BrowserContext) -> "Visitor":
        """A new window."""
        visitor = cls(context, context.new_page())
        visitor.page.on("request", lambda request: visitor.asked.append(request.url))
        visitor.page.on("response", lambda answer: visitor.answers.append(answer))
        visitor.page.on("pageerror", lambda error: visitor.complaints.append(str(error)))
        visitor.page.on("requestfailed", lambda request: visitor.complaints.append(f"failed: {request.url}"))
        visitor.page.on("console", lambda said: visitor.complaints.append(said.text) if said.type == "error" else None)
        return visitor

    def axe(self) -> list[str]:
        """What axe-core finds wrong; its rules of WCAG 2.2 AA and good practice."""
        if not self.page.evaluate("'axe' in window"):
            self.page.evaluate(node_file("axe-core/axe.min.js").read_text())
        found = self.page.evaluate("axe.run(document, {resultTypes: ['violations']}).then(r => r.violations)")
        return [f"{each['id']}: {[node['html'][:200] for node in each['nodes'][:3]]}" for each in found]

    def hurry(self) -> None:
        """What the page would ask within the next half minute it asks now; its clock was installed as it was opened."""
        self.page.clock.fast_forward(30_000)

    def sideways(self) -> int:
        """How many px the page is wider than the window."""
        return self.page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")


Open = Callable[..., Visitor]
