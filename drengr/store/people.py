"""What every store can tell of people and names (contract 8)."""

from typing import Protocol

from drengr.admin.questions import PageQuery
from drengr.admin.shown import StoredEvent
from drengr.people.questions import FunnelQuery, NamesQuery, PeopleCountQuery, PeopleQuery, RetentionQuery, Who
from drengr.people.results import Cohort, NameSample, NameSummary, PeopleCounted, Person


class PeopleStore(Protocol):
    """The verbs about people. Every one of them raises StoreError when the database cannot do it now."""

    def people(self, project_id: int, query: PeopleQuery) -> list[Person]:
        """A page of the people of the project, seen last first."""

    def person(self, project_id: int, who: Who) -> Person | None:
        """That person; None when nobody has an event under this id."""

    def person_by_number(self, project_id: int, number: int) -> Who | None:
        """Whom a Person.number means; None when it means nobody of this project."""

    def number_of(self, project_id: int, who: Who) -> int | None:
        """The number of exactly this user or device, a device that is one user's too; None when it was never seen."""

    def person_page(self, project_id: int, who: Who, query: PageQuery) -> list[StoredEvent]:
        """As page, of the events of that person only, through their identities; empty for nobody."""

    def count_people(self, project_id: int, query: PeopleCountQuery) -> PeopleCounted:
        """How many different people had an event in the window, and in each of its hours, days, weeks or months."""

    def retention(self, project_id: int, query: RetentionQuery) -> list[Cohort]:
        """A row for each period that has people whose first event lies in it. Raises TooLong past 20 s."""

    def funnel(self, project_id: int, query: FunnelQuery) -> list[int]:
        """How many people reached each step. Raises TooLong past 20 s."""

    def names(self, project_id: int, query: NamesQuery) -> list[NameSummary]:
        """A page of the names that have events, most events first, then by name."""

    def name_sample(self, project_id: int, event_name: str) -> NameSample | None:
        """The newest 10,000 events of that name; None when it has none."""

    def gather_people(self, today: int, seconds: float) -> bool:
        """Spend about so long on what makes questions about the days before `today` fast; whether there is more to do.

        Answers never depend on it.
        """
