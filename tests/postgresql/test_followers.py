"""Ids do not tell the order of commits: who follows misses no smaller id that is committed later: contract 13."""

from contextlib import contextmanager

import psycopg
import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.store.postgresql import followers
from tests.admin import event
from tests.conftest import NOW_MS

QUERY = PageQuery(NOW_MS, Position(NOW_MS, 0), 100)
INSERT = """
INSERT INTO semantic_events (id, project_id, dedup_key, name_id, origin_id, identity_id, occurred_at, received_at,
  dims, measures)
SELECT nextval('event_ids'), 1, decode('00' || md5(random()::text), 'hex'), 1, 1, 1, 1, 1, '{}', '{}'
FROM generate_series(1, %s)
RETURNING id
"""


@contextmanager
def uncommitted(url: str, events: int = 1):
    """(the ids of events that another process is about to store, how to commit them)."""
    with psycopg.connect(url) as connection:
        yield [row[0] for row in connection.execute(INSERT, (events,)).fetchall()], connection.commit


@pytest.fixture
def put(store, project):
    store.add(project.id, [event()])
    return lambda count=1: store.add(project.id, [event() for _ in range(count)])


@pytest.fixture
def look(store, project):
    """look(place) → (ids of the events stored since, the next place)."""

    def arrived(place, limit: int = 100):
        found = store.arrivals(project.id, place, QUERY._replace(limit=limit))
        return [each.id for each in found.events], found.seen_id

    return arrived


def test_a_smaller_id_committed_later_is_found(url, store, put, look):
    place = store.last_id()
    with uncommitted(url) as ((late,), commit):
        put()
        seen, place = look(place)
        assert seen == [late + 1]
        commit()
        seen, place = look(place)
        assert seen == [late]
    assert look(place)[0] == []


def test_one_that_was_under_way_when_following_began_is_found(url, store, put, look):
    with uncommitted(url, 3) as (late, commit):
        put()
        place = store.last_id()
        commit()
        assert look(place)[0] == late


def test_what_was_there_before_is_not_shown(store, put, look):
    put(50)
    assert look(store.last_id())[0] == []


def test_each_is_shown_once_in_looks_of_any_size(url, store, put, look):
    place, shown = store.last_id(), []
    with uncommitted(url, 5) as (late, commit):
        put(7)
        commit()
    for _ in range(20):
        seen, place = look(place, 2)
        shown += seen
        put(1) if len(shown) < 10 else None
    assert len(shown) == len(set(shown)) and set(late) <= set(shown) and len(shown) >= 12


def test_holes_of_repeats_are_forgotten_after_a_minute(store, project, put, look, monkeypatch):
    place = store.last_id()
    store.add(project.id, [event(event_id="a"), event(event_id="a"), event(event_id="a"), event(event_id="b")])
    _, place = look(place)
    assert [(gap.first, gap.last) for gap in place.gaps] == [(3, 4)]
    monkeypatch.setattr(followers, "_REMEMBERED_S", 0.0)
    assert look(place)[1].gaps == ()
