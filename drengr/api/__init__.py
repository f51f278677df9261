"""HTTP only: the application, its doors and its error answers. Files are named for the URL they serve."""

import logging
import os
from collections.abc import Callable, Mapping

from flask import Flask

from drengr.api import (
    admin_events,
    amplitude_api,
    amplitude_deletions,
    amplitude_identify,
    amplitude_ingest,
    amplitude_users,
    erasures,
    errors,
    export,
    health,
    import_events,
    imports,
    ledger,
    metrics,
    openapi,
    people,
)
from drengr.api.edge import Edge
from drengr.api.gate import Gate
from drengr.api.measures import measures
from drengr.api.outcomes import Outcomes
from drengr.api.service import EXTENSION, Service
from drengr.config import read_config
from drengr.store import open_store
from drengr.store.clock import now_ms as system_clock


def build_app(config: Mapping[str, str] | None = None, now_ms: Callable[[], int] = system_clock) -> Flask:
    """The application on its database.

    config  settings that win over the environment, e.g. {"DRENGR_DATABASE": "events.db"}
    now_ms  the clock, epoch ms UTC
    """
    app = Flask("drengr", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect of a POST loses events in half of the SDKs
    app.extensions[EXTENSION] = make_service(config, now_ms)
    errors.register_errors(app)
    live = (amplitude_ingest, amplitude_identify)
    admin = (admin_events, people, erasures, export, ledger, amplitude_api, amplitude_users, amplitude_deletions)
    for part in (*live, *admin, imports, import_events, health, metrics, openapi):
        app.register_blueprint(part.door)
    app.after_request(amplitude_ingest.allow_any_origin)
    app.wsgi_app = Edge(app.wsgi_app, measures)  # type: ignore[method-assign]
    logging.getLogger("drengr").setLevel(logging.INFO)
    return app


def make_service(config: Mapping[str, str] | None, now_ms: Callable[[], int]) -> Service:
    """What the doors of an application need at hand; see build_app."""
    settings = read_config({**os.environ, **(config or {})})
    store = open_store(
        settings["DRENGR_DATABASE"],
        settings["DRENGR_SYNCHRONOUS"],
        connections=settings["DRENGR_CONNECTIONS"],
        reachable=False,  # a worker that is replaced while the database is away must not stop the others
    )
    store.observe_commits(measures.committed)
    return Service(
        config=settings,
        store=store,
        sensitive=settings.sensitive_keys,
        gate=Gate(settings["DRENGR_IN_FLIGHT"]),
        outcomes=Outcomes(store, measures, now_ms),
        now_ms=now_ms,
    )
