"""The verbs about imports (contract 9). They are explained at drengr.store.imports.ImportStore."""

from drengr.store import imports
from drengr.store.imports import PastImport
from drengr.store.sqlite import erasing
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit
from drengr.store.sqlite.verb import verb


class ImportVerbs:
    """What was imported into the one SQLite file."""

    database: Database
    commits: GroupCommit

    @verb
    def imports(self, project_id: int, limit: int, before: int | None = None) -> list[PastImport]:
        return imports.imports(self.database, project_id, limit, before)

    @verb
    def would_undo(self, project_id: int, number: int) -> int:
        return imports.would_undo(self.database, project_id, number)

    @verb
    def undo_import(self, project_id: int, number: int) -> int:
        removal: int = self.commits.run(
            lambda connection: imports.undo_import(connection, project_id, number, erasing.newest_id(connection))
        )
        return removal
