"""A file that the first version made, with real rows in it, becomes one of this version (contract 7, 8)."""

import gzip
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from drengr.cli import main
from drengr.store import open_store, restore, upgrade
from tests.conftest import shared_data
from tests.faults.dying import deaths, steps_of

KILLS = 8
EVENTS = 781


@pytest.fixture
def first(tmp_path) -> Path:
    """The file, in a folder of its own."""
    path = tmp_path / "events.db"
    path.write_bytes(gzip.decompress(shared_data("first-version", "events.db.gz").read_bytes()))
    return path


def events(path: Path) -> list[tuple]:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT * FROM events ORDER BY id").fetchall()


def drengr(path: Path, *words: str) -> tuple[int, str]:
    found = CliRunner().invoke(main, words, env={"DRENGR_DATABASE": str(path)})
    return found.exit_code, found.output


def beside(path: Path) -> set[str]:
    """What lies in the folder but the database and its locks."""
    return {each.name for each in path.parent.iterdir()} - {path.name + end for end in ("", "-lock", "-queue")}


def test_every_event_is_as_it_was_and_every_count_is_right(first):
    before = events(first)
    assert len(before) == EVENTS
    upgrade(str(first), lambda _text: None)
    assert events(first) == before
    assert drengr(first, "verify")[0] == 0
    with closing(open_store(str(first))) as store:
        assert [project.name for project in store.projects()] == ["default", "shop", "Größe 2"]
        assert len(store.all_keys()) == 6
        assert sum(line.counts["stored"] for line in store.ledger(None, 0, 30_000)) == EVENTS
        people = [drengr(first, "people", "--project", each.uuid, "--json")[0] for each in store.projects()]
    assert set(people) == {0}


def test_what_it_held_is_known_when_it_comes_again(first):
    upgrade(str(first), lambda _text: None)
    export = shared_data("exports", "ga4", "real_sample_ecommerce_int64_as_strings.ndjson")
    code, said = drengr(first, "import", str(export), "--source", "ga4", "--project", "shop")
    assert code == 0 and "155 rows = 0 imported + 155 duplicates + 0 skipped" in said


UPGRADE = "import sys; from drengr.store import upgrade; upgrade(sys.argv[1], print)"


def test_killed_at_many_moments_it_ends_right(first, tmp_path):
    before = events(first)
    copy = tmp_path / "counted" / "events.db"
    copy.parent.mkdir()
    copy.write_bytes(first.read_bytes())
    steps = steps_of(copy, UPGRADE, str(copy))
    # All of them together have fewer steps than the upgrade, which goes on where it was: none comes to its end.
    for _ in deaths(first, UPGRADE, str(first), at=[1 + steps * number // KILLS**2 * 2 for number in range(KILLS)]):
        assert events(first) == before  # the name always leads to a whole file
    upgrade(str(first), lambda _text: None)
    assert events(first) == before and drengr(first, "verify")[0] == 0
    assert all(".before-" in name for name in beside(first) - {"counted"}), beside(first)


def test_the_way_back_is_the_copy(first):
    before = events(first)
    upgrade(str(first), lambda _text: None)
    (copy,) = [each for each in first.parent.glob("events.db.before-*") if each.is_file()]
    assert events(copy) == before
    with closing(sqlite3.connect(copy)) as connection:  # the first version opens it as its own
        assert connection.execute("SELECT name FROM schema_migration").fetchall() == [("0001_initial",)]
    with closing(open_store(str(first))) as store:
        store.make_project("later")
    restored = restore(str(first), str(copy), lambda _text: None)
    assert (restored.events, restored.kept) == (EVENTS, True)
    assert events(first) == before and drengr(first, "verify")[0] == 0
    assert "later" in drengr(first, "project", "list")[1]
