"""What the API has to answer about people, recounted in plain Python from rows of the view `events` (contract 8).

Beside the rows it knows one thing: which devices ever had two users.
"""

import json
from collections import Counter
from datetime import date, datetime

from drengr.admin.words import is_uuid
from drengr.events.times import iso_text
from drengr.people.questions import FunnelQuery, Who
from tests.store.plain_people import DAY_MS, PlainPeople, bucket, folded


def shared_devices(rows: list[dict]) -> set[str]:
    """The devices that two users were seen with, as these rows say."""
    return {device for device, users in PlainPeople(rows).users_of.items() if len(users) > 1} - {None}


class Oracle(PlainPeople):
    """One project's rows, oldest first, and the devices that ever had two users; times are epoch ms."""

    def __init__(self, rows: list[dict], marked: set[str] = frozenset()) -> None:
        self.marked = marked
        super().__init__(rows)

    def of_device(self, device: str) -> Who:
        if device in self.marked and device not in self.users:
            return Who("device", device)
        return super().of_device(device)

    def devices(self, who: Who) -> set[str]:
        return super().devices(who) - (self.marked if who.kind == "user" else set())

    def meant(self, who: Who) -> Who | None:
        """The person of a user, or of a device's anonymous events; None for nobody."""
        device = folded(who.id)
        if who.kind == "device":
            if device not in {folded(row["install_id"]) for row in self.rows}:
                return None
            found = self.of_device(device)
        else:
            found = Who("user", device)
        return found if found in self.events else None

    # The calls --------------------------------------------------------------------------------------------------------

    def shown(self, who: Who) -> dict:
        times = [row["occurred_at"] for row in self.events[who]]
        return {
            "kind": who.kind,
            "id": who.id,
            "first_seen_at": iso_text(min(times)),
            "last_seen_at": iso_text(max(times)),
            "events": len(times),
            "devices": sorted(self.devices(who)),
        }

    def people(self, query: str = "", since: int = -(2**62), until: int = 2**62) -> list[dict]:
        """In no order that counts."""
        found = []
        for who, rows in self.events.items():
            is_called_so = who.id.startswith(query) or (is_uuid(query) and who.id == query.lower())
            if is_called_so and since <= max(row["occurred_at"] for row in rows) <= until:
                found.append(self.shown(who))
        return found

    def newest(self, who: Who) -> list[dict]:
        return sorted(self.events[who], key=lambda row: (row["occurred_at"], row["id"]), reverse=True)

    def properties(self, who: Who) -> dict:
        found: dict = {}
        for row in self.newest(who)[:1000]:
            for key, value in {**json.loads(row["dims"]), **json.loads(row["measures"])}.items():
                if key.startswith("user."):
                    found.setdefault(key, value)
        return found

    def event_ids(self, who: Who, event_name: str | None, since: int, until: int) -> list[str]:
        return [
            str(row["id"])
            for row in self.newest(who)
            if event_name in (None, row["event_name"]) and since <= row["occurred_at"] <= until
        ]

    def people_count(self, since: int, until: int, event_name: str | None, group_by: str | None) -> dict:
        everybody, buckets = set(), {}
        for who, rows in self.events.items():
            for row in rows:
                if event_name in (None, row["event_name"]) and since <= row["occurred_at"] <= until:
                    everybody.add(who)
                    first = bucket(row["occurred_at"], group_by or "day")
                    buckets.setdefault(first, set()).add(who)
        found: dict = {"total": len(everybody)}
        if group_by is not None:
            found["buckets"] = [
                {"key": key_of(first, group_by), "people": len(people)} for first, people in sorted(buckets.items())
            ]
        return found

    def cohorts(self, since: int, until: int, period: str) -> list[dict]:
        first, last = bucket(since, period), bucket(until, period)
        periods = sorted({bucket(ms, period) for ms in days_from(first, last)})
        there = [{bucket(row["occurred_at"], period) for row in rows} for rows in self.events.values()]
        found = []
        for number, cohort in enumerate(periods, 1):
            new = [days for days in there if min(days) == cohort]
            if new:
                returned = [sum(later in days for days in new) for later in periods[number:]]
                found.append({"cohort": key_of(cohort, period), "people": len(new), "returned": returned})
        return found

    def steps(self, query: FunnelQuery) -> list[int]:
        depths = [self._depth(query, rows) for rows in self.events.values()]
        return [sum(depth >= step for depth in depths) for step in range(1, len(query.steps) + 1)]

    def names(self, now: int) -> list[dict]:
        """Most events first, then by name; `label` is the set of all that it may be."""
        found = []
        for name, events in Counter(row["event_name"] for row in self.rows).items():
            rows = [row for row in self.rows if row["event_name"] == name]
            times = [row["occurred_at"] for row in rows]
            today = now // DAY_MS * DAY_MS
            people = self.people_count(today - 29 * DAY_MS, today + DAY_MS - 1, name, None)["total"]
            found.append(
                {
                    "event_name": name,
                    "label": {json.loads(row["dims"]).get("_source_event_name", name) for row in rows},
                    "events": events,
                    "first_seen_at": iso_text(min(times)),
                    "last_seen_at": iso_text(max(times)),
                    "people": people,
                }
            )
        return sorted(found, key=lambda one: (-one["events"], one["event_name"].encode()))

    def name_properties(self, name: str) -> list[dict]:
        rows = [row for row in self.rows if row["event_name"] == name]
        found = []
        for kind, column in (("dim", "dims"), ("measure", "measures")):
            bags = [json.loads(row[column]) for row in rows]
            for key in {key for bag in bags for key in bag}:
                values = [bag[key] for bag in bags if key in bag]
                one = {"key": key, "kind": kind, "events": len(values), "share": len(values) / len(rows)}
                if kind == "dim":
                    counts = sorted(Counter(values).items(), key=lambda pair: (-pair[1], pair[0]))
                    one["values"] = [{"value": value, "count": count} for value, count in counts[:10]]
                else:
                    one |= {"min": min(values), "max": max(values), "mean": sum(values) / len(values)}
                found.append(one)
        return sorted(found, key=lambda one: (-one["share"], one["key"], one["kind"]))

    def _depth(self, query: FunnelQuery, rows: list[dict]) -> int:
        """The most steps of a chain, tried from each start; an event is taken once."""
        best = 0
        for start in rows:
            if start["event_name"] == query.steps[0] and query.since <= start["occurred_at"] <= query.until:
                best = max(best, chain(query, rows, [start]))
        return best


def chain(query: FunnelQuery, rows: list[dict], taken: list[dict]) -> int:
    """How many steps can be reached by going on from these."""
    if len(taken) == len(query.steps):
        return len(taken)
    earliest, latest = taken[-1]["occurred_at"], taken[0]["occurred_at"] + query.within_ms
    following = [
        row
        for row in rows
        if row["event_name"] == query.steps[len(taken)]
        and earliest <= row["occurred_at"] <= latest
        and all(row["id"] != each["id"] for each in taken)
    ]
    # Of those that fit the first in time is as good as any: whatever can follow another can follow it. At that time
    # another event of the same name is as good again.
    return chain(query, rows, [*taken, min(following, key=lambda row: row["occurred_at"])]) if following else len(taken)


def key_of(first: date, period: str) -> str:
    """What a day, an ISO week or a month is called, by its first day."""
    if period == "week":
        return datetime(first.year, first.month, first.day).strftime("%G-W%V")
    return first.isoformat() if period == "day" else f"{first:%Y-%m}"


def days_from(first: date, last: date) -> list[int]:
    """A moment of each day, epoch ms."""
    return [((first - date(1970, 1, 1)).days + n) * DAY_MS for n in range((last - first).days + 1)]


