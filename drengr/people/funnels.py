"""How far people came in a funnel (contract 8), told from a stream of their events."""

from collections import Counter
from collections.abc import Iterable
from itertools import groupby
from operator import itemgetter

from drengr.people.questions import FunnelQuery

Seen = tuple[int, int, int]  # number of a person, occurred_at (epoch ms), index of the name in `names_of`


def names_of(query: FunnelQuery) -> list[str]:
    """The different names of the steps, in the order in which they first stand there."""
    return list(dict.fromkeys(query.steps))


def reached(query: FunnelQuery, seen: Iterable[Seen]) -> list[int]:
    """How many people reached each step.

    seen  every event with the name of a step from `since` to `until + within_ms`, later ones do no harm; the events of
          each person in the order of time, those of one millisecond by their index

    >>> visit, pay = 0, 1
    >>> query = FunnelQuery(0, 100, ("visit", "pay"), 10)
    >>> reached(query, [(7, 1, visit), (8, 1, pay), (8, 2, visit), (9, 3, visit), (7, 11, pay), (9, 14, pay)])
    [3, 1]
    """
    names = names_of(query)
    if len(names) == len(query.steps):
        return _of_different_steps(query, seen)
    return _of_repeated_steps(query, [names.index(step) for step in query.steps], seen)


# Both remember for each person and step when the latest start was from which that step was reached: of all the chains
# that could go on from there it is the one with most time left. So memory grows with the people, not with their events.


def _of_different_steps(query: FunnelQuery, seen: Iterable[Seen]) -> list[int]:
    """An event serves its own step only, so taking them in order of time and step finds every chain."""
    starts: list[dict[int, int]] = [{} for _ in query.steps]
    for person, occurred_at, step in seen:
        if not step:
            if occurred_at <= query.until:
                starts[0][person] = occurred_at
        elif (start := starts[step - 1].get(person)) is not None and occurred_at - start <= query.within_ms:
            starts[step][person] = start
    return [len(people) for people in starts]


def _of_repeated_steps(query: FunnelQuery, steps: list[int], seen: Iterable[Seen]) -> list[int]:
    """The events of one person in one millisecond are taken together: a chain may use them in any order, each once."""
    starts: list[dict[int, int]] = [{} for _ in steps]
    last_first = list(enumerate(steps))[::-1]
    places = [[place for place, step in last_first if step == name] for name in range(max(steps) + 1)]
    for occurred_at, rows in groupby(seen, itemgetter(1)):
        at_once = list(rows)
        if len(at_once) == 1:
            _go_on(query, places[at_once[0][2]], starts, at_once[0][0], occurred_at)
            continue
        by_person: dict[int, Counter[int]] = {}
        for person, _, name in at_once:
            by_person.setdefault(person, Counter())[name] += 1
        for person, counts in by_person.items():
            _go_on_at_once(query, steps, starts, person, occurred_at, counts)
    return [len(people) for people in starts]


def _go_on(query: FunnelQuery, places: list[int], starts: list[dict[int, int]], person: int, at: int) -> None:
    """Lead the person's chains on by one event that serves any of these steps, the last first: it serves only one."""
    for place in places:
        if not place:
            if at <= query.until:
                starts[0][person] = at
        elif (start := starts[place - 1].get(person)) is not None and at - start <= query.within_ms:
            starts[place][person] = start


def _go_on_at_once(
    query: FunnelQuery, steps: list[int], starts: list[dict[int, int]], person: int, at: int, counts: Counter[int]
) -> None:
    """The same by several events, from the last step to the first: what the chains were before is needed."""
    for last in reversed(range(len(steps))):
        left, start = counts.copy(), starts[last].get(person)
        for first in range(last, -1, -1):  # these events serve the steps `first` to `last`
            left[steps[first]] -= 1
            if left[steps[first]] < 0:
                break
            begun = starts[first - 1].get(person) if first else at if at <= query.until else None
            if begun is not None and at - begun <= query.within_ms:
                start = begun if start is None else max(start, begun)
        if start is not None:
            starts[last][person] = start
