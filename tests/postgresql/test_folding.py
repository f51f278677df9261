"""Totals of days that are over are added to one slot, beside whoever adds to them: contract 13."""

import random
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from drengr.admin.questions import CountQuery
from drengr.store.postgresql import folding
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.postgresql.test_writing import deadlocks

TODAY = NOW_MS // DAY_MS
ALL = CountQuery(NOW_MS - 20 * DAY_MS, NOW_MS)


def slots(store, unit: str) -> list[tuple]:
    """(day, how many slots it lies in) of every day or hour."""
    per_day = 24 if unit == "hour" else 1
    return store.database.read(
        f"SELECT {unit} / {per_day}, count(DISTINCT slot) FROM {unit}_totals GROUP BY 1 ORDER BY 1"
    )


@pytest.fixture
def spread(store, project):
    """Events of today, yesterday and two days before, which many connections counted."""

    def put(days: int) -> None:
        for connection in store.database.connections._places.queue:
            if connection is not None:
                connection.slot = random.Random(days).randrange(1, 16)
        store.add(project.id, [event(occurred_at=NOW_MS - number * DAY_MS) for number in range(4)])

    for number in range(6):
        put(number)
    return store


def test_days_before_yesterday_are_folded_into_one_slot(spread, project):
    before = spread.count(project.id, ALL)
    assert min(slots for _, slots in slots(spread, "hour")) > 1
    assert spread.gather_people(TODAY, 0.03) is False
    for unit in ("hour", "day"):
        assert [count == 1 for _, count in slots(spread, unit)] == [True, True, False, False]
    assert spread.count(project.id, ALL) == before and spread.wrong_totals() == []
    assert spread.gather_people(TODAY, 0.03) is False


def test_a_few_at_once_until_all_are(spread, monkeypatch):
    monkeypatch.setattr(folding, "_AT_ONCE", 3)
    rounds = 1
    while spread.gather_people(TODAY, 0.03):
        rounds += 1
    assert rounds > 2
    assert [count for _, count in slots(spread, "day")][:2] == [1, 1]


def test_what_somebody_adds_to_is_left_for_the_next_time(spread, url):
    with psycopg.connect(url) as other:
        other.execute("UPDATE hour_totals SET events = events")
        assert spread.gather_people(TODAY, 0.03) is False
    assert all(count > 1 for _, count in slots(spread, "hour"))
    spread.gather_people(TODAY, 0.03)
    assert [count for _, count in slots(spread, "hour")][:2] == [1, 1]


def test_folding_beside_history_of_the_same_hours_ends_in_exact_totals(cluster, url, open_another):
    stores = [open_another() for _ in range(3)]
    stores[0].make_project("shop")

    def work(number: int) -> None:
        for round_ in range(12):
            if number % 3 == 0:
                stores[number % 3].gather_people(TODAY, 0.03)
            history = [event(occurred_at=NOW_MS - (round_ + n) % 9 * DAY_MS, event_name=f"n{n % 5}") for n in range(60)]
            random.Random(number + round_).shuffle(history)
            stores[number % 3].add_history(1, history)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert stores[0].count(1, ALL).total == 8 * 12 * 60
    assert stores[0].wrong_totals() == [] and deadlocks(cluster, url) == 0
