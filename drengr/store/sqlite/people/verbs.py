"""The verbs about people (contract 8). They are explained at drengr.store.Store."""

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.people.questions import (
    FunnelQuery,
    NamesQuery,
    PeopleCountQuery,
    PeopleQuery,
    RetentionQuery,
    Who,
)
from drengr.people.results import Cohort, NameSample, NameSummary, PeopleCounted, Person
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.people import counting, found, funnels, gathering, listed, names, page, retention
from drengr.store.verb import verb
from drengr.store.verbs import Verbs


class PeopleVerbs(Verbs):
    """What the store in one SQLite file knows of people."""

    database: Database
    commits: GroupCommit
    _history: int | None = None  # how far it had come when sets of people were to be made last

    @verb
    def people(self, project_id: int, query: PeopleQuery) -> list[Person]:
        return listed.people(self.database, project_id, query)

    @verb
    def person(self, project_id: int, who: Who) -> Person | None:
        return found.person(self.database, project_id, who)

    @verb
    def person_by_number(self, project_id: int, number: int) -> Who | None:
        return found.who_has(self.database, project_id, number)

    @verb
    def number_of(self, project_id: int, who: Who) -> int | None:
        return found.number_of(self.database, project_id, who)

    @verb
    def person_page(self, project_id: int, who: Who, query: PageQuery) -> list[StoredEvent]:
        return page.person_page(self.database, project_id, who, query)

    @verb
    def count_people(self, project_id: int, query: PeopleCountQuery) -> PeopleCounted:
        return counting.count_people(self.database, project_id, query)

    @verb
    def retention(self, project_id: int, query: RetentionQuery) -> list[Cohort]:
        return retention.retention(self.database, project_id, query)

    @verb
    def funnel(self, project_id: int, query: FunnelQuery) -> list[int]:
        return funnels.funnel(self.database, project_id, query)

    @verb
    def names(self, project_id: int, query: NamesQuery) -> list[NameSummary]:
        return names.names(self.database, project_id, query)

    @verb
    def name_sample(self, project_id: int, event_name: str) -> NameSample | None:
        return names.name_sample(self.database, project_id, event_name)

    @verb
    def gather_people(self, today: int, seconds: float) -> bool:
        before, self._history = self._history, gathering.history_until(self.database, today)
        if before not in (None, self._history):
            return True
        return gathering.gather(self.database, self.commits, today, seconds)
