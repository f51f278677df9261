"""An SDK that was offline sends what it kept, after its person was erased (contract 9, Erase)."""

import os
from pathlib import Path

import pytest

from tests.sdk.driving import Missing, chromium, driver_lines, node, node_modules
from tests.service import Service


def test_what_a_browser_kept_while_offline_does_not_come_back(service: Service, cache: Path) -> None:
    made = service.project("offline")
    ask = {"service": service.url, "key": made["publishable_key"], "secret": made["secret_key"],
           "project": made["project_id"], "user": "offline-user"}  # fmt: skip
    try:
        node_modules(cache)
        (told,) = driver_lines([node(), "drive_offline.mjs"], ask | {"chromium": chromium()})
    except Missing as sentence:
        (pytest.fail if os.environ.get("CI") else pytest.skip)(str(sentence))
    assert told["erased"] == 200
    assert (told["status"], told["body"]["events_ingested"]) == (200, 1)  # so that the SDK does not send it again
    assert [row["event_name"] for row in service.events("WHERE external_id = 'offline-user'")] == ["came_back"]
