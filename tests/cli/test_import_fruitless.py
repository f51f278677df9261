"""Nothing fails in silence: what `drengr import` says and ends with when there is no event (contract 5)."""

import json
import os
import socket
import sqlite3
import threading
from contextlib import closing

import pytest

from tests.conftest import shared_data
from tests.fruitless import FRUITLESS, written
from tests.service import Service

GOOD = '{"event_type":"a","event_time":"2026-06-01","device_id":"d","$insert_id":"%s"}\n'


@pytest.fixture
def shop(drengr):
    assert drengr("project", "create", "shop").exit_code == 0


@pytest.fixture(scope="module")
def service(tmp_path_factory):
    with Service(tmp_path_factory.mktemp("fruitless") / "events.db") as running:
        yield running


def says(done, file) -> list[str]:
    return [word for word in file.words if word not in done.stderr]


@pytest.mark.parametrize("name", FRUITLESS)
def test_a_file_without_an_event_is_exit_code_4_and_says_why(name, drengr, shop, tmp_path):
    path, words = written(tmp_path, FRUITLESS[name])
    for more in ([], ["--dry-run"], ["--strict"]):
        done = drengr("import", str(path), *words, *more)
        assert (done.exit_code, says(done, FRUITLESS[name])) == (4, []), done.output
        assert "Traceback" not in done.output


@pytest.mark.parametrize("name", ["nothing", "an error answer", "a mapping with a typo", "another vendor's rows"])
def test_a_service_elsewhere_says_the_same(name, drengr, service, tmp_path):
    path, words = written(tmp_path, FRUITLESS[name])
    key = service.project(f"shop {name}")["secret_key"]
    done = drengr("import", str(path), *words, "--url", service.url, DRENGR_SECRET_KEY=key)
    assert (done.exit_code, says(done, FRUITLESS[name])) == (4, []), done.output


