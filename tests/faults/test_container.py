"""The Dockerfile and compose.yaml, as far as they can be tried without Docker: read, and their command run as in a
container, with a read-only root, no capabilities and one writable folder (contract 7).
"""

import json
import os
import re
import shutil
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
import yaml

from tests.service import START_SECONDS, free_port

ROOT = Path(__file__).parents[2]
DOCKERFILE = (ROOT / "Dockerfile").read_text().replace("\\\n", "")
SERVICE = yaml.safe_load((ROOT / "compose.yaml").read_text())["services"]["drengr"]
ENVIRONMENT = dict(word.split("=", 1) for word in re.search(r"(?m)^ENV (.*)$", DOCKERFILE)[1].split())
COMMAND = json.loads(re.search(r"(?m)^CMD (.*)$", DOCKERFILE)[1])
HEALTH = json.loads(re.search(r"(?m)^HEALTHCHECK .*? CMD (.*)$", DOCKERFILE)[1])

# In a mount namespace of its own: everything is read-only but the folder $1, and no capability is left.
_AS_IN_A_CONTAINER = """
set -e
mount --make-rprivate /
mount --bind "$1" "$1"
findmnt -rno TARGET | while read -r mounted; do
  case $mounted in /proc*|/sys*|/dev|/dev/pts*|"$1") continue;; esac
  mount -o remount,ro,bind "$mounted" 2>/dev/null || true
done
cd "$1"
shift
exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all "$@"
"""


def namespaces_are_permitted() -> bool:
    if not (shutil.which("unshare") and shutil.which("setpriv")):
        return False
    return not subprocess.run(["unshare", "--mount", "true"], capture_output=True, check=False).returncode


@pytest.mark.slow
def test_what_goes_into_the_image_can_be_installed_and_runs(tmp_path):
    source, site = tmp_path / "src", tmp_path / "site"
    source.mkdir()
    for line in (ROOT / ".dockerignore").read_text().splitlines():
        if line.startswith("!"):
            (shutil.copytree if (ROOT / line[1:]).is_dir() else shutil.copy)(ROOT / line[1:], source / line[1:])
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(site), str(source)]
    subprocess.run(pip, check=True, capture_output=True, timeout=300)
    environment = {"PYTHONPATH": str(site), "DRENGR_DATABASE": str(tmp_path / "drengr.db")}
    made = subprocess.run(
        [sys.executable, "-m", "drengr", "project", "create", "shop", "--json"],
        env=environment, cwd=tmp_path, check=True, capture_output=True, timeout=60,
    )  # fmt: skip
    assert json.loads(made.stdout)["secret_key"].startswith("drengr_sk_")


def test_the_service_is_not_root_and_its_whole_folder_is_the_volume():
    assert re.search(r"(?m)^USER [1-9]\d*:[1-9]\d*$", DOCKERFILE)
    folder = str(Path(ENVIRONMENT["DRENGR_DATABASE"]).parent)
    assert f"\nVOLUME {folder}\n" in DOCKERFILE
    assert [volume.partition(":")[2] for volume in SERVICE["volumes"]] == [folder]
    assert SERVICE["read_only"] is True


@pytest.mark.skipif(not namespaces_are_permitted(), reason="This machine does not permit a mount namespace.")
def test_its_command_serves_and_its_health_check_tells_with_a_read_only_root(tmp_path):
    folder = tmp_path / "data"
    folder.mkdir(mode=0o700)
    port = str(free_port())
    environment = {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT), **ENVIRONMENT,
        "DRENGR_DATABASE": str(folder / "drengr.db"), "PORT": port,
    }  # fmt: skip

    def healthy() -> bool:
        return not subprocess.run(HEALTH, env=environment, capture_output=True, check=False).returncode

    with (tmp_path / "log").open("wb") as log:
        inside = ["unshare", "--mount", "sh", "-c", _AS_IN_A_CONTAINER, "sh", str(folder), *COMMAND]
        process = subprocess.Popen(inside, env=environment, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
    try:
        deadline = time.monotonic() + START_SECONDS
        while not healthy():
            assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "log").read_text()
            time.sleep(0.1)
        keys = json.loads((folder / "drengr-keys.json").read_text())
        event = {"event_type": "hello", "user_id": "me"}
        body = json.dumps({"api_key": keys["publishable_key"], "events": [event] * 100}).encode()
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/amplitude-ingest", body, timeout=60) as answer:
            assert json.load(answer)["events_ingested"] == 100
    finally:
        process.terminate()
        code = process.wait(30)
    assert code == 0
    assert not healthy()
