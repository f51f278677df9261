"""What the SDK tests need on the machine, and how one driver script is run; `Missing` says what is not there."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.sdk.relay import Exchange, Relay

HERE = Path(__file__).parent
OLD_PYTHON_SDK = "amplitude-analytics==1.0.0"
DRIVER_SECONDS = 120


class Missing(Exception):
    """A sentence about something that these tests need and the machine does not have."""


@dataclass
class Run:
    """What one SDK did in one scenario: what it reported, and what crossed the wire."""

    user: str
    sent: int = 0
    reports: list[dict[str, Any]] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    more: dict[str, Any] = field(default_factory=dict)

    @property
    def posts(self) -> list[Exchange]:
        return [e for e in self.exchanges if e.method == "POST"]

    @property
    def codes(self) -> list[int]:
        return [report["code"] for report in self.reports]

    @property
    def delivered(self) -> list[dict[str, Any]]:
        """Events of every request that was answered 200, as the wire had them; one sent twice is listed once.

        A browser sends events again when its page goes away while their first request is under way.
        """
        events = [event for post in self.posts if post.status == 200 for event in post.envelope["events"]]
        return list({sent_id(event) or object(): event for event in events}.values())


def sent_id(event: dict[str, Any]) -> str | None:
    """The SDK's own id of an event; amplitude-js spells it uuid, @amplitude/node sends none."""
    return event.get("insert_id") or event.get("uuid")


def node() -> str:
    return found("node", "Node.js")


def chromium() -> str:
    return shutil.which("chromium-browser") or found("chromium", "Chromium")


def found(command: str, title: str) -> str:
    path = shutil.which(command)
    if path is None:
        raise Missing(f"{title} is not installed, so the SDKs that need it are not tested.")
    return path


def node_modules(cache: Path) -> None:
    """Installs the pinned npm packages unless exactly those are there; one process at a time."""
    npm = found("npm", "npm")
    with (cache / "npm.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        installed = locked_versions(HERE / "node_modules/.package-lock.json")
        if installed != locked_versions(HERE / "package-lock.json"):
            command = [npm, "ci", "--ignore-scripts", "--no-audit", "--no-fund"]
            done = subprocess.run(command, cwd=HERE, capture_output=True, text=True, timeout=300)
            if done.returncode:
                raise Missing(f"The npm packages could not be installed: {done.stderr[-1000:]}")


def locked_versions(lock_file: Path) -> dict[str, str]:
    if not lock_file.exists():
        return {}
    packages = json.loads(lock_file.read_text())["packages"]
    return {path: package["version"] for path, package in packages.items() if path}


def old_python_sdk(cache: Path) -> Path:
    """The folder with the first release of the Python SDK in it, beside the newest one of the environment."""
    folder = cache / OLD_PYTHON_SDK
    if not (folder / "amplitude").exists():
        command = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(folder), OLD_PYTHON_SDK]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
        if done.returncode:
            raise Missing(f"{OLD_PYTHON_SDK} could not be installed: {done.stderr[-1000:]}")
    return folder


def driver_lines(command: list[str], ask: dict[str, Any], **environment: str) -> list[dict[str, Any]]:
    """The JSON lines that a driver script prints when given `ask`."""
    done = subprocess.run(
        command, input=json.dumps(ask), capture_output=True, text=True, encoding="utf-8",
        timeout=DRIVER_SECONDS, cwd=HERE / "drivers", env=os.environ | environment,
    )
    if done.returncode:
        raise RuntimeError(f"{command} ended with {done.returncode}:\n{done.stderr[-4000:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


def driver_command(sdk: str, cache: Path) -> tuple[list[str], dict[str, str]]:
    """Command and environment of an SDK's driver; sdk is python, python-1.0.0, node or node-legacy."""
    if sdk == "python":
        return [sys.executable, "drive_python.py"], {}
    if sdk == "python-1.0.0":
        return [sys.executable, "drive_python.py"], {"PYTHONPATH": str(old_python_sdk(cache))}
    node_modules(cache)
    return [node(), {"node": "drive_node.mjs", "node-legacy": "drive_node_legacy.mjs"}[sdk]], {}


def drive(sdk: str, port: int, path: str, ask: dict[str, Any], cache: Path, through_relay: bool = True) -> Run:
    """One SDK outside the browser, run to its end against the service on `port`.

    through_relay  False where the tests are about lost connections, which a relay would dress up
    """
    command, environment = driver_command(sdk, cache)
    with Relay(port) as relay:
        base = relay.url if through_relay else f"http://127.0.0.1:{port}"
        *reports, last = driver_lines(command, {"url": base + path} | ask, **environment)
        return Run(ask["user"], last.pop("sent"), reports, relay.exchanges(), last)


def browse(port: int, pages: dict[str, dict[str, Any]], cache: Path) -> dict[str, Run]:
    """All pages in one Chromium; each page has its own relay. A page's `path` is that of its server URL."""
    node_modules(cache)
    relays = {name: Relay(port) for name in pages}
    asks = {name: page | {"url": relays[name].url + page["path"], "user": name} for name, page in pages.items()}
    lines = driver_lines([node(), "drive_browser.mjs"], {"chromium": chromium(), "pages": asks})
    time.sleep(0.5)  # a beacon outlives its page
    runs = {}
    for line in lines:
        name = line.pop("page")
        with relays[name] as relay:
            runs[name] = Run(name, line.pop("sent"), line.pop("reports"), relay.exchanges(), line)
    return runs
