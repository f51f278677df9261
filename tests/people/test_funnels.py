"""Contract 8, the funnel: any chain, each event serves one step, events of one millisecond in either order."""

import random
from itertools import pairwise, permutations

import pytest

from drengr.people.funnels import names_of, reached, reached_in_blocks
from drengr.people.questions import FunnelQuery

SINCE, UNTIL, WITHIN = 10, 20, 5

CASES = {
    "a person reached step k when k different events bear the names of steps 1 to k": ("AB", "A11 B12", [1, 1]),
    "in this order of time": ("AB", "B11 A12", [1, 0]),
    "any chain, others between allowed": ("AC", "A11 B12 C13", [1, 1]),
    "events of one millisecond count as in either order": ("AB", "B11 A11", [1, 1]),
    "step 1 in the window, from its first": ("AB", "A10 B11", [1, 1]),
    "step 1 in the window, to its last": ("AB", "A20 B21", [1, 1]),
    "step 1 before the window": ("AB", "A9 B11", [0, 0]),
    "step 1 past the window": ("AB", "A21 B22", [0, 0]),
    "step k at most within after step 1": ("AB", "A12 B17", [1, 1]),
    "step k later than within after step 1": ("AB", "A12 B18", [1, 0]),
    "within counts from step 1, not from the step before": ("ABC", "A12 B16 C20", [1, 1, 0]),
    "also past until": ("AB", "A20 B25", [1, 1]),
    "a later start has more time": ("AB", "A11 A14 B19", [1, 1]),
    "a later start does not take away what an earlier one reached": ("ABC", "A11 B12 A15 C16", [1, 1, 1]),
    "an earlier start may have done the step between": ("ABC", "A11 B12 A15 C17", [1, 1, 0]),
    "A, A needs two": ("AA", "A11", [1, 0]),
    "A, A has two": ("AA", "A11 A12", [1, 1]),
    "A, A has two in one millisecond": ("AA", "A11 A11", [1, 1]),
    "A, A, A needs three": ("AAA", "A11 A11", [1, 1, 0]),
    "A, B, A in one millisecond": ("ABA", "A11 A11 B11", [1, 1, 1]),
    "A, B, A, one A is missing": ("ABA", "A11 B11", [1, 1, 0]),
    "A, B, A over two": ("ABA", "B11 A11 A12", [1, 1, 1]),
    "A, A, the second past until": ("AA", "A20 A22", [1, 1]),
    "eight steps": ("ABCDEFGH", "A10 B10 C11 D11 E12 F12 G13 H13", [1] * 8),
    "nobody": ("AB", "", [0, 0]),
}


def query(steps: str) -> FunnelQuery:
    return FunnelQuery(SINCE, UNTIL, tuple(steps), WITHIN)


def stream(asked: FunnelQuery, events: list[tuple[int, int, str]]) -> list[tuple[int, int, int]]:
    """What a store tells of (person, occurred_at, name): in order of time and, within a millisecond, of the names."""
    names = names_of(asked)
    seen = [(person, at, names.index(name)) for person, at, name in events if name in names and at >= SINCE]
    return sorted(seen, key=lambda row: row[1:])


def columns(asked: FunnelQuery, events: list[tuple[int, int, str]]) -> list[tuple[list[int], list[int]]]:
    """The same as one block."""
    seen = stream(asked, events)
    return [
        ([at for _, at, index in seen if index == number], [person for person, _, index in seen if index == number])
        for number in range(len(names_of(asked)))
    ]


@pytest.mark.parametrize(("steps", "events", "expected"), CASES.values(), ids=CASES)
def test_a_person_reached_these_steps(steps, events, expected):
    asked = query(steps)
    happened = [(7, int(word[1:]), word[0]) for word in events.split()]
    assert reached(asked, stream(asked, happened)) == expected
    assert reached_in_blocks(asked, [columns(asked, happened)]) == expected


def plainly_reached(asked: FunnelQuery, events: list[tuple[int, str]]) -> int:
    """The words of the contract, one after the other: is there a choice of different events?"""
    for steps in range(len(asked.steps), 0, -1):
        for chosen in permutations(range(len(events)), steps):
            times = [events[number][0] for number in chosen]
            if (
                tuple(events[number][1] for number in chosen) == asked.steps[:steps]
                and times == sorted(times)
                and SINCE <= times[0] <= UNTIL
                and times[-1] - times[0] <= WITHIN
            ):
                return steps
    return 0


@pytest.mark.parametrize("steps", ["AB", "ABC", "AA", "AAB", "ABA", "ABAB", "AAAB"])
def test_every_chain_is_found_that_the_contract_means(steps):
    chance, asked = random.Random(steps), query(steps)
    for _ in range(100):
        people = {
            person: [(chance.randrange(8, 28), chance.choice("ABC")) for _ in range(chance.randrange(7))]
            for person in range(3)
        }
        happened = [(person, *event) for person, events in people.items() for event in events]
        depths = [plainly_reached(asked, events) for events in people.values()]
        expected = [sum(depth >= step for depth in depths) for step in range(1, len(steps) + 1)]
        assert reached(asked, stream(asked, happened)) == expected
        assert reached(asked, sorted(stream(asked, happened))) == expected, "a person after the other"


@pytest.mark.parametrize("steps", ["AB", "ABC", "CAB", "ABA", "AAB"])
@pytest.mark.parametrize("edges", [(), (14,), (10, 11, 16, 21), range(8, 28)])
def test_it_is_the_same_however_the_events_are_cut_into_blocks(steps, edges):
    chance, asked = random.Random(steps), query(steps)
    for people in (3, 30):
        events = [(chance.randrange(people), chance.randrange(8, 28), chance.choice("AAAABC")) for _ in range(90)]
        cuts = [-1, *edges, 99]
        blocks = [
            columns(asked, [row for row in events if start <= row[1] < end])
            for start, end in pairwise(cuts)
        ]
        somebody = [row for row in events if row[0]]  # 0 is nobody
        assert reached_in_blocks(asked, blocks) == reached(asked, stream(asked, somebody))
