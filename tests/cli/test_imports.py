"""`drengr imports` and `drengr import --undo`: contract 9."""

import json

import pytest

from drengr.cli.import_local import Stored
from drengr.store import StoreError
from tests.looking import events_in

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]


@pytest.fixture(autouse=True)
def shop(drengr):
    assert drengr("project", "create", "shop").exit_code == 0


@pytest.fixture
def file_of(tmp_path):
    """file_of("a.json", "1", "2") → the path of a file with an event of each id."""

    def made(name: str, *ids: str) -> str:
        line = '{{"event_type":"a","event_time":"2026-06-01 12:00:00","device_id":"d","$insert_id":"{0}"}}\n'
        path = tmp_path / name
        path.write_text("".join(line.format(each) for each in ids))
        return str(path)

    return made


def take(drengr, path: str, *more: str):
    return drengr("import", path, "--source", "amplitude", *more)


def left(location) -> list[str]:
    return sorted(row["event_id"] for row in events_in(location, ""))


def test_the_list_shows_each_file_and_undo_takes_one_back(drengr, file_of, location):
    take(drengr, file_of("one.json", "1", "2"), "--app-package", "com.x")
    take(drengr, file_of("two.json", "2", "3"))
    two, one = drengr("imports").stdout.splitlines()
    assert one.split()[0] == "1" and "amplitude (com.x)  one.json  2 imported + 0 duplicates + 0 skipped" in one
    assert two.split()[0] == "2" and "two.json  1 imported + 1 duplicates" in two
    done = drengr("import", "--undo", "1", "--yes")
    assert done.exit_code == 0 and done.stdout == "2 events are gone.\n", done.output
    assert "one.json" in done.stderr and "send again the files imported after it" in done.stderr
    assert left(location) == ["3"]
    first = json.loads(drengr("imports", "--json").stdout)[1]
    assert first["number"] == 1 and first["undone_at"] is not None
    assert "undone 20" in drengr("imports").stdout.splitlines()[1]
    assert "was undone already" in drengr("import", "--undo", "1", "--yes").stderr
    assert "2 imported" in take(drengr, file_of("one.json", "1", "2")).stdout
    assert json.loads(drengr("imports", "--limit", "1", "--json").stdout)[0]["number"] == 3


def test_an_undo_that_was_ended_is_gone_on_with(drengr, file_of, location, store):
    take(drengr, file_of("one.json", "1", "2"))
    store.undo_import(store.projects()[0].id, 1)  # and the command is ended here
    looked = drengr("import", "--undo", "1", "--dry-run")
    assert looked.exit_code == 0 and "2 of its events are still to go" in looked.stderr
    assert left(location) == ["1", "2"]
    assert drengr("import", "--undo", "1").stdout == "2 events are gone.\n"
    assert left(location) == [] and "was undone already" in drengr("import", "--undo", "1").stderr


def test_undo_shows_its_numbers_first_and_does_nothing_unasked(drengr, file_of, location):
    take(drengr, file_of("one.json", "1", "2"))
    looked = drengr("import", "--undo", "1", "--dry-run")
    assert (looked.exit_code, looked.stdout) == (0, "") and "2 events would go." in looked.stderr
    refused = drengr("import", "--undo", "1")
    assert refused.exit_code == 2 and "say --yes" in refused.stderr
    assert left(location) == ["1", "2"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--undo", "7"), "There is no import 7; see `drengr imports`."),
        (("--undo", "0"), "Invalid value"),
        (("--undo", "1", "--source", "ga4"), "goes with --project, --dry-run and --yes"),
        (("--undo", "1", "--url", "http://x"), "goes with --project, --dry-run and --yes"),
        (("--yes",), "--yes goes with --undo"),
    ],
)
def test_wrong_usage_is_exit_code_2(drengr, words, said):
    done = drengr("import", *words)
    assert done.exit_code == 2 and said in done.stderr


def test_a_run_that_goes_on_keeps_its_number(drengr, file_of, location, monkeypatch):
    path = file_of("one.json", *map(str, range(100)))
    put = Stored.put

    def stopping(self, waiting, before):
        if before.rows:
            raise StoreError("disk full")
        return put(self, waiting, before)

    for kind in ("sqlite.Sqlite", "postgresql.Postgresql"):
        monkeypatch.setattr(f"drengr.store.{kind}Store.history_rows", lambda _: 30)
    with monkeypatch.context() as full:
        full.setattr(Stored, "put", stopping)
        assert take(drengr, path).exit_code == 3
    assert [each["imported"] for each in json.loads(drengr("imports", "--json").stdout)] == [30]
    assert "went on after row 30" in take(drengr, path).stdout
    (only,) = json.loads(drengr("imports", "--json").stdout)
    assert (only["number"], only["imported"], only["duplicates"]) == (1, 100, 0)
    assert drengr("import", "--undo", "1", "--yes").stdout == "100 events are gone.\n"
    assert left(location) == []


def test_drengr_s_own_export_is_undone_too(drengr, file_of, location, tmp_path):
    take(drengr, file_of("one.json", "1", "2"))
    drengr("export", "-o", str(tmp_path / "all.ndjson"))
    drengr("project", "create", "copy")
    drengr("import", str(tmp_path / "all.ndjson"), "--source", "drengr", "--project", "copy")
    assert len(left(location)) == 4
    assert drengr("import", "--undo", "1", "--project", "copy", "--yes").exit_code == 0
    assert left(location) == ["1", "2"]


def test_without_imports_it_says_so(drengr):
    done = drengr("imports")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "", "Nothing was imported yet.\n")
