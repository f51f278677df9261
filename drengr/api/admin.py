"""What every call of the admin door shares: two prefixes, one project, one way to fail (contract 6)."""

import logging
from collections.abc import Callable
from functools import wraps

from flask import Blueprint, Response, request
from werkzeug.exceptions import HTTPException

from drengr.admin.words import BadSlot
from drengr.api.errors import ADMIN_PREFIXES, ApiError
from drengr.api.incoming import drain, require_project_of_secret_key
from drengr.log import faults
from drengr.store import Busy, Project, StoreError, TooLong, Unreachable

log = logging.getLogger("drengr.api")

_STATUS = {"BATCH_TOO_LARGE": 413, "NOT_FOUND": 404}

View = Callable[[Project], Response]


def answers(door: Blueprint, method: str, path: str, fault: str) -> Callable[[View], View]:
    """Serve a view under both prefixes, for the project whose secret key is shown.

    fault  code of the 500 that a fault of ours ends in; what it was stands in the log
    """

    def serve(view: View) -> View:
        @wraps(view)
        def checked(project_id: str) -> Response:
            try:
                return view(_project(project_id))
            except ApiError:
                drain()
                raise
            except BadSlot as bad:
                status = _STATUS.get(bad.code, 400)
                reason = "not_json" if bad.code == "INVALID_JSON" else ""
                raise ApiError(status, bad.message, bad.code, reason=reason, **bad.details) from None
            except TooLong as error:
                raise ApiError(503, str(error), "UNAVAILABLE") from None
            except (HTTPException, Busy, Unreachable):
                raise
            except Exception as error:
                if isinstance(error, StoreError):
                    faults.error("%s: %s: %s", fault, type(error).__name__, error)
                else:
                    log.exception("%s %s failed", request.method, path)
                raise ApiError(500, "the service failed; its log says why", fault) from error

        for prefix in ADMIN_PREFIXES:
            door.add_url_rule(
                f"{prefix}projects/<project_id>{path}",
                view_func=checked,
                methods=[method],
                provide_automatic_options=False,
            )
        return view

    return serve


def _project(project_id: str) -> Project:
    project = require_project_of_secret_key()
    # Another's project, an unknown one and no id at all look the same: nobody learns which projects exist.
    if project.uuid != project_id.lower():
        raise ApiError(403, "this key does not open this project", "PROJECT_FORBIDDEN")
    return project
