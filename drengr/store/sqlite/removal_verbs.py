"""The verbs about events that are to go (contract 9). They are explained at drengr.store.removals.RemovalStore."""

from drengr.admin.deletions import DeletionQuery
from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.store import erasures, removals
from drengr.store.removals import Keeping, UnderWay
from drengr.store.removing import Remover
from drengr.store.results import Project
from drengr.store.sqlite import erasing
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.verb import verb


class RemovalVerbs:
    """How events go from the one SQLite file."""

    database: Database
    commits: GroupCommit
    remover: Remover

    @verb
    def would_erase(self, project_id: int, who: Who, by: By) -> Erasure:
        return erasing.would_erase(self.database, project_id, who, by)

    @verb
    def erase(
        self, project_id: int, who: Who, by: By, requester: str | None = None, patience_s: float = 5.0
    ) -> Erasure:
        begun = erasing.erase(self.commits, project_id, who, by, requester)
        self.remover.go_on(patience_s, begun.removal)
        (receipt,) = erasures.erasures(self.database, project_id, 1, begun.receipt + 1)
        return receipt._replace(user=begun.user)

    @verb
    def erasures(self, project_id: int, limit: int, before: int | None = None) -> list[Erasure]:
        return erasures.erasures(self.database, project_id, limit, before)

    @verb
    def would_delete(self, project_id: int, query: DeletionQuery) -> int:
        return removals.would_delete(self.database, project_id, query)

    @verb
    def delete_events(self, project_id: int, query: DeletionQuery) -> int:
        condition = removals.condition_of(self.database, project_id, query)
        number: int = self.commits.run(
            lambda connection: removals.delete_events(
                connection, project_id, condition, erasing.newest_id(connection)
            )
        )
        return number

    @verb
    def delete_project(self, project: Project) -> int:
        removal: int = self.commits.run(lambda connection: removals.delete_project(connection, project))
        return removal

    @verb
    def keeping(self, project_id: int) -> Keeping:
        return removals.keeping(self.database, project_id)

    @verb
    def would_expire(self, project_id: int, days: int) -> int:
        return removals.would_expire(self.database, project_id, days)

    @verb
    def keep(self, project_id: int, days: int | None) -> None:
        self.commits.run(lambda connection: removals.keep(connection, project_id, days))

    @verb
    def go_on_removing(self, seconds: float, only: int | None = None) -> bool:
        return self.remover.go_on(seconds, only)

    @verb
    def under_way(self) -> list[UnderWay]:
        return removals.under_way(self.database)

    @verb
    def copies(self) -> list[str]:
        return erasing.copies(self.database)
