"""The log: one line each, on standard error, without a byte of a stranger's (contract 11)."""

import json
import logging
import os
import traceback
from datetime import UTC, datetime

from gunicorn.glogging import Logger

from drengr.api.edge import WithRequestId
from drengr.log import say


class LineFormatter(logging.Formatter):
    """Shows of an exception where it came from and its kind; its text may quote what a client sent."""

    def formatException(self, ei) -> str:
        """The places, outermost first, and the exception's class."""
        kind, _, places = ei
        return f"{''.join(traceback.format_tb(places))}{kind.__module__}.{kind.__qualname__}"


_FIELDS = ("request_id", "door", "reason", "code", "project", "event_name", "sdk", "count")


class JsonFormatter(LineFormatter):
    """One JSON object a record: time, level, message, and what else is known of it. A traceback is in `message`."""

    def format(self, record: logging.LogRecord) -> str:
        """The object on one line, in plain ASCII: no character of a name can end it or steer a terminal."""
        shown = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")[:23] + "Z",
            "level": record.levelname.lower(),
            "message": record.getMessage() + (f": {self.formatException(record.exc_info)}" if record.exc_info else ""),
        }
        return json.dumps(shown | {name: getattr(record, name) for name in _FIELDS if hasattr(record, name)})


def is_json_wanted() -> bool:
    """Whether DRENGR_LOG says so. Asked of the environment: it counts too when another setting cannot be used."""
    return os.environ.get("DRENGR_LOG", "").strip().lower() == "json"


def tell(text: str, *, err: bool = False) -> None:
    """Print a line for the operator, as the log is wished."""
    if is_json_wanted():
        record = logging.LogRecord("drengr", logging.WARNING if err else logging.INFO, "", 0, text, None, None)
        text = JsonFormatter().format(record)
    say(text, err=err)


class Log(Logger):
    """gunicorn's log without an access log: a proxy keeps that. Gathering its fields took 8 % of a request."""

    def access(self, *_: object) -> None:
        """Nothing."""


def log_configuration(kind: str) -> dict:
    """gunicorn's own errors and the service's, one line each, on standard error.

    kind    "text" | "json"
    """
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {
            "text": {"()": LineFormatter, "fmt": "%(asctime)s %(levelname)s %(name)s: %(message)s"},
            "json": {"()": JsonFormatter},
        },
        "filters": {"request": {"()": WithRequestId}},
        "handlers": {
            "stderr": {
                "class": "logging.StreamHandler",
                "formatter": kind,
                "filters": ["request"],
                "stream": "ext://sys.stderr",
            }
        },
        "root": {"level": "WARNING", "handlers": ["stderr"]},
        "loggers": {
            "gunicorn.error": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
            "drengr": {"level": "INFO", "handlers": ["stderr"], "propagate": False},
        },
    }
