"""A project is renamed, or goes with everything it has (contract 9)."""

import time

import pytest

from drengr.people.questions import Who
from drengr.store import Account, ImportRun, StoreError
from tests.admin import event
from tests.conftest import NOW_MS
from tests.looking import events_in

pytestmark = [pytest.mark.both_stores, pytest.mark.usefixtures("soon")]


def work_off(store) -> None:
    deadline = time.monotonic() + 30
    while not store.go_on_removing(2) or store.under_way():
        assert time.monotonic() < deadline
    assert store.wrong_totals() == [] and store.faults() == []


def fill(store, tenant) -> None:
    """Of everything something."""
    project = tenant.project.id
    store.add(project, [event(event_id=str(n), install_id=f"device {n % 3}", external_id=f"user {n % 5}",
                              event_name=f"name {n % 7}") for n in range(60)], metered=True)  # fmt: skip
    store.add(project, [event(event_id="anonymous", external_id=None)])
    store.add_history(project, [event(event_id="old", source="ga4")], run=ImportRun("ga4", None, "a", NOW_MS))
    store.add(project, [event(event_id="posted", source="admin")])
    store.note({(project, NOW_MS // 86_400_000, "acceptor"): {"refused_quota": 2}}, [])
    store.begin_session_by_key(tenant.secret_key, None, NOW_MS)
    store.erase(project, Who("user", "user 1"), "api", patience_s=30)
    store.keep(project, 36_000)


def rows_of(store, location, project_id: int) -> dict[str, int]:
    """How many rows each table has of the project, where there are any."""
    tables = store.remover._parts
    if "postgresql" in location:
        sql = (
            "SELECT c.table_name FROM information_schema.columns AS c JOIN information_schema.tables AS t"
            " USING (table_schema, table_name) WHERE c.table_schema = current_schema() AND t.table_type = 'BASE TABLE'"
            " AND c.column_name = 'project_id'"
        )
    else:
        sql = (
            "SELECT t.name FROM sqlite_schema AS t JOIN pragma_table_info(t.name) AS c WHERE t.type = 'table'"
            " AND c.name = 'project_id'"
        )
    counted = {
        table: tables.read(f"SELECT count(*) FROM {table} WHERE project_id = ?", (project_id,))[0][0]
        for (table,) in tables.read(sql)
    }
    return {table: rows for table, rows in counted.items() if rows}


def test_a_project_goes_with_everything_it_has_and_its_neighbour_keeps_all(store, make_tenant, location):
    shop, other = make_tenant("shop"), make_tenant("other")
    for tenant in (shop, other):
        fill(store, tenant)
    before = rows_of(store, location, other.project.id)
    assert {"api_keys", "event_names", "tombstones", "imports", "ledger_days"} <= before.keys()
    removal = store.delete_project(shop.project)
    assert store.project_of_key(shop.secret_key, "secret") is None  # at once
    assert store.sessions(shop.project.id, NOW_MS) == []
    assert [each.id for each in store.under_way()] == [removal]
    work_off(store)
    assert [project.name for project in store.projects()] == ["other"]
    assert rows_of(store, location, shop.project.id) == {}
    assert rows_of(store, location, other.project.id) == before
    assert {row["project"] for row in events_in(location, "")} == {other.project_id}
    assert make_tenant("shop").project.id != shop.project.id
    store.add(other.project.id, [event(event_id="later", event_name="name 1")])  # whose number is remembered
    assert [row["event_name"] for row in events_in(location, "WHERE event_id = ?", "later")] == ["name 1"]
    assert store.wrong_totals() == [] and store.faults() == []


def test_a_deletion_that_was_left_is_taken_up_and_takes_what_came_meanwhile(store, tenant, location, monkeypatch):
    monkeypatch.setattr("drengr.store.removing._MOST", 20)
    run, project = ImportRun("ga4", None, "a", NOW_MS), tenant.project.id
    store.add_history(project, [event(event_id=f"id {n}", source="ga4") for n in range(90)], run=run)
    store.delete_project(tenant.project)
    store.go_on_removing(0)
    assert 0 < len(events_in(location, "")) < 90
    store.add(project, [event(event_id="under way", occurred_at=1000)])  # its key was good when it came
    with pytest.raises(StoreError, match="import 1 was undone while it ran"):
        store.add_history(project, [event(event_id="more")], account=Account("importer", 1), run=run)
    work_off(store)
    assert store.projects() == [] and rows_of(store, location, project) == {}


def test_a_project_gets_another_name_and_stays_the_same(store, make_tenant):
    shop, _ = make_tenant("shop"), make_tenant("other")
    store.add(shop.project.id, [event(event_id="a")])
    store.rename_project(shop.project, " store ")
    renamed = store.find_project("store")
    assert (renamed.id, renamed.uuid) == (shop.project.id, shop.project_id)
    assert store.project_of_key(shop.secret_key, "secret").name == "store"
    assert store.add(shop.project.id, [event(event_id="a"), event(event_id="b")])[:2] == (1, 1)
    store.rename_project(renamed, "store")  # as it is
    for name, why in (("other", "exists already"), ("", "1 to 100 characters"), ("x" * 101, "1 to 100 characters")):
        with pytest.raises(ValueError, match=why):
            store.rename_project(renamed, name)
