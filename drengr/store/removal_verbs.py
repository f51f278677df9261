"""The verbs about events that are to go (contract 9), the same on both stores but for what a store says of itself.

They are explained at drengr.store.removals.RemovalStore, drengr.store.imports.ImportStore and
drengr.store.tombstones.TombstoneStore.
"""

from collections.abc import Sequence

from drengr.admin.deletions import DeletionQuery
from drengr.events.event import Event
from drengr.people.erasures import By, Erasure
from drengr.people.questions import Who
from drengr.people.tombstones import Tombstone
from drengr.store import erasures, floors, imports, removal_rows, removals, tombstones
from drengr.store.clock import now_ms
from drengr.store.floors import Refused
from drengr.store.imports import PastImport
from drengr.store.removals import Keeping, UnderWay
from drengr.store.removing import Remover
from drengr.store.results import Project
from drengr.store.sql import Statements
from drengr.store.verb import verb
from drengr.store.verbs import Verbs


class RemovalVerbs(Verbs):
    """How events go: of a person, of an import, of a condition, of a project, by age."""

    remover: Remover

    def _begin_erasure(self, project_id: int, who: Who, by: By, requester: str | None) -> erasures.Begun:
        """The tombstone is committed: what is there now goes, what comes later and occurred before is refused."""
        raise NotImplementedError

    def _bound(self, connection: Statements) -> int:
        """The bound of a removal that begins in this transaction; see drengr.store.removing.Parts.bound."""
        raise NotImplementedError

    @verb
    def erase(
        self, project_id: int, who: Who, by: By, requester: str | None = None, patience_s: float = 5.0
    ) -> Erasure:
        begun = self._begin_erasure(project_id, who, by, requester)
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
        return self.commits.run(
            lambda connection: removals.delete_events(connection, project_id, condition, self._bound(connection))
        )

    @verb
    def delete_project(self, project: Project) -> int:
        return self.commits.run(lambda connection: removals.delete_project(connection, project))

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
    def would_refuse(self, project_id: int, events: Sequence[Event]) -> Refused:
        return floors.would_refuse(self.database, project_id, events, now_ms())

    @verb
    def go_on_removing(self, seconds: float, only: int | None = None) -> bool:
        return self.remover.go_on(seconds, only)

    @verb
    def under_way(self) -> list[UnderWay]:
        return removals.under_way(self.database)

    @verb
    def imports(self, project_id: int, limit: int, before: int | None = None) -> list[PastImport]:
        return imports.imports(self.database, project_id, limit, before)

    @verb
    def would_undo(self, project_id: int, number: int) -> int:
        return imports.would_undo(self.database, project_id, number)

    @verb
    def undo_import(self, project_id: int, number: int) -> int:
        return self.commits.run(
            lambda connection: imports.undo_import(connection, project_id, number, self._bound(connection))
        )

    @verb
    def key_check(self) -> str:
        return tombstones.check_of(self.database.read(floors.KEY)[0][0])

    @verb
    def tombstones_after(self, project_id: int, last: Tombstone) -> list[Tombstone]:
        return tombstones.after(self.database, project_id, last)

    @verb
    def put_tombstones(self, project_id: int, saved: Sequence[Tombstone]) -> None:
        self.commits.run(lambda connection: floors.put_back(connection, project_id, saved))

    @verb
    def erase_entombed(self, project_id: int) -> int:
        return self.commits.run(lambda connection: removal_rows.begin_of_entombed(connection, project_id))
