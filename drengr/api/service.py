"""What every door needs at hand, kept on the application: settings, store, clock, gate."""

from collections.abc import Callable
from dataclasses import dataclass

from flask import current_app

from drengr.api.gate import Gate
from drengr.config import Config
from drengr.events.properties import SensitiveKeys
from drengr.store import Store

EXTENSION = "drengr"


@dataclass(frozen=True, slots=True)
class Service:
    """The running service, as seen from a request."""

    config: Config
    store: Store
    sensitive: SensitiveKeys
    gate: Gate
    now_ms: Callable[[], int]  # epoch ms UTC; tests put their own clock here


def service() -> Service:
    """The service of the application that answers this request."""
    return current_app.extensions[EXTENSION]
