"""What README and docs/ show for pasting is pasted into a shell, beside a running service, and answers as shown."""

import gzip
import json
import re
import shutil
import sqlite3
import subprocess
import uuid
import zipfile
from contextlib import closing

import pytest

from tests.pages import blocks, section
from tests.service import Service

CURL_NEEDED = pytest.mark.skipif(not shutil.which("curl"), reason="This machine has no curl.")


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("readme") / "drengr.db") as running:
        running.keys = json.loads(running.database.with_name("drengr-keys.json").read_text())
        yield running


def pasted(service, text: str) -> str:
    """What the text prints in a shell, with this service's address, keys and project."""
    keys = service.keys
    for placeholder, real in {
        "http://127.0.0.1:8000": service.url,
        "drengr_pk_YOUR_KEY": keys["publishable_key"],
        "drengr_sk_…": keys["secret_key"],
        "your-project-id": keys["project_id"],
    }.items():
        text = text.replace(placeholder, real)
    ran = subprocess.run(
        ["bash", "-euo", "pipefail", "-c", text],
        capture_output=True,
        text=True,
        timeout=60,
        cwd=service.database.parent,
    )
    assert ran.returncode == 0, ran.stderr
    return ran.stdout


@CURL_NEEDED
def test_the_first_event_is_stored_and_answered_as_shown(service):
    (block,) = blocks(section("First event"), "sh")
    curl = block.split("\n#")[0]
    shown = json.loads(re.search(r"# (\{.*\})", block)[1])
    answer = json.loads(pasted(service, curl))
    grown = len(service.keys["publishable_key"]) - len("drengr_pk_YOUR_KEY")
    assert answer | {"server_upload_time": 0, "payload_size_bytes": answer["payload_size_bytes"] - grown} == shown | {
        "server_upload_time": 0, "payload_size_bytes": pasted_size(curl),
    }  # fmt: skip
    question, printed = re.search(r"(?m)^sqlite3 drengr\.db '(.*)'\n# (.*)", block).groups()
    with closing(sqlite3.connect(service.database)) as connection:
        assert "|".join(connection.execute(question).fetchone()) == printed


def pasted_size(curl: str) -> int:
    """The bytes of the body as it stands in README."""
    return len(re.search(r"(?s)-d '(.*)'", curl)[1].encode())


@CURL_NEEDED
@pytest.mark.parametrize(
    "api", [section("Ask over the API"), section("Admin events", "docs/api.md")], ids=["README", "docs/api.md"]
)
def test_the_admin_examples_answer_as_they_are_shown(service, api):
    exports, listing, count, post, *further = blocks(api, "sh")
    shown = [json.loads(block.replace("…", "")) for block in blocks(api, "json")]
    shown_page, shown_count, shown_post, *shown_further = shown
    post = post.replace('"m-1"', f'"m-{uuid.uuid4()}"')  # the same post is on both pages
    assert json.loads(pasted(service, exports + post)) == shown_post
    page = json.loads(pasted(service, exports + listing))
    assert page.keys() == shown_page.keys()
    everything = json.loads(pasted(service, exports + listing.replace("&event_name=order_completed", "")))
    assert everything["data"][0].keys() == shown_page["data"][0].keys()
    counted = json.loads(pasted(service, exports + count.replace("2026-11-01", "$(date -u -d '-7 days' +%Y-%m-%d)")))
    assert counted["data"].keys() == shown_count["data"].keys()
    assert counted["data"]["buckets"][0].keys() == shown_count["data"]["buckets"][0].keys()
    for curl, answer in zip(further, shown_further, strict=True):
        assert json.loads(pasted(service, exports + curl))["data"].keys() == answer["data"].keys()


@CURL_NEEDED
@pytest.mark.parametrize(
    "text", [section("Import history"), section("With curl", "docs/importing.md")], ids=["README", "docs/importing.md"]
)
def test_the_curls_for_whole_files_import(service, text):
    folder = service.database.parent
    rows = [
        {"event": "e", "properties": {"distinct_id": "d", "time": 1_780_000_000, "$insert_id": "m"}},
        {"event": "e", "distinct_id": "d", "timestamp": "2026-06-01T00:00:00Z", "uuid": "p"},
        {"event_type": "e", "user_id": "u", "event_time": "2026-06-01 00:00:00", "$insert_id": "a"},
    ]
    mixpanel, posthog, amplitude = (json.dumps(row).encode() + b"\n" for row in rows)
    (folder / "export.ndjson.gz").write_bytes(gzip.compress(mixpanel))
    (folder / "part1.gz").write_bytes(gzip.compress(posthog))
    with zipfile.ZipFile(folder / "export.zip", "w") as archive:
        archive.writestr("1.json.gz", gzip.compress(amplitude))
    curls = next(block for block in blocks(text, "sh") if "--data-binary" in block)
    whole = re.split(r"(?m)^(?=curl|zcat)", f"export DRENGR_SECRET_KEY=drengr_sk_…\n{curls}")
    for curl in whole[1:]:
        answer = json.loads(pasted(service, whole[0] + curl.replace("curl ", "curl -s ")))
        assert (answer["imported"] + answer["duplicates"], answer["skipped"], answer["files"]) == (1, 0, 1), curl


@CURL_NEEDED
def test_the_curls_of_the_owner_s_data_take_everything_out(service):
    exports, *_ = blocks(section("Admin events", "docs/api.md"), "sh")
    page = "docs/the-owners-data.md"
    _, everything, _ = blocks(section("Take everything out", page), "sh")
    (as_amplitude,) = blocks(section("Scripts written for Amplitude's Export API", page), "sh")
    row = {"event_type": "e", "user_id": "taken out", "event_time": "2026-06-01 00:00:00", "$insert_id": "taken out"}
    batch = json.dumps({"source": "amplitude", "events": [row]})
    post = f"""curl -f -H "Authorization: Bearer $DRENGR_SECRET_KEY" "$URL/import-events" -d '{batch}'\n"""
    pasted(service, exports + post + everything)
    folder = service.database.parent
    lines = [json.loads(line) for line in (folder / "events.ndjson").read_text().splitlines()]
    assert [line["external_id"] for line in lines if line["event_id"] == "taken out"] == ["taken out"]
    key = f"export PUBLISHABLE_KEY={service.keys['publishable_key']}\n"
    pasted(service, exports + key + re.sub(r"=\d{8}T", "=$(date -u +%Y%m%d)T", as_amplitude))
    with zipfile.ZipFile(folder / "export.zip") as archive:
        rows = [
            json.loads(line)
            for name in archive.namelist()
            for line in gzip.decompress(archive.read(name)).splitlines()
        ]
    assert [row["user_id"] for row in rows if row["$insert_id"] == "taken out"] == ["taken out"]
