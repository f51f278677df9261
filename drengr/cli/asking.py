"""The questions of contract 6 from the command line: asked of the file, or of a remote service."""

import json
import os
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol
from urllib.parse import quote, urlencode

import click
import orjson

from drengr.admin.questions import count_query, cursor_text, page_query
from drengr.admin.shown import shown_event
from drengr.admin.words import BadSlot
from drengr.cli.database import chosen_project, open_store
from drengr.store import Project, Store
from drengr.store.clock import now_ms

_ANSWER_WITHIN_S = 30

project_option = click.option("--project", metavar="NAME|ID", help="Default: the only one. With --url: its id.")
url_option = click.option("--url", help="Ask the service there; DRENGR_SECRET_KEY is its key.")


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would take the secret key along to wherever a redirect points."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class AdminDoor(Protocol):
    """Answers as the admin API does; parameters are those of its query strings."""

    def page(self, asked: dict[str, str]) -> dict:
        """One page of the log: {"data": […], "next_cursor": …}."""

    def count(self, asked: dict[str, str]) -> dict:
        """{"total": n} and, when grouped, "buckets"."""


class LocalDoor:
    """The file itself."""

    def __init__(self, store: Store, project: Project) -> None:
        self._store = store
        self._project_id = project.id

    def page(self, asked: dict[str, str]) -> dict:
        query = page_query(asked, now_ms())
        events = self._store.page(self._project_id, query)
        more = cursor_text(events[-1].occurred_at, events[-1].id) if len(events) == query.limit else None
        return {"data": json.loads(orjson.dumps([shown_event(event) for event in events])), "next_cursor": more}

    def count(self, asked: dict[str, str]) -> dict:
        counted = self._store.count(self._project_id, count_query(asked, now_ms()))
        return {"total": counted.total, "buckets": [{"key": key, "count": n} for key, n in counted.buckets or ()]}


class RemoteDoor:
    """A service somewhere else."""

    def __init__(self, url: str, project_id: str, key: str) -> None:
        self._url = f"{url.rstrip('/')}/admin/projects/{quote(project_id, safe='')}/events"
        self._headers = {"Authorization": f"Bearer {key}"}

    def page(self, asked: dict[str, str]) -> dict:
        return self._answer("", asked)

    def count(self, asked: dict[str, str]) -> dict:
        return self._answer("/count", asked)["data"]

    def _answer(self, path: str, asked: dict[str, str]) -> dict:
        request = urllib.request.Request(f"{self._url}{path}?{urlencode(asked)}", headers=self._headers)
        try:
            with _OPENER.open(request, timeout=_ANSWER_WITHIN_S) as answer:
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise click.ClickException(_sentence(refused)) from refused
        except (OSError, ValueError) as error:
            raise click.ClickException(f"{self._url} does not answer: {error}") from error


@contextmanager
def opened_door(project: str | None, url: str | None) -> Iterator[AdminDoor]:
    """The door to ask; what it finds wrong with a question is a usage error (exit code 2)."""
    try:
        if url is not None:
            yield _remote(url, project)
        else:
            with open_store(must_exist=True) as store:
                yield LocalDoor(store, chosen_project(store, project))
    except BadSlot as bad:
        raise click.UsageError(f"{bad.message} ({bad.code})") from bad


def _remote(url: str, project: str | None) -> RemoteDoor:
    key = os.environ.get("DRENGR_SECRET_KEY")
    if not key:
        raise click.UsageError("--url needs the project's secret key in the environment: DRENGR_SECRET_KEY.")
    if not project:
        raise click.UsageError("--url needs the project's id: --project ID (see `drengr project list` there).")
    if not url.startswith(("http://", "https://")):
        raise click.UsageError("--url takes an http:// or https:// address.")
    return RemoteDoor(url, project, key)


def _sentence(refused: urllib.error.HTTPError) -> str:
    with refused:
        try:
            error = json.load(refused)["error"]
            return f"{error['message']} ({error['code']})"
        except (ValueError, KeyError, TypeError):
            return f"{refused.url} answers {refused.code}: is it a Drengr service?"
