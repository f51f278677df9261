"""The admin API's questions, asked of a service somewhere else."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime
from http.client import HTTPException
from urllib.parse import quote, urlencode

import click

from drengr.admin.questions import MAX_LIMIT
from drengr.admin.words import BadSlot
from drengr.cli.printing import shown

_ANSWER_WITHIN_S = 30
_FOLLOWED_DAYS = 80  # a count reaches 90
_LONGEST_COMMIT = timedelta(seconds=5)  # what was received before the first look may be stored after it
_MOST_PAGES = 20  # of one look: 20,000 events
_MOST_REMEMBERED = 100_000  # ids; past it, the older half is told by its largest id


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    """urllib would take the secret key along to wherever a redirect points."""

    def redirect_request(self, *_: object) -> None:
        return None


_OPENER = urllib.request.build_opener(_NoRedirect)


class RemoteDoor:
    """One project's events, over HTTP; see asking.AdminDoor."""

    def __init__(self, url: str, project_id: str, key: str) -> None:
        self._url = f"{url.rstrip('/')}/admin/projects/{quote(project_id, safe='')}"
        self._headers = {"Authorization": f"Bearer {key}"}
        self.answered_at = datetime.now(UTC)  # by the service's own clock, once it has answered

    def page(self, asked: Mapping[str, str]) -> dict:
        return self.ask("events", asked)

    def count(self, asked: Mapping[str, str]) -> dict:
        return self.ask("events/count", asked)["data"]

    def arrivals(self, asked: Mapping[str, str]) -> Iterator[list[dict]]:
        return _Looks(self, asked)

    def ask(self, call: str, asked: Mapping[str, str | Sequence[str]]) -> dict:
        try:
            url = f"{self._url}/{call}?{urlencode(asked, doseq=True)}"
            request = urllib.request.Request(url, headers=self._headers)
            with _OPENER.open(request, timeout=_ANSWER_WITHIN_S) as answer:
                self.answered_at = parsedate_to_datetime(answer.headers["Date"])
                return json.load(answer)
        except urllib.error.HTTPError as refused:
            raise _reason(refused) from refused
        except (OSError, ValueError, HTTPException) as error:
            raise click.ClickException(f"{shown(self._url)} does not answer: {shown(error)}") from error

    def names_near(self, name: str) -> list[str]:
        return []  # the API has no question for it


class _Looks(Iterator[list[dict]]):
    """What the service receives from now on, the oldest first, for ever.

    The API lists by the time of events, but an event of last week may come in now. So each look asks how many events
    there are, and reads pages from the newest on until it has found as many new ones as the number has grown by. The
    API cannot count one user's events: with a user a look ends at the first page that holds nothing new.
    """

    def __init__(self, door: RemoteDoor, asked: Mapping[str, str]) -> None:
        self._door = door
        self._asked = asked
        self._counted = self._count()  # events that are known to be there
        self._begun = (door.answered_at - _LONGEST_COMMIT).isoformat(timespec="milliseconds")[:23] + "Z"
        self._seen = {int(row["id"]) for row in self._page({})["data"]}
        self._floor = 0  # every id up to it was printed long ago

    def __next__(self) -> list[dict]:
        total = self._count()
        found = self._new(total - self._counted)
        self._counted = max(total, self._counted + len(found)) if found else total
        if len(self._seen) > _MOST_REMEMBERED:
            self._floor = sorted(self._seen)[len(self._seen) // 2]
            self._seen = {row_id for row_id in self._seen if row_id > self._floor}
        return sorted(found, key=lambda row: int(row["id"]))

    def _new(self, wanted: int) -> list[dict]:
        """The new events of as many pages as hold `wanted` of them."""
        found: list[dict] = []
        cursor: dict[str, str] = {}
        for _ in range(_MOST_PAGES):
            answer = self._page(cursor)
            fresh = [row for row in answer["data"] if self._is_new(row)]
            found += fresh
            self._seen.update(int(row["id"]) for row in fresh)
            if answer["next_cursor"] is None or not (fresh or len(found) < wanted):
                break
            cursor = {"cursor": answer["next_cursor"]}
        return found

    def _is_new(self, row: dict) -> bool:
        row_id = int(row["id"])
        return row["received_at"] >= self._begun and row_id > self._floor and row_id not in self._seen

    def _page(self, cursor: Mapping[str, str]) -> dict:
        return self._door.page({**self._asked, **cursor, "since": self._since(), "limit": str(MAX_LIMIT)})

    def _count(self) -> int:
        if "external_id" in self._asked:
            return 0
        return self._door.count({**self._asked, "since": self._since()})["total"]

    def _since(self) -> str:
        return (self._door.answered_at - timedelta(days=_FOLLOWED_DAYS)).strftime("%Y-%m-%d")


def _reason(refused: urllib.error.HTTPError) -> Exception:
    """What the file itself would raise: BadSlot for a question that is refused; else one sentence."""
    with refused:
        try:
            error = json.load(refused)["error"]
            code, message = str(error["code"]), str(error["message"])
        except (ValueError, KeyError, TypeError):
            return click.ClickException(f"{shown(refused.url)} answers {refused.code}: is it a Drengr service?")
    if refused.code == 400 or (refused.code, code) == (404, "NOT_FOUND"):
        return BadSlot(code, message)
    return click.ClickException(shown(f"{message} ({code})"))
