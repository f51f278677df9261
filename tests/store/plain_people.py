"""People by the words of contract 8, counted the slow way from rows of the view `events`; no mark outlives anything."""

from collections import Counter, defaultdict
from datetime import date, timedelta
from itertools import permutations

from drengr.admin.words import is_uuid
from drengr.people.questions import FunnelQuery, PeopleCountQuery, RetentionQuery, Who

DAY_MS = 86_400_000


def folded(text: str | None) -> str | None:
    return text.lower() if text is not None and is_uuid(text) else text


class PlainPeople:
    """What one project's rows say."""

    def __init__(self, rows: list[dict]) -> None:
        self.rows = rows
        self.users = {folded(row["external_id"]) for row in rows} - {None}
        self.users_of = defaultdict(set)
        for row in rows:
            if row["external_id"] is not None:
                self.users_of[folded(row["install_id"])].add(folded(row["external_id"]))
        self.events: dict[Who, list[dict]] = defaultdict(list)
        for row in rows:
            who = self.who(row)
            if who is not None:
                self.events[who].append(row)

    def who(self, row: dict) -> Who | None:
        if row["external_id"] is not None:
            return Who("user", folded(row["external_id"]))
        return None if row["install_id"] is None else self.of_device(folded(row["install_id"]))

    def of_device(self, device: str) -> Who:
        if device in self.users:
            return Who("user", device)
        users = self.users_of.get(device, set())
        return Who("user", next(iter(users))) if len(users) == 1 else Who("device", device)

    def seen(self) -> list[tuple]:
        """(kind, id, first seen, last seen, events) of everybody."""
        times = {who: sorted(row["occurred_at"] for row in rows) for who, rows in self.events.items()}
        return [(*who, at[0], at[-1], len(at)) for who, at in times.items()]

    def devices(self, who: Who) -> set[str]:
        if who.kind == "device":
            return {who.id}
        return {device for device, users in self.users_of.items() if users == {who.id}} - {None, who.id}

    def count(self, query: PeopleCountQuery) -> tuple[int, dict[date, int]]:
        """(total, people by the first day of their bucket)."""
        buckets, everybody = defaultdict(set), set()
        for who, rows in self.events.items():
            for row in rows:
                if query.since <= row["occurred_at"] <= query.until and query.event_name in (None, row["event_name"]):
                    everybody.add(who)
                    buckets[bucket(row["occurred_at"], query.group_by or "day")].add(who)
        return len(everybody), {day: len(people) for day, people in sorted(buckets.items())}

    def retention(self, query: RetentionQuery) -> list[tuple[date, int, list[int]]]:
        """(cohort, people, returned) of each cohort."""
        periods = sorted({bucket(day * DAY_MS, query.period) for day in range(query.first_day, query.last_day + 1)})
        there = {
            who: {bucket(row["occurred_at"], query.period) for row in rows} for who, rows in self.events.items()
        }
        found = []
        for number, cohort in enumerate(periods, 1):
            new = [days for days in there.values() if min(days) == cohort]
            if new:
                found.append((cohort, len(new), [sum(later in days for days in new) for later in periods[number:]]))
        return found

    def funnel(self, query: FunnelQuery) -> list[int]:
        depths = Counter(self._depth(query, rows) for rows in self.events.values())
        return [sum(people for depth, people in depths.items() if depth >= step) for step in steps_of(query)]

    def _depth(self, query: FunnelQuery, rows: list[dict]) -> int:
        wanted = [row for row in rows if row["event_name"] in query.steps]
        for depth in reversed(steps_of(query)):
            for chosen in permutations(wanted, depth):
                times = [row["occurred_at"] for row in chosen]
                if (
                    tuple(row["event_name"] for row in chosen) == query.steps[:depth]
                    and times == sorted(times)
                    and query.since <= times[0] <= query.until
                    and times[-1] - times[0] <= query.within_ms
                ):
                    return depth
        return 0


def steps_of(query: FunnelQuery) -> range:
    return range(1, len(query.steps) + 1)


def day_of(ms: int) -> date:
    return date(1970, 1, 1) + timedelta(days=ms // DAY_MS)


def bucket(ms: int, period: str) -> date:
    """The first day of the period that the moment lies in."""
    day = day_of(ms)
    if period == "week":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if period == "month" else day
