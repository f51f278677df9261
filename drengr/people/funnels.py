"""How far people came in a funnel (contract 8), told from a stream of their events."""

from bisect import bisect_right
from collections import Counter
from collections.abc import Container, Iterable, Iterator, Sequence
from itertools import groupby
from operator import itemgetter

from drengr.people.questions import FunnelQuery

Seen = tuple[int, int, int]  # number of a person, occurred_at (epoch ms), index of the name in `names_of`
# For each name its events in order of time: when they occurred, and the numbers of their people; 0 is nobody.
Block = Sequence[tuple[Sequence[int], Sequence[int]]]


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


def reached_in_blocks(query: FunnelQuery, blocks: Iterable[Block]) -> list[int]:
    """The same of events that come in blocks, each wholly before the next: what leads nobody on is hardly looked at.

    >>> query = FunnelQuery(0, 100, ("visit", "pay"), 10)
    >>> reached_in_blocks(query, [[([1, 2, 3], [7, 8, 9]), ([1], [8])], [([], []), ([11, 14], [7, 9])]])
    [3, 1]
    """
    if len(names_of(query)) < len(query.steps):
        return reached(query, _one_by_one(blocks))
    starts: list[dict[int, int]] = [{} for _ in query.steps]
    for block in blocks:
        _take(query, block, starts)
    return [len(people) - (0 in people) for people in starts]


def _one_by_one(blocks: Iterable[Block]) -> Iterator[Seen]:
    for block in blocks:
        rows = [(at, index, person) for index, columns in enumerate(block) for at, person in zip(*columns, strict=True)]
        yield from ((person, at, index) for at, index, person in sorted(rows) if person)


# All remember for each person and step when the latest start was from which that step was reached: of all the chains
# that could go on from there it is the one with most time left. So memory grows with the people, not with their events.


def _of_different_steps(query: FunnelQuery, seen: Iterable[Seen]) -> list[int]:
    starts: list[dict[int, int]] = [{} for _ in query.steps]
    _lead_on(query, seen, starts)
    return [len(people) for people in starts]


def _lead_on(query: FunnelQuery, seen: Iterable[Seen], starts: list[dict[int, int]]) -> None:
    """An event serves its own step only, so taking them in order of time and step finds every chain."""
    for person, occurred_at, step in seen:
        if not step:
            if occurred_at <= query.until:
                starts[0][person] = occurred_at
        elif (start := starts[step - 1].get(person)) is not None and occurred_at - start <= query.within_ms:
            starts[step][person] = start


def _take(query: FunnelQuery, block: Block, starts: list[dict[int, int]]) -> None:
    """Lead on by a block. Only the people who go on from a step in it need their events in order."""
    (times, people), *later = block
    in_window = bisect_right(times, query.until)
    latest = dict(zip(people[:in_window], times[:in_window], strict=True))
    rows: list[tuple[int, int, int]] = []
    before: Container[int] = latest
    for step, columns in enumerate(later, 1):
        led = starts[step - 1]
        more = [(at, step, person) for at, person in zip(*columns, strict=True) if person in led or person in before]
        before = {person for _, _, person in more}
        rows += more
    if rows:
        those = {person for _, _, person in rows}
        rows += [(at, 0, person) for at, person in zip(times, people, strict=True) if person in those]
        _lead_on(query, ((person, at, step) for at, step, person in sorted(rows)), starts)
    starts[0].update(latest)


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
