"""`drengr tombstones`: after a restore by other tools the erased stay erased (contract 9, 13), on both stores.

What other tools bring back is played by events that lie in the database while the tombstones are gone from it.
"""

import gzip
import sqlite3
import stat
import subprocess
from contextlib import closing

import orjson
import pytest

from drengr.people.questions import Who
from drengr.store import Added
from tests.admin import DAY_MS, event
from tests.cluster import binaries
from tests.conftest import NOW_MS
from tests.looking import events_in, read, write

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]

LATE = NOW_MS + 400 * DAY_MS  # stamped by a clock that is ahead


EVENTS = [
    event(event_id="own"), event(event_id="before sign-in", external_id=None),
    event(event_id="ahead", occurred_at=LATE), event(event_id="other", external_id="user_2", install_id="device_2"),
]  # fmt: skip


@pytest.fixture
def project(tenant) -> int:
    return tenant.project.id


@pytest.fixture
def restored(store, project, location, drengr, tmp_path):
    """The file of tombstones, of a database in which everything is as before somebody was erased."""
    store.add(project, EVENTS)
    assert drengr("person", "erase", "user_1", "--yes").exit_code == 0
    saved = tmp_path / "tombstones"
    assert drengr("tombstones", "save", str(saved)).stderr == "5 tombstones in " + str(saved) + "\n"
    for table in ("tombstones", "removed_ids", "erasures", "floors"):
        write(location, f"DELETE FROM {table}")
    assert store.add(project, EVENTS).inserted == 3
    return saved


def ids(rows) -> list[str]:
    return sorted(row["event_id"] for row in rows())


def test_the_erased_stay_erased(drengr, store, project, rows, restored):
    ended = drengr("tombstones", "apply", str(restored))
    assert (ended.exit_code, ended.stdout) == (0, "5 tombstones hold; what they forbid is gone.\n")
    assert ids(rows) == ["other"] and store.wrong_totals() == [] and store.faults() == []
    assert store.add(project, EVENTS) == Added(0, 1, {0: "erased", 1: "erased", 2: "erased"})


def copy(location: str, target: str) -> None:
    """What `sqlite3 .backup`, or pg_dump and psql, put there."""
    if "://" not in location:
        with closing(sqlite3.connect(location)) as source, closing(sqlite3.connect(target)) as made:
            source.backup(made)
        return
    tools = binaries()
    assert tools is not None
    dumped = subprocess.run([tools / "pg_dump", location], capture_output=True, check=True).stdout
    command = [tools / "psql", "-q", "-v", "ON_ERROR_STOP=1", target]
    subprocess.run(command, input=dumped, check=True, stdout=subprocess.DEVNULL)


def test_a_copy_that_other_tools_put_back_forgets_again(drengr, store, project, location, make_location, tmp_path):
    target, saved = make_location(), str(tmp_path / "tombstones.gz")
    store.add(project, EVENTS)
    copy(location, target)
    drengr("person", "erase", "user_1", "--yes")
    drengr("tombstones", "save", saved)
    assert len(events_in(target)) == 4
    assert drengr("tombstones", "apply", saved, DRENGR_DATABASE=target).exit_code == 0
    assert [row["event_id"] for row in events_in(target)] == ["other"]
    assert drengr("verify", DRENGR_DATABASE=target).exit_code == 0


def test_whoever_came_back_stays(drengr, store, project, rows, restored):
    came_back = event(event_id="new", occurred_at=LATE, received_at=LATE)
    store.add(project, [came_back])
    assert drengr("tombstones", "apply", str(restored)).exit_code == 0
    assert ids(rows) == ["new", "other"]


def test_applying_again_changes_nothing(drengr, store, rows, restored, location):
    drengr("tombstones", "apply", str(restored))
    before = read(location, "SELECT * FROM tombstones ORDER BY person"), ids(rows)
    assert drengr("tombstones", "apply", str(restored)).exit_code == 0
    assert (read(location, "SELECT * FROM tombstones ORDER BY person"), ids(rows)) == before


def test_the_newest_of_two_tombstones_holds(drengr, store, project, restored, location):
    store.erase(project, Who("user", "user_1"), "command")
    before = read(location, "SELECT * FROM tombstones ORDER BY person")
    assert drengr("tombstones", "apply", str(restored)).exit_code == 0
    assert read(location, "SELECT * FROM tombstones ORDER BY person") == before


def test_the_file_is_its_owner_s_and_holds_no_id(drengr, restored):
    assert stat.S_IMODE(restored.stat().st_mode) == 0o600
    assert not any(word in restored.read_bytes() for word in (b"user_1", b"device_1", b"own", b"ahead"))


def test_a_packed_file_is_taken_too(drengr, rows, restored, tmp_path):
    packed = tmp_path / "tombstones.gz"
    packed.write_bytes(gzip.compress(restored.read_bytes()))
    assert drengr("tombstones", "apply", str(packed)).exit_code == 0
    assert ids(rows) == ["other"]


def cut(lines):
    return lines[:-1]


def of_another_database(lines):
    return [orjson.dumps({**orjson.loads(lines[0]), "database": "0" * 32}), *lines[1:]]


def of_another_key(lines):
    return [orjson.dumps({**orjson.loads(lines[0]), "key": "0" * 16}), *lines[1:]]


def of_another_project(lines):
    return [lines[0], *(orjson.dumps({**orjson.loads(line), "number": 77}) for line in lines[1:-1]), lines[-1]]


def an_export(lines):
    return [b'{"id":1}', b'{"id":2}']


def no_json(lines):
    return [b"id,event_name", b"1,a"]


def nothing(lines):
    return []


def with_an_odd_line(lines):
    return [*lines[:2], b'{"kind":"person","hash":"zz","value":1,"project":"p","number":1}', *lines[2:]]


@pytest.mark.parametrize(
    "made", [cut, of_another_database, of_another_key, of_another_project, an_export, no_json, nothing,
             with_an_odd_line], ids=lambda made: made.__name__,
)  # fmt: skip
def test_another_file_is_refused_and_nothing_is_written(drengr, rows, restored, location, tmp_path, made):
    other = tmp_path / "other"
    other.write_bytes(b"\n".join(made(restored.read_bytes().splitlines())))
    ended = drengr("tombstones", "apply", str(other))
    assert ended.exit_code == 2 and "cannot be applied" in ended.stderr and "Traceback" not in ended.output
    assert len(ids(rows)) == 4 and read(location, "SELECT count(*) FROM tombstones") == [(0,)]


def test_a_missing_and_a_damaged_file_are_refused_in_one_sentence(drengr, restored, tmp_path):
    damaged = tmp_path / "damaged.gz"
    damaged.write_bytes(gzip.compress(restored.read_bytes())[:-20])
    for path in (tmp_path / "nowhere", damaged, tmp_path):
        ended = drengr("tombstones", "apply", str(path))
        assert ended.exit_code == 2 and "cannot be applied" in ended.stderr
