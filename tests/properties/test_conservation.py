"""Whatever comes and goes, in whatever order: stored - removed = what is there, by day and door, and what was to go is
gone (contract 9, 10).
"""

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from drengr.admin.deletions import DeletionQuery
from drengr.events.outcomes import DROPPED
from drengr.people.questions import Who
from drengr.store import Account, ImportRun, Store
from tests.admin import DAY_MS, event
from tests.conftest import NOW_MS
from tests.looking import events_in

USERS = ["u1", "u2", None]
DEVICES = ["d1", "d2", "u1"]
NAMES = ["a", "b"]
KEEP_DAYS = 30_000  # by the clock of whoever runs this: nothing of ours is older, but from 1900

events = st.lists(
    st.tuples(
        st.integers(0, 30), st.sampled_from(USERS), st.sampled_from(DEVICES), st.sampled_from(NAMES),
        st.sampled_from([0, 1, 40, 46_000]),
    ),
    min_size=1, max_size=12,
)  # fmt: skip
acts = st.lists(
    st.one_of(
        st.tuples(st.just("live"), events),
        st.tuples(st.just("post"), events),
        st.tuples(st.just("import"), events, st.integers(1, 3)),
        st.tuples(st.just("undo"), st.integers(1, 3)),
        st.tuples(st.just("erase"), st.sampled_from(["u1", "u2"])),
        st.tuples(st.just("delete"), st.sampled_from(NAMES)),
        st.tuples(st.just("keep"), st.sampled_from([KEEP_DAYS, None])),
        st.tuples(st.just("a little")),
    ),
    min_size=3, max_size=14,
)  # fmt: skip


class World:
    """One project, and what is done to it."""

    def __init__(self, store: Store, project_id: int) -> None:
        self.store = store
        self.project_id = project_id
        self.runs: dict[int, ImportRun] = {}  # by the number a test gives them

    def act(self, what: str, *how: Any) -> None:
        """Do it, as far as it can be done."""
        store, project_id = self.store, self.project_id
        if what in ("live", "post"):
            source = "admin" if what == "post" else "amplitude_http"
            store.add(project_id, made(how[0], source))
        elif what == "import":
            rows, name = how
            run = self.runs.setdefault(name, ImportRun("ga4", None, str(name), NOW_MS))
            account = Account("importer", len(rows) + 1, {"no_id": 1})
            store.add_history(project_id, made(rows, "ga4"), account=account, run=run)
        elif what == "undo" and how[0] in self.runs:
            number = self.runs.pop(how[0]).number
            assert number is not None
            store.undo_import(project_id, number)
        elif what == "erase":
            store.erase(project_id, Who("user", how[0]), "api", patience_s=0)
        elif what == "delete":
            store.delete_events(project_id, DeletionQuery(event_name=how[0]))
        elif what == "keep":
            store.keep(project_id, how[0])
        elif what == "a little":
            store.go_on_removing(0)


def made(rows: list[tuple], source: str):
    return [
        event(
            event_id=f"id {number}", external_id=user, install_id=device, event_name=name, source=source,
            occurred_at=NOW_MS - days * DAY_MS,
        )
        for number, user, device, name, days in rows
    ]  # fmt: skip


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(acts)
def test_nothing_is_lost_and_nothing_is_left(store, location, monkeypatch, acts):
    monkeypatch.setattr("drengr.store.removing._LEFT_MS", 0)
    monkeypatch.setattr("drengr.store.removing._MOST", 3)
    monkeypatch.setattr("drengr.store.removing._FEWEST", 1)
    name = f"project {len(store.projects())}"
    uuid = store.make_project(name).project_id
    world = World(store, store.find_project(uuid).id)
    for act in acts:
        world.act(*act)
        assert store.wrong_totals() == []
    while store.under_way():
        store.go_on_removing(5)
    assert store.wrong_totals() == [] and store.faults() == []
    here = events_in(location, "WHERE project = ?", uuid)
    counts = [line.counts for line in store.ledger(world.project_id, -50_000, 50_000)]
    assert sum(each["stored"] - sum(each[f"removed_{why}"] for why in ("erased", "expired", "undone", "deleted"))
               for each in counts) == len(here)  # fmt: skip
    for each in counts:
        dropped = sum(each[f"dropped_{reason}"] for reason in DROPPED)
        assert each["received"] == each["stored"] + each["duplicates"] + dropped
    erased = {act[1] for act in acts if act[0] == "erase"}
    assert not erased & {row["external_id"] for row in here}  # what comes again occurred before
    left = sum(store.would_undo(world.project_id, run.number) for run in world.runs.values() if run.number)
    assert left == sum(row["source"] == "ga4" for row in here)
