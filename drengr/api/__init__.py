"""HTTP only: the application, its doors and its error answers. Files are named for the URL they serve."""

import logging
import os
from collections.abc import Callable, Mapping

from flask import Flask

from drengr.api import admin_events, amplitude_ingest, errors, health, import_events, openapi
from drengr.api.gate import Gate
from drengr.api.service import EXTENSION, Service
from drengr.config import read_config
from drengr.store import open_store
from drengr.store.clock import now_ms as system_clock


def build_app(config: Mapping[str, str] | None = None, now_ms: Callable[[], int] = system_clock) -> Flask:
    """The application on its database.

    config  settings that win over the environment, e.g. {"DRENGR_DATABASE": "events.db"}
    now_ms  the clock, epoch ms UTC
    """
    settings = read_config({**os.environ, **(config or {})})
    app = Flask("drengr", static_folder=None)
    app.url_map.merge_slashes = False  # a redirect of a POST loses events in half of the SDKs
    app.extensions[EXTENSION] = Service(
        config=settings,
        store=open_store(settings["DRENGR_DATABASE"], settings["DRENGR_SYNCHRONOUS"]),
        sensitive=settings.sensitive_keys,
        gate=Gate(settings["DRENGR_IN_FLIGHT"]),
        now_ms=now_ms,
    )
    errors.register_errors(app)
    for door in (amplitude_ingest.door, admin_events.door, import_events.door, health.door, openapi.door):
        app.register_blueprint(door)
    app.after_request(amplitude_ingest.allow_any_origin)
    logging.getLogger("drengr").setLevel(logging.INFO)
    return app
