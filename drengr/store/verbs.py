"""The verbs that are the same on both stores. They are explained at drengr.store.Store."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import AbstractContextManager

from drengr.store import imports, names, projects, rules, sessions
from drengr.store.results import Key, NewProject, Progress, Project, Session
from drengr.store.sql import Reader, Writer
from drengr.store.verb import verb


class Verbs:
    """What a store knows of projects, keys, sessions and settings, and how far imports have come."""

    database: Reader
    commits: Writer

    def store_errors(self) -> AbstractContextManager[None]:
        """StoreError in the place of what the database's library raises inside."""
        raise NotImplementedError

    def _met(self, project: Project) -> Project:
        """A project that was looked up now, as the store gives it out."""
        return project

    @verb
    def make_project(self, name: str) -> NewProject:
        return projects.make_project(self.commits, name)

    @verb
    def rename_project(self, project: Project, name: str) -> None:
        projects.rename_project(self.commits, project, name)

    @verb
    def make_default_project(self) -> NewProject | None:
        return projects.make_default_project(self.commits)

    @verb
    def projects(self) -> list[Project]:
        return [self._met(project) for project in projects.all_projects(self.database)]

    @verb
    def find_project(self, name_or_uuid: str | None) -> Project:
        return self._met(projects.find_project(self.database, name_or_uuid))

    @verb
    def make_key(self, project: Project, kind: str) -> str:
        return projects.make_key(self.commits, project, kind)

    @verb
    def all_keys(self, project: Project | None = None) -> list[Key]:
        return projects.all_keys(self.database, project)

    @verb
    def find_key(self, key_or_id: str) -> Key | None:
        return projects.find_key(self.database, key_or_id)

    @verb
    def revoke_key(self, key_or_id: str, at_ms: int | None = None) -> bool:
        return projects.revoke_key(self.commits, key_or_id, at_ms)

    @verb
    def note_uses(self, uses: Mapping[str, int]) -> None:
        projects.note_uses(self.commits, uses)

    @verb
    def project_of_key(self, key: object, kind: str) -> Project | None:
        project = projects.project_of_key(self.database, key, kind)
        return project and self._met(project)

    @verb
    def owner_of_key(self, key: object) -> tuple[Project, str] | None:
        return projects.owner_of_key(self.database, key)

    @verb
    def progress_of(self, project_id: int, file_key: str) -> Progress | None:
        return imports.progress_of(self.database, project_id, file_key)

    @verb
    def forget_progress(self, project_id: int, file_keys: Iterable[str]) -> None:
        imports.forget_progress(self.commits, project_id, file_keys)

    @verb
    def names_near(self, project_id: int, name: str) -> list[str]:
        return names.names_near(self.database, project_id, name)

    @verb
    def database_id(self) -> str:
        return rules.database_id(self.database)

    @verb
    def rules(self) -> dict[str, str]:
        return rules.rules(self.database)

    @verb
    def save_rules(self, wanted: dict[str, str]) -> None:
        rules.save_rules(self.database, self.commits, wanted)

    @verb
    def signing_secret(self) -> bytes:
        return sessions.secret(self.database)

    @verb
    def make_link(self, project_ids: Sequence[int], at_ms: int) -> str:
        return sessions.make_link(self.commits, project_ids, at_ms)

    @verb
    def begin_session_by_link(self, link: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_link(self.commits, link, earlier, at_ms)

    @verb
    def begin_session_by_key(self, key: str, earlier: str | None, at_ms: int) -> str | None:
        return sessions.begin_by_key(self.commits, key, earlier, at_ms)

    @verb
    def session(self, token: str, at_ms: int) -> Session | None:
        found = sessions.session_of(self.database, token, at_ms)
        return found and found._replace(projects=[self._met(project) for project in found.projects])

    @verb
    def sessions(self, project_id: int, at_ms: int) -> list[Session]:
        return sessions.sessions_of(self.database, project_id, at_ms)

    @verb
    def note_session_use(self, session_id: int, at_ms: int) -> None:
        sessions.note_use(self.commits, session_id, at_ms)

    @verb
    def end_session(self, token: str) -> None:
        sessions.end(self.commits, token)

    @verb
    def end_sessions(self, project_id: int) -> None:
        sessions.end_all(self.commits, project_id)
