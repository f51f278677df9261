"""The verbs that ask about people, explained at drengr.store.Store."""

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.people.questions import FunnelQuery, NamesQuery, PeopleCountQuery, PeopleQuery, RetentionQuery, Who
from drengr.people.results import Cohort, NameSample, NameSummary, PeopleCounted, Person
from drengr.store.postgresql import folding, read, statistics
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.people import counts, listing, names
from drengr.store.postgresql.people import who as who_is
from drengr.store.verb import verb
from drengr.store.verbs import Verbs


class PeopleVerbs(Verbs):
    """Those of PostgresqlStore."""

    database: Database

    @verb
    def people(self, project_id: int, query: PeopleQuery) -> list[Person]:
        return listing.people(self.database, project_id, query)

    @verb
    def person(self, project_id: int, who: Who) -> Person | None:
        return listing.person(self.database, project_id, who)

    @verb
    def person_by_number(self, project_id: int, number: int) -> Who | None:
        with self.database.snapshot() as connection:
            return who_is.who_has(connection, project_id, number)

    @verb
    def number_of(self, project_id: int, who: Who) -> int | None:
        with self.database.snapshot() as connection:
            return who_is.number_of(connection, project_id, who)

    @verb
    def person_page(self, project_id: int, who: Who, query: PageQuery) -> list[StoredEvent]:
        with self.database.snapshot() as connection:
            number = who_is.person_of(connection, project_id, who)
            return [] if number is None else read.newest(connection, project_id, query, who_is.identities_of(number))

    @verb
    def count_people(self, project_id: int, query: PeopleCountQuery) -> PeopleCounted:
        return counts.count_people(self.database, project_id, query)

    @verb
    def retention(self, project_id: int, query: RetentionQuery) -> list[Cohort]:
        return counts.retention(self.database, project_id, query)

    @verb
    def funnel(self, project_id: int, query: FunnelQuery) -> list[int]:
        return counts.funnel(self.database, project_id, query)

    @verb
    def names(self, project_id: int, query: NamesQuery) -> list[NameSummary]:
        return names.names(self.database, project_id, query)

    @verb
    def name_sample(self, project_id: int, event_name: str) -> NameSample | None:
        return names.name_sample(self.database, project_id, event_name)

    @verb
    def gather_people(self, today: int, seconds: float) -> bool:
        is_more = folding.fold(self.database, today)  # of people nothing is kept by day: it is asked of the events
        statistics.refresh(self.database)
        return is_more
