"""`drengr import --source drengr`: an export of one's own comes back as it was: contract 9."""

import gzip
import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from drengr.admin.exports import ExportQuery, ndjson_lines
from drengr.cli import main
from drengr.exporting import exported
from tests.admin import DAY_MS, USER, event
from tests.conftest import NOW_MS, shared_data
from tests.looking import events_in, read

pytestmark = pytest.mark.both_stores

BAGS = ("dims", "measures", "properties")


@pytest.fixture
def drengr(make_location):
    """drengr("import", …) → click's result; drengr.location is the database that it works on."""

    class Command:
        location = make_location()

        def __call__(self, *words: str):
            env = {"DRENGR_DATABASE": self.location}
            return CliRunner(env=env).invoke(main, words)

    return Command()


@pytest.fixture
def whole_export(store, tenant, tmp_path):
    """whole_export() → path of the tenant's events as NDJSON."""

    def write() -> Path:
        slices = exported(store, tenant.project.id, ExportQuery(), store.last_id())
        path = tmp_path / "events.ndjson"
        path.write_bytes(b"".join(ndjson_lines(tenant.project_id, one.events) for one in slices))
        return path

    return write


def columns(location: str) -> list[dict]:
    """Every column but `id` and `project`, in the order of ids."""
    rows = events_in(location, "ORDER BY id")
    return [{name: value for name, value in row.items() if name not in ("id", "project")} for row in rows]


def ledger(location: str) -> list[tuple]:
    counts = "received, stored, duplicates, dropped_unreadable"
    return read(location, f"SELECT day, door, {counts} FROM ledger ORDER BY 1, 2")


def imported(drengr, *words: str) -> dict:
    result = drengr("import", "--source", "drengr", "--json", *words)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)["total"]


@pytest.fixture
def restored(drengr, whole_export):
    """restored() → what the import of the tenant's export says, into a database that has one empty project."""

    def run() -> dict:
        drengr("project", "create", "empty")
        return imported(drengr, str(whole_export()))

    return run


def test_the_same_rows_come_back_column_for_column(restored, drengr, store, tenant, location):
    store.add(
        tenant.project.id,
        [
            event(event_id="a", session_id=17, app_package="com.example"),
            event(event_id=USER, session_id="17", external_id=None, received_at=NOW_MS),
            event(event_id=None, session_id=None, install_id=USER.upper()),
        ],
    )
    old = event(source="ga4", event_id="f" * 64, received_at=NOW_MS - 3 * DAY_MS, occurred_at=-1)
    store.add(tenant.project.id, [old])
    bag = '{"n":12345678901234567890123}'
    posted = event(source="admin", event_id="p", properties=bag, received_at=NOW_MS - DAY_MS)
    store.add(tenant.project.id, [posted])
    assert restored()["imported"] == 5
    assert columns(drengr.location) == columns(location)
    assert [type(row["session_id"]) for row in columns(drengr.location)][:3] == [int, str, type(None)]
    assert ledger(drengr.location) == ledger(location)
    assert drengr("verify").exit_code == 0


def test_the_ledger_counts_on_the_day_and_door_that_a_row_names(drengr, store, tenant, restored, whole_export):
    for days, source in ((0, "ga4"), (1, "amplitude_http"), (1, "admin"), (0, "ga4")):
        event_id = f"{days} {source} {store.last_id()}"
        store.add(tenant.project.id, [event(event_id=event_id, source=source, received_at=NOW_MS - days * DAY_MS)])
    assert restored()["imported"] == 4
    again = imported(drengr, str(whole_export()))
    assert (again["imported"], again["duplicates"]) == (0, 4)
    assert ledger(drengr.location) == [
        ("2026-11-19", "acceptor", 2, 1, 1, 0),
        ("2026-11-19", "admin", 2, 1, 1, 0),
        ("2026-11-20", "importer", 4, 2, 2, 0),
    ]
    ids = read(drengr.location, "SELECT door, first_id, last_id FROM ledger ORDER BY 1")
    assert ids == [("acceptor", 2, 2), ("admin", 3, 3), ("importer", 1, 4)]
    assert drengr("verify").exit_code == 0


def test_what_is_no_row_of_an_export_counts_today_at_the_importer(drengr, whole_export, store, tenant):
    store.add(tenant.project.id, [event(event_id="a", received_at=NOW_MS - DAY_MS)])
    path = whole_export()
    path.write_bytes(b"no JSON\n" + path.read_bytes() + b'{"event_type":"e","user_id":"u"}\n')
    drengr("project", "create", "empty")
    told = imported(drengr, str(path))
    assert (told["imported"], told["skipped"]) == (1, 2)
    first, second = ledger(drengr.location)
    assert first == ("2026-11-19", "acceptor", 1, 1, 0, 0)
    assert second[1:] == ("importer", 2, 0, 0, 2) and second[0] not in ("2026-11-19", "2026-11-20")


def test_a_packed_file_and_standard_input_are_taken_too(drengr, whole_export, store, tenant, tmp_path, location):
    store.add(tenant.project.id, [event(event_id="a"), event(event_id="b")])
    packed = tmp_path / "events.ndjson.gz"
    packed.write_bytes(gzip.compress(whole_export().read_bytes()))
    drengr("project", "create", "empty")
    assert imported(drengr, str(packed))["imported"] == 2
    assert columns(drengr.location) == columns(location)


def test_a_table_is_not_the_exact_form(drengr, tmp_path, client, tenant, store):
    store.add(tenant.project.id, [event(event_id="a")])
    path = tmp_path / "events.csv"
    url = f"/admin/projects/{tenant.project_id}/export?format=csv"
    path.write_bytes(client.get(url, headers=tenant.bearer, buffered=True).data)
    drengr("project", "create", "empty")
    result = drengr("import", "--source", "drengr", str(path))
    assert result.exit_code == 4 and "in NDJSON" in result.output
    assert columns(drengr.location) == []


@pytest.mark.parametrize(
    "more", [("--url", "http://localhost"), ("--app-package", "x"), ("--mapping", "{}"), ("--time-zone", "UTC")]
)
def test_it_is_taken_as_it_is_and_here(drengr, tmp_path, more):
    path = tmp_path / "x.ndjson"
    path.write_text("{}\n")
    result = drengr("import", "--source", "drengr", str(path), *more)
    assert result.exit_code == 2 and "as it is" in result.output


def test_the_service_does_not_take_it(client, tenant):
    answer = client.post("/import-events?source=drengr", data=b"{}", headers=tenant.bearer)
    assert answer.status_code == 400 and answer.json["error"].startswith("unknown source")
    batch = client.post("/import-events", json={"source": "drengr", "events": []}, headers=tenant.bearer)
    assert batch.status_code == 400


EXPORTS = [
    path
    for source in ("amplitude", "mixpanel", "posthog", "ga4")
    for path in sorted(shared_data("exports", source).iterdir())
]


def test_the_real_rows_of_every_vendor_come_back(client, tenant, restored, drengr, location):
    for path in EXPORTS:
        client.post(
            f"/import-events?source={path.parent.name}&app_package=com.example", data=path.read_bytes(),
            headers=tenant.bearer, content_type="application/octet-stream",
        )  # fmt: skip
    assert len(before := columns(location)) > 1000
    told = restored()
    assert (told["imported"], told["skipped"], told["duplicates"]) == (len(before), 0, 0)
    assert columns(drengr.location) == before
    assert drengr("verify").exit_code == 0
