"""What events that were just stored change for people, in the same transaction (contract 8)."""

import sqlite3
from collections.abc import Iterable

from drengr.events.times import DAY_MS
from drengr.store.sqlite.people.days import Part, PersonDays, joined
from drengr.store.sqlite.people.devices import settle
from drengr.store.sqlite.people.identities import Identities, drop_unused


def note_stored(
    connection: sqlite3.Connection,
    identities: Identities,
    events: Iterable[tuple[int, int]],
    last_id: int,
    *,
    with_repeats: bool,
) -> None:
    """Events of these identities are in the file now, and in nobody's days yet.

    events        (identity, occurred_at) of each that is new
    last_id       of the event before them
    with_repeats  there were others that were not stored: a new identity that only they have is none
    """
    days = PersonDays(connection, last_id, identities.new_persons)
    if with_repeats and identities.new:
        identities.person_of |= drop_unused(connection, identities.new, days, identities.unsettled)
    elif identities.unsettled:
        identities.person_of |= settle(connection, identities.unsettled, days)
    days.add_all(_by_person(identities, events))
    days.write()


def _by_person(identities: Identities, events: Iterable[tuple[int, int]]) -> dict[tuple[int, int], dict[int, Part]]:
    by_day: dict[tuple[int, int], list[int]] = {}
    for identity, at in events:
        part = by_day.get((identity, at // DAY_MS))
        if part is None:
            by_day[identity, at // DAY_MS] = [1, at, at]
            continue
        part[0] += 1
        if at < part[1]:
            part[1] = at
        elif at > part[2]:
            part[2] = at
    people: dict[tuple[int, int], dict[int, Part]] = {}
    project_of = {number: pair[0] for pair, number in identities.items()}
    for (identity, day), (count, first_at, last_at) in by_day.items():
        person_id = identities.person_of[identity]
        if person_id is not None:
            days = people.setdefault((project_of[identity], person_id), {})
            days[day] = joined(days.get(day), (count, first_at, last_at))
    return people
