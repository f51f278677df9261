"""The README's lines for the Python and the Node SDK, saved as a file and run, send their event (contract 4)."""

import subprocess
import sys

import pytest

from tests.pages import blocks, section
from tests.sdk.driving import HERE, Missing, node, node_modules

# One worker runs them all: each would start all of the files.
pytestmark = pytest.mark.xdist_group("readme")

FILES = ["app.py", "app.js", "app.mjs"]


def lines_shown(file: str) -> str:
    lines = blocks(section("Point an SDK here"), "python" if file.endswith(".py") else "js")[0]
    if file.endswith(".mjs"):  # the line that the comment shows
        title, first, *rest = lines.splitlines()
        lines = "\n".join([title, first.partition("in a module: ")[2], *rest])
    return lines


@pytest.fixture(scope="module")
def ran(service, cache, tmp_path_factory):
    """ran[file]: the process that has run it, and its project. They wait ten seconds each, so they run side by side."""
    try:
        node_modules(cache)
    except Missing as sentence:
        pytest.skip(str(sentence))
    folder = tmp_path_factory.mktemp("readme")
    (folder / "node_modules").symlink_to(HERE / "node_modules")
    running = {}
    for file in FILES:
        tenant = service.project(file)
        lines = lines_shown(file).replace("drengr_pk_YOUR_KEY", tenant["publishable_key"])
        (folder / file).write_text(lines.replace("https://events.example.com", service.url))
        command = [sys.executable if file.endswith(".py") else node(), file]
        process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        running[file] = process, tenant["project_id"]
    yield running
    for process, _ in running.values():  # another worker may have been asked for its file
        with process:
            process.kill()


@pytest.mark.parametrize("file", FILES)
def test_the_lines_shown_run_as_a_file_and_their_event_lands(service, ran, file):
    process, project_id = ran[file]
    output, _ = process.communicate(timeout=60)
    assert process.returncode == 0, output
    (row,) = service.events("WHERE project = ?", project_id)
    assert (row["event_name"], row["external_id"]) == ("order_completed", "u_9")
    assert row["measures"]["revenue"] == 42.5
