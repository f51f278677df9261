"""Ids do not tell the order of commits: who follows misses no smaller id that is committed later: contract 13."""

import pytest

from drengr.admin.questions import PageQuery, Position
from drengr.store import Place, place_of, place_text
from drengr.store.postgresql import followers
from tests.admin import event
from tests.conftest import NOW_MS
from tests.under_way import under_way

QUERY = PageQuery(NOW_MS, Position(NOW_MS, 0), 100)


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


def test_a_smaller_id_committed_later_is_found(store, put, look):
    place = store.last_id()
    with under_way(store, event()) as ((late,), commit):
        put()
        seen, place = look(place)
        assert seen == [late + 1]
        commit()
        seen, place = look(place)
        assert seen == [late]
    assert look(place)[0] == []


def test_one_that_was_under_way_when_following_began_is_found(store, put, look):
    with under_way(store, event(), event(), event()) as (late, commit):
        put()
        place = store.last_id()
        commit()
        assert look(place)[0] == late


def test_what_was_there_before_is_not_shown(store, put, look):
    put(50)
    assert look(store.last_id())[0] == []


def test_each_is_shown_once_in_looks_of_any_size(store, put, look):
    place, shown = store.last_id(), []
    with under_way(store, *[event() for _ in range(5)]) as (late, commit):
        put(7)
        commit()
    for _ in range(20):
        seen, place = look(place, 2)
        shown += seen
        put(1) if len(shown) < 10 else None
    assert len(shown) == len(set(shown)) and set(late) <= set(shown) and len(shown) >= 12


def test_holes_of_repeats_are_forgotten_once_nobody_can_fill_them(store, project, put, look):
    place = store.last_id()
    with under_way(store, event()) as ((late,), commit):
        store.add(project.id, [event(event_id="a"), event(event_id="a"), event(event_id="a"), event(event_id="b")])
        _, place = look(place)
        assert [(gap.first, gap.last) for gap in place.gaps] == [(late, late), (late + 2, late + 3)]
        commit()
    seen, place = look(place)
    assert (seen, place.gaps) == ([late], ())
    assert store.last_id().gaps == ()


def test_a_standby_which_sees_no_locks_forgets_holes_after_a_minute(store, project, put, look, monkeypatch):
    monkeypatch.setattr(followers, "settled", lambda connection: 0)
    place = store.last_id()
    store.add(project.id, [event(event_id="a"), event(event_id="a"), event(event_id="a"), event(event_id="b")])
    _, place = look(place)
    assert [(gap.first, gap.last) for gap in place.gaps] == [(3, 4)]
    monkeypatch.setattr(followers, "_REMEMBERED_S", 0.0)
    assert look(place)[1].gaps == ()


def test_who_looks_on_after_an_hour_misses_nothing(store, put, look, monkeypatch):
    """A page that was hidden, a `tail` whose reader stood still."""
    monkeypatch.setattr(followers, "settled", lambda connection: 0)
    monkeypatch.setattr(followers, "_REMEMBERED_S", 0.0)
    place = store.last_id()
    with under_way(store, event()) as (late, commit):
        put()
        place = look(place)[1]
        commit()
    monkeypatch.setattr(followers, "_is_forgotten", lambda gap: True)
    assert look(place)[0] == late


def test_a_place_that_travelled_as_text_is_the_same(store, put, look):
    place = store.last_id()
    with under_way(store, event(), event(), event()) as (late, commit):
        put()
        place = place_of(place_text(look(place)[1]))
        commit()
    seen, place = look(place)
    assert seen == late
    assert place_text(place) == str(late[-1] + 1)


def test_very_many_gaps_are_told_as_few():
    gaps = [followers.Gap(2 * n, 2 * n, 0.0) for n in range(1, 5001)]
    told = place_text(Place.at(20_000, gaps))
    found = place_of(told).gaps
    assert len(told) < 1500 and len(found) <= 100
    assert all(any(gap.first <= each.first <= gap.last for gap in found) for each in gaps)


@pytest.mark.parametrize("text", ["", "x", "-1", "7-", "7-1", "7-1.0", "7-8.1", "7-3.4", "7-2.1-3.1", "9" * 20, "٣"])
def test_a_text_that_tells_no_place_is_refused(text):
    with pytest.raises(ValueError):
        place_of(text)
