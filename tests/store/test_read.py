"""The list's SQL: whatever is filtered by, an index gives the order, and no row is sorted."""

from itertools import combinations

import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.store.sqlite import read
from drengr.store.sqlite.read import identity_filters, joined, page_statements, places_of_one, row_filters
from tests.admin import USER, event
from tests.conftest import NOW_MS

FILTERS = {"event_name": "order_completed", "source": "ga4"}
IDS = {"user_id": USER, "external_id": USER, "install_id": "d"}
COMBINATIONS = [names for size in range(3) for names in combinations(FILTERS, size)]


def query(names: tuple[str, ...] = (), **ids: str) -> PageQuery:
    return PageQuery(0, Position(NOW_MS + 1, 7), 100, **{name: FILTERS[name] for name in names}, **ids)


def plans(store, statements: list[tuple[str, tuple]]) -> list[list[str]]:
    """The steps of each, asked for 100 rows."""
    return [
        [row[3] for row in store.database.read("EXPLAIN QUERY PLAN " + statement, (*parameters, 100))]
        for statement, parameters in statements
    ]


@pytest.fixture
def with_events(store, tenant):
    store.add(tenant.project.id, [event(occurred_at=NOW_MS - n, event_name=f"e{n % 3}") for n in range(300)])
    store.add(tenant.project.id, [event()])
    return tenant.project.id


@pytest.mark.parametrize("analysed", [False, True])
def test_every_combination_of_filters_reads_an_index_in_order(store, with_events, analysed):
    if analysed:
        store.commits.run(lambda connection: connection.execute("ANALYZE"))
        store.database.readers.close()  # statistics are read when a file is opened
    for names in COMBINATIONS:
        asked = query(names)
        statements = page_statements(with_events, row_filters(store.database, with_events, asked), asked)
        assert len(statements) == 2
        best = "events_by_name_and_time" if "event_name" in names else "events_by_time"
        for first, *others in plans(store, statements):
            assert "TEMP B-TREE" not in " ".join([first, *others]), (names, first, others)
            assert first.startswith("SEARCH e USING INDEX "), (names, first)
            assert analysed or best in first, (names, first)
            assert not any(" e" in other for other in others), (names, others)


@pytest.mark.parametrize("names", COMBINATIONS, ids=" ".join)
def test_the_events_of_an_identity_are_read_in_the_order_of_their_index(store, with_events, names):
    asked = query(names)
    filters = row_filters(store.database, with_events, asked)
    for first, *others in plans(store, places_of_one(7, filters, asked)):
        assert "events_by_identity_and_time (identity_id=? AND occurred_at" in first, first
        assert ("COVERING" in first) is not bool(names) and "TEMP B-TREE" not in " ".join(others), (first, others)


@pytest.mark.parametrize("ids", [names for size in (1, 2, 3) for names in combinations(IDS, size)], ids=" ".join)
def test_the_identities_of_an_id_are_found_in_an_index(store, with_events, ids):
    store.add(with_events, [event(external_id=USER, install_id="d")])
    words, values = joined(identity_filters(store.database, with_events, query(**{name: IDS[name] for name in ids})))
    (steps,) = plans(store, [(f"SELECT i.id FROM identities AS i WHERE {words} LIMIT ?", values)])
    assert "SEARCH i USING " in steps[0] and "identities_by_" in steps[0]


@pytest.mark.parametrize("many", [False, True])
def test_an_id_with_many_identities_has_the_same_pages(store, with_events, monkeypatch, many):
    monkeypatch.setattr(read, "_FEW_IDENTITIES", 3 if many else 300)
    times = [NOW_MS - n // 3 for n in range(40)]
    ids = [("tablet" if n % 2 else f"d{n % 7}", USER if n % 3 else USER.upper()) for n in range(40)]
    store.add(with_events, [event(install_id=device, external_id=user, occurred_at=at, event_name=f"e{n % 3}")
                            for n, (at, (device, user)) in enumerate(zip(times, ids, strict=True))])  # fmt: skip
    for filters in ({"external_id": USER}, {"install_id": "tablet"}, {"external_id": USER, "install_id": "tablet"},
                    {"external_id": USER, "event_name": "e1"}, {"external_id": USER, "source": "ga4"}):  # fmt: skip
        seen, before = [], Position(NOW_MS + 1, 0)
        while page := store.page(with_events, PageQuery(0, before, 7, **filters)):
            seen += page
            before = Position(page[-1].occurred_at, page[-1].id)
        wanted = {"event_name": None, "source": None, "external_id": None, "install_id": None} | filters
        rows = store.database.read(
            "SELECT id FROM events WHERE ifnull(event_name = ?, 1) AND ifnull(source = ?, 1)"
            " AND ifnull(external_id = ? COLLATE NOCASE, 1) AND ifnull(install_id = ?, 1)"
            " ORDER BY occurred_at DESC, id DESC",
            tuple(wanted.values()),
        )
        assert [each.id for each in seen] == [row[0] for row in rows]


def test_the_position_is_a_bound_of_the_search_not_a_filter_behind_it(store, with_events):
    for statements in (page_statements(with_events, [], query()), places_of_one(7, [], query())):
        firsts = [steps[0] for steps in plans(store, statements)]
        assert "occurred_at=? AND rowid<?" in firsts[0]
        assert "occurred_at>? AND occurred_at<?" in firsts[1]


def test_a_name_of_another_project_finds_nothing(store, make_tenant, with_events):
    other = make_tenant("other").project.id
    store.add(other, [event(event_name="theirs")])
    assert store.page(with_events, PageQuery(0, Position(2**62, 0), 10, event_name="theirs")) == []
