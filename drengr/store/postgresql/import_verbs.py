"""The verbs about imports (contract 9). They are explained at drengr.store.imports.ImportStore."""

from drengr.store import imports
from drengr.store.clock import now_ms
from drengr.store.imports import PastImport
from drengr.store.postgresql.database import Database
from drengr.store.postgresql.verb import verb


class ImportVerbs:
    """What was imported into PostgreSQL."""

    database: Database

    @verb
    def imports(self, project_id: int, limit: int, before: int | None = None) -> list[PastImport]:
        return imports.imports(self.database, project_id, limit, before)

    @verb
    def would_undo(self, project_id: int, number: int) -> int:
        return imports.would_undo(self.database, project_id, number)

    @verb
    def undo_import(self, project_id: int, number: int) -> int:
        return self.database.run(lambda connection: imports.undo_import(connection, project_id, number, now_ms()))
