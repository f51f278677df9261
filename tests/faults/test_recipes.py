"""The recipes of docs/operating.md as they are printed: nginx and Caddy in front of a service, systemd's units."""

import http.client
import json
import os
import re
import shutil
import subprocess
import time

import pytest

from tests.pages import PAGES, blocks
from tests.service import START_SECONDS, Service, free_port

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("recipes")]
RECIPES = PAGES["docs/operating.md"]
ORIGIN = {"Origin": "https://shop.example.com"}


def nginx(folder, port: int, upstream: int) -> list[str]:
    """The command that runs the recipe with another port and upstream, all of its files in the folder."""
    (recipe,) = blocks(RECIPES, "nginx")
    recipe = recipe.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}").replace("listen [::]:80;", "")
    recipe = recipe.replace("listen 80;", f"listen 127.0.0.1:{port};")
    kinds = ("client_body", "proxy", "fastcgi", "uwsgi", "scgi")
    temporary = "".join(f"{kind}_temp_path {folder}/{kind};" for kind in kinds)
    (folder / "nginx.conf").write_text(
        f"user root; daemon off; pid {folder}/pid; error_log {folder}/error.log; events {{}}\n"
        f"http {{ access_log off; {temporary}\n{recipe}\n}}"
    )
    return ["nginx", "-p", str(folder), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]


def caddy(folder, port: int, upstream: int) -> list[str]:
    (recipe,) = blocks(RECIPES, "caddyfile")
    recipe = recipe.replace("127.0.0.1:8000", f"127.0.0.1:{upstream}")
    recipe = recipe.replace("events.example.com {", f"http://:{port} {{")
    (folder / "Caddyfile").write_text(recipe.replace("{\n", "{\n\tadmin off\n", 1))
    return ["caddy", "run", "--adapter", "caddyfile", "--config", str(folder / "Caddyfile")]


@pytest.fixture(params=[nginx, caddy], ids=lambda make: make.__name__)
def proxied(request, tmp_path):
    """(service, port of the proxy before it)."""
    if not shutil.which(request.param.__name__):
        pytest.skip(f"{request.param.__name__} is not installed, so its recipe is not tried.")
    (tmp_path / "data").mkdir()
    with Service(tmp_path / "data" / "drengr.db", DRENGR_PROXIES="1") as service:
        port = free_port()
        command = request.param(tmp_path, port, service.port)
        with (tmp_path / "proxy.log").open("wb") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, env=os.environ | {"HOME": str(tmp_path)})
        try:
            deadline = time.monotonic() + START_SECONDS
            while not is_there(port):
                assert process.poll() is None and time.monotonic() < deadline, (tmp_path / "proxy.log").read_text()
                time.sleep(0.05)
            yield service, port
        finally:
            process.terminate()
            process.wait(30)


def is_there(port: int) -> bool:
    try:
        return asked(port, "GET", "/healthz")[0] == 200
    except OSError:
        return False


