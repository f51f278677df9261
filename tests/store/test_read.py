"""The list's SQL: whatever is filtered by, an index gives the order, and no row is sorted."""

from itertools import combinations

import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.store.sqlite.migrate import schema_sql
from drengr.store.sqlite.read import page_statements
from tests.admin import USER, event
from tests.conftest import NOW_MS

FILTERS = {
    "event_name": "order_completed",
    "user_id": USER,
    "external_id": USER,
    "install_id": "d",
    "source": "ga4",
}
COMBINATIONS = [names for size in range(6) for names in combinations(FILTERS, size)]
BEST = {
    "external_id": "events_by_user_and_time",
    "user_id": "events_by_user_and_time",
    "event_name": "events_by_name_and_time",
}

ANALYZE = "ANALYZE;"
USER_INDEX = (
    "CREATE INDEX events_by_user_and_time ON semantic_events (project_id, external_id COLLATE NOCASE, occurred_at);"
)


def query(names: tuple[str, ...], since: int = 0, limit: int = 100) -> PageQuery:
    return PageQuery(since, Position(NOW_MS + 1, 7), limit, **{name: FILTERS[name] for name in names})


def plan(store, statement: str, parameters: tuple) -> list[str]:
    return [row[3] for row in store.database.read("EXPLAIN QUERY PLAN " + statement, parameters)]


def test_the_index_for_users_is_the_one_that_the_schema_offers():
    assert "-- " + USER_INDEX in schema_sql()


@pytest.fixture
def with_events(store, tenant):
    store.add(tenant.project.id, [event(occurred_at=NOW_MS - n, event_name=f"e{n % 3}") for n in range(300)])
    store.add(tenant.project.id, [event()])
    return tenant.project.id


def best_index(store, names: tuple[str, ...]) -> str:
    there = {row[0] for row in store.database.read("SELECT name FROM sqlite_schema WHERE type = 'index'")}
    return next(
        (BEST[name] for name in ("external_id", "user_id", "event_name") if name in names and BEST[name] in there),
        "events_by_time",
    )


@pytest.mark.parametrize(
    "extra", ["", ANALYZE, USER_INDEX, USER_INDEX + ANALYZE], ids=["plain", "analysed", "user", "both"]
)
def test_every_combination_of_filters_reads_an_index_in_order(store, with_events, extra):
    for statement in filter(None, extra.split(";")):
        store.commits.run(lambda connection, statement=statement: connection.execute(statement))
    store.database.readers.close()  # statistics are read when a file is opened
    for names in COMBINATIONS:
        statements = page_statements(store.database, with_events, query(names))
        assert len(statements) == 2
        # A UUID has several spellings, which an index for users holds apart; only statistics show that they are few.
        has_spellings = USER_INDEX in extra and bool({"user_id", "external_id"} & set(names))
        for statement, parameters in statements:
            first, *others = plan(store, statement, (*parameters, 100))
            assert has_spellings or "TEMP B-TREE" not in " ".join([first, *others]), (names, first, others)
            assert first.startswith("SEARCH e USING INDEX "), (names, first)
            assert has_spellings or "ANALYZE" in extra or best_index(store, names) in first, (names, first)
            assert not any(" e" in other for other in others), (names, others)


def test_an_id_with_one_spelling_is_read_in_the_order_of_the_index_for_users(store, with_events):
    store.commits.run(lambda connection: connection.execute(USER_INDEX))
    store.database.readers.close()
    asked = PageQuery(0, Position(NOW_MS + 1, 7), 100, external_id="user_1")
    for statement, parameters in page_statements(store.database, with_events, asked):
        steps = plan(store, statement, (*parameters, 100))
        assert "events_by_user_and_time" in steps[0] and "TEMP B-TREE" not in " ".join(steps)


def test_the_position_is_a_bound_of_the_search_not_a_filter_behind_it(store, with_events):
    firsts = [
        plan(store, statement, (*parameters, 100))[0]
        for statement, parameters in page_statements(store.database, with_events, query(()))
    ]
    assert "occurred_at=? AND rowid<?" in firsts[0]
    assert "occurred_at>? AND occurred_at<?" in firsts[1]


def test_a_name_of_another_project_finds_nothing(store, make_tenant, with_events):
    other = make_tenant("other").project.id
    store.add(other, [event(event_name="theirs")])
    assert store.page(with_events, PageQuery(0, Position(2**62, 0), 10, event_name="theirs")) == []