def test_a_folder_without_a_file_is_exit_code_4(drengr, shop, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    for _ in range(2):
        done = drengr("import", str(folder), "--source", "amplitude")
        assert (done.exit_code, "There is no file to import" in done.stderr) == (4, True)
        (folder / "notes.txt").write_text("no export")


def test_a_bad_file_of_a_folder_is_named_and_the_others_are_imported(drengr, shop, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "1.json").write_text(GOOD % 1)
    (folder / "2.json").write_text('{"error":"rate limited"}')
    (folder / "3.json").write_text(GOOD % 3)
    done = drengr("import", str(folder), "--source", "amplitude")
    assert done.exit_code == 4
    assert f"{folder}/2.json: not one of its 1 rows is an event" in done.stderr
    assert "Total: 3 data files, 3 rows = 2 imported + 0 duplicates + 1 skipped." in done.stdout


def test_a_file_of_a_folder_that_cannot_be_opened_is_named(drengr, shop, tmp_path):
    folder = tmp_path / "exports"
    folder.mkdir()
    (folder / "1.json").symlink_to(tmp_path / "missing")
    (folder / "2.json").write_text(GOOD % 2)
    done = drengr("import", str(folder), "--source", "amplitude")
    assert (done.exit_code, f"{folder}/1.json: No such file or directory" in done.stderr) == (4, True)
    assert "1 imported" in done.stdout


def test_one_json_object_says_it_all(drengr, shop, tmp_path):
    good, bad = tmp_path / "a.json", tmp_path / "b.json"
    good.write_text(GOOD % 1 + GOOD.replace('"d"', '"d","event_properties":{"email":"x"}') % 2 + "broken\n")
    bad.write_text("[]")
    done = drengr("import", str(good), str(bad), "--source", "amplitude", "--json")
    answer = json.loads(done.stdout)
    assert (answer["exit_code"], done.exit_code) == (4, 4)
    assert answer["total"] == {"rows": 3, "imported": 2, "duplicates": 0, "skipped": 1, "files": 2}
    assert answer["dropped_keys"] == [{"key": "email", "word": "email", "count": 1}]
    first, second = answer["files"]
    assert (first["path"], first["failure"], first["errors"]) == (
        str(good), None, [f"{good} line 3: not readable as JSON"],
    )  # fmt: skip
    assert "there is not a single row" in second["failure"]


def test_a_real_import_names_the_keys_it_dropped_and_notes_the_bags_it_could_not_read(drengr, shop, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(
        GOOD.replace('"d"', '"d","event_properties":{"email":"x"}') % 1
        + GOOD.replace('"d"', '"d","event_properties":"{"') % 2
    )
    done = drengr("import", str(file), "--source", "amplitude")
    assert done.exit_code == 0
    assert "email  holds 'email'" in done.stdout
    assert "1 rows: event_properties is no JSON object" in done.stdout


def test_names_and_reasons_reach_the_terminal_without_control_characters(drengr, shop):
    done = drengr("import", str(shared_data("reports", "hosts-escapes.ndjson")), "--source", "amplitude")
    assert done.exit_code == 0
    assert not [each for each in done.output if not each.isprintable() and each != "\n"]
    assert "\nTotal: 1 data files, 9,999" not in done.output


def test_a_file_name_and_a_package_that_are_not_utf8(drengr, shop, tmp_path):
    path = os.fsencode(tmp_path) + b"/\xff.json"
    with open(path, "w") as file:
        file.write(GOOD % 1 + "broken\n")
    done = drengr("import", os.fsdecode(path), "--source", "amplitude", "--app-package", "com.\udcff")
    assert done.exit_code == 0, done.output
    assert "\\xff.json line 2: not readable as JSON" in done.stdout
    with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        assert connection.execute("SELECT app_package FROM events").fetchall() == [("com.\ufffd",)]
    again = drengr("import", os.fsdecode(path), "--source", "amplitude", "--json")
    assert json.loads(again.stdout)["total"]["duplicates"] == 1
    assert drengr("import", os.fsdecode(path), "--source", "amplitude", "--app-package", "x" * 256).exit_code == 2


def test_a_time_zone_is_that_of_times_which_name_none(drengr, shop, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(GOOD % 1)
    assert drengr("import", str(file), "--source", "amplitude", "--time-zone", "Mars/Base").exit_code == 2
    assert drengr("import", str(file), "--source", "amplitude", "--time-zone", "America/Los_Angeles").exit_code == 0
    with closing(sqlite3.connect(tmp_path / "events.db")) as connection:
        ((occurred_at,),) = connection.execute("SELECT occurred_at FROM events").fetchall()
    assert occurred_at == 1780272000_000 + 7 * 3_600_000


def test_the_command_goes_by_the_rules_of_the_service_and_says_so(service, tmp_path):
    ruled = Service(tmp_path / "events.db", DRENGR_ALLOWED_KEYS="product_name", DRENGR_SENSITIVE_WORDS="plan")
    with ruled:
        ruled.stop()
    del ruled.settings["DRENGR_ALLOWED_KEYS"], ruled.settings["DRENGR_SENSITIVE_WORDS"]
    file = tmp_path / "a.json"
    file.write_text(GOOD.replace('"d"', '"d","event_properties":{"product_name":"x","plan":"p","n":1}') % 1)
    said = ruled.command("import", str(file), "--source", "amplitude")
    assert "plan  holds 'plan'" in said
    assert ruled.events()[0]["dims"] == {"product_name": "x"}


def test_a_dry_run_goes_by_the_rules_of_the_service_as_far_as_they_can_be_read(drengr, shop, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(GOOD % 1)
    with closing(sqlite3.connect(tmp_path / "events.db")) as connection, connection:
        connection.execute("INSERT INTO rules (setting, value) VALUES ('DRENGR_SENSITIVE_WORDS', 'plan')")
    said = "DRENGR_SENSITIVE_WORDS is 'plan' here"
    assert said in drengr("import", str(file), "--source", "amplitude", "--dry-run").stderr
    (tmp_path / "events.db").write_bytes(b"not a database" * 1000)
    done = drengr("import", str(file), "--source", "amplitude", "--dry-run")
    assert (done.exit_code, "cannot be read" in done.stderr) == (0, True), done.output


@pytest.mark.parametrize(
    ("status", "body", "code"),
    [
        (200, b"<html>Welcome</html>", 4),
        (200, b'{"code":"x","imported":"y"}', 4),
        (404, b'{"code":404,"error":"not found"}', 4),
        (413, b"<html>Too large</html>", 4),
        (401, b'{"code":401,"error":"invalid secret key"}', 2),
        (502, b"<html>Bad gateway</html>", 3),
        (429, b"", 3),
        (503, b'{"code":503,"error":"busy","imported":5,"skipped":0,"duplicates":0,"errors":[],"files":1}', 3),
    ],
)
def test_what_stands_in_front_of_a_service_may_say_anything(status, body, code, drengr, tmp_path):
    file = tmp_path / "a.json"
    file.write_text(GOOD % 1)
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        answering = threading.Thread(target=_answer, args=(listener, status, body))
        answering.start()
        url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        done = drengr("import", str(file), "--source", "amplitude", "--url", url, DRENGR_SECRET_KEY="drengr_sk_x")
        answering.join()
    assert done.exit_code == code, done.output
    assert isinstance(done.exception, SystemExit)


def _answer(listener: socket.socket, status: int, body: bytes) -> None:
    """One answer, whatever was sent."""
    connection, _ = listener.accept()
    with connection:
        while not connection.recv(65_536).endswith(b"}\n"):
            pass
        connection.sendall(b"HTTP/1.1 %d x\r\nContent-Length: %d\r\n\r\n%b" % (status, len(body), body))
