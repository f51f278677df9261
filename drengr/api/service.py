"""What every door needs at hand, kept on the application: settings, store, clock, gate."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from flask import current_app, g, request

from drengr.api.gate import Gate
from drengr.api.outcomes import NO_SDK, Outcomes, Sdk, key_hint, sdk_of
from drengr.config import Config
from drengr.events.event import Event
from drengr.events.properties import SensitiveKeys
from drengr.store import Account, Added, Project, Store, StoreError

EXTENSION = "drengr"


@dataclass(frozen=True, slots=True)
class Service:
    """The running service, as seen from a request."""

    config: Config
    store: Store
    sensitive: SensitiveKeys
    gate: Gate
    outcomes: Outcomes
    now_ms: Callable[[], int]  # epoch ms UTC; tests put their own clock here

    def put_away(
        self,
        project: Project,
        events: list[Event],
        account: Account,
        problems: Mapping[tuple[str, str], int],
        sdk: Sdk = NO_SDK,
        *,
        metered: bool = False,
    ) -> Added:
        """Store the events of one request's rows, and account for every row.

        problems  (reason, event name) of the rows that are no event
        metered   count what is stored against the project's daily quota
        """
        self.outcomes.dropped(project, account.door, problems, sdk)
        if events:
            added = self.store.add(project.id, events, account, metered=metered)
            self.refused(project, account.door, events, added, sdk)
            return added
        self.outcomes.nothing_stored(project.id, account)
        return Added(0, 0)

    def refused(self, project: Project, door: str, events: list[Event], added: Added, sdk: Sdk = NO_SDK) -> None:
        """Tell of the events that the project takes no more."""
        if added.refused:
            named = Counter((word, events[place].event_name) for place, word in added.refused.items())
            self.outcomes.dropped(project, door, named, sdk)


def service() -> Service:
    """The service of the application that answers this request."""
    return current_app.extensions[EXTENSION]


def shows_key(key: object, project: Project | None) -> None:
    """Remember which key this request shows, and what project it opens, for the ledger and the list of keys."""
    g.shown_key, g.project = key, project
    if project is not None and isinstance(key, str):
        service().outcomes.key_used(key)


def tell_refusal(door: str, reason: str, status: int) -> None:
    """Count this request as refused, for the project whose key it showed; a revoked key has its project too."""
    here, project, hint = service(), g.get("project"), ""
    sdk = sdk_of(None, request.headers.get("User-Agent"))
    key = g.get("shown_key")
    if project is None and key:
        project, kind = _owner(here.store, key)
        if project is None:
            hint = key_hint(key)
        elif kind == "secret" and door == "acceptor":
            here.outcomes.secret_key_shown(project, sdk)
    here.outcomes.refused(door, reason, project, sdk, hint, status)


def _owner(store: Store, key: object) -> tuple[Project | None, str]:
    try:
        return store.owner_of_key(key) or (None, "")
    except StoreError:
        return None, ""