def asked(port: int, method: str, path: str, body: bytes | None = None, **headers: str):
    """(status, headers, body) of one request."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    try:
        connection.request(method, path, body, ORIGIN | {k.replace("_", "-"): v for k, v in headers.items()})
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read()
    finally:
        connection.close()


def test_what_sdks_and_importers_send_comes_through_and_errors_keep_their_shape(proxied):
    service, port = proxied
    tenant = service.project("proxied")
    batch = {"api_key": tenant["publishable_key"], "events": [{"event_type": "e", "user_id": "u", "insert_id": "live"}]}
    sent = json.dumps(batch).encode()
    status, headers, body = asked(port, "POST", "/amplitude-ingest", sent, X_Forwarded_Proto="https")
    assert (status, json.loads(body)["events_ingested"], headers["Access-Control-Allow-Origin"]) == (200, 1, "*")

    preflight = {"Access_Control_Request_Method": "POST", "Access_Control_Request_Headers": "content-type"}
    status, headers, _ = asked(port, "OPTIONS", "/amplitude-ingest", **preflight)
    assert status < 300 and headers["Access-Control-Allow-Origin"] == "*"

    for mebibytes in (2, 9):
        status, headers, body = asked(port, "POST", "/amplitude-ingest", b" " * (mebibytes << 20))
        assert (status, json.loads(body)["code"], headers["Access-Control-Allow-Origin"]) == (413, 413, "*")

    row = {"event": "e", "properties": {"distinct_id": "d", "time": 1_780_000_000, "text": "x" * 1000}}
    rows = [row | {"properties": row["properties"] | {"$insert_id": str(n)}} for n in range(3000)]
    file = "\n".join(map(json.dumps, rows)).encode()
    bearer = {"Authorization": f"Bearer {tenant['secret_key']}"}
    status, _, body = asked(port, "PUT", "/import-events?source=mixpanel", file, **bearer)
    assert (status, json.loads(body)["imported"]) == (200, 3000)

    service.stop()
    status, headers, body = asked(port, "POST", "/amplitude-ingest", sent)
    assert (status, json.loads(body)["code"], headers["Access-Control-Allow-Origin"]) == (503, 503, "*")


def test_the_page_works_behind_it_also_when_a_large_file_is_dropped_on_it(proxied):
    service, port = proxied
    tenant = service.project("proxied")
    here = {"Origin": f"http://127.0.0.1:{port}", "Host": f"127.0.0.1:{port}"}
    strange = {"X_Forwarded_Prefix": "/evil", "X_Forwarded_Host": "evil.example"}  # a client's own words
    form = f"key={tenant['secret_key']}".encode()
    status, headers, _ = asked(port, "POST", "/ui/sign-in", form, **here, **strange)
    assert (status, headers["Location"]) == (303, f"/ui/{tenant['project_id']}/")
    here["Cookie"] = headers["Set-Cookie"].split(";")[0]
    assert asked(port, "GET", headers["Location"], **here)[0] == 200

    rows = ({"event": "e", "properties": {"distinct_id": "d", "time": 1_780_000_000 + n, "$insert_id": str(n),
                                          "text": "x" * 10_000}} for n in range(4000))  # fmt: skip
    file = "\n".join(map(json.dumps, rows)).encode()
    path = f"/ui/{tenant['project_id']}/import/file?source=mixpanel"
    status, _, body = asked(port, "POST", path, file, Accept="application/x-ndjson", **here)
    assert (status, json.loads(body.splitlines()[-1])["imported"]) == (200, 4000)
    status, _, body = asked(port, "POST", path + "&dry_run=1", file, **here)
    assert (status, json.loads(body)["duplicates"]) == (200, 4000)


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="This machine has no systemd-analyze.")
def test_systemd_accepts_the_units_and_rates_the_service_as_the_page_says(tmp_path):
    (tmp_path / "drengr").write_text("#!/bin/sh\n")
    (tmp_path / "drengr").chmod(0o755)
    units = []
    for name, unit in re.findall(r"(?ms)`/etc/systemd/system/([\w.-]+)`[^`]*^```ini\n(.*?)^```", RECIPES):
        (tmp_path / name).write_text(unit.replace("/opt/drengr/.venv/bin/drengr", str(tmp_path / "drengr")))
        units.append(str(tmp_path / name))
    names = ["drengr.socket", "drengr.service", "drengr-backup.service", "drengr-backup.timer"]
    assert [unit.rpartition("/")[2] for unit in units] == names
    service = str(tmp_path / "drengr.service")
    verified = subprocess.run(["systemd-analyze", "verify", *units], capture_output=True, text=True, check=False)
    assert (verified.returncode, verified.stderr) == (0, "")
    rated = subprocess.run(
        ["systemd-analyze", "security", "--offline=true", service], capture_output=True, text=True, check=True
    )
    (told,) = re.findall(r"rates the service (\d\.\d)", RECIPES)
    assert f"{told} OK" in rated.stdout
