"""gunicorn's settings, read by gunicorn itself: `gunicorn --config python:drengr.serving.gunicorn_settings app:app`.

Few workers of many threads: threads share one group commit. Each worker keeps to one core: threads of one interpreter
on two cores spend a third of their time handing it to each other.
"""
# ruff: noqa: E402 - the import path is cleaned before anything else is imported

import atexit
import os
from contextlib import suppress

from drengr import current_folder

current_folder.never_import()

# Loaded before the workers fork: they share its memory and are back in 0.1 s, not 0.5.
import drengr.page  # noqa: F401
from drengr.api import rounds
from drengr.api.measures import MOST_SLOTS, measures
from drengr.config import BadSetting, read_config
from drengr.log import settle
from drengr.serving.limits import few_heaps, room_for
from drengr.serving.logs import Log, log_configuration
from drengr.serving.start import announce, stop_with

try:
    _config = read_config()
except BadSetting as error:
    stop_with(str(error))

few_heaps()
atexit.register(settle)
bind = f"[{_config['HOST']}]:{_config['PORT']}" if ":" in _config["HOST"] else f"{_config['HOST']}:{_config['PORT']}"
workers = _config["WEB_CONCURRENCY"]
worker_class = "drengr.serving.worker.Worker"
worker_connections, threads = room_for(4000, _config["DRENGR_THREADS"])
backlog = 2048
keepalive = 125  # longer than clients and proxies believe: Node 5 s, nginx 60, Go 90, Caddy 120
timeout = 60  # of a worker that hangs as a whole; a long upload does not count
graceful_timeout = 7  # the worker itself needs 6 at most
# No header of a proxy is believed: which ones differ or come twice is of no interest, and refused nothing.
forwarded_allow_ips = ""
secure_scheme_headers: dict[str, str] = {}
forwarder_headers = ""
control_socket_disable = True  # it would be a file in the home directory
worker_tmp_dir = _config.folder  # nothing is written anywhere else
logconfig_dict = log_configuration(_config["DRENGR_LOG"])
logger_class = Log


def on_starting(server):
    """Before the workers start: make the database and say once what the operator needs."""
    current_folder.never_import()  # gunicorn has put it back
    if server.cfg.is_ssl:
        stop_with("TLS is the proxy's: leave certfile and keyfile away, and see docs/operating.md for Caddy and nginx.")
    announce(_config, server.cfg.address)


def pre_fork(server, worker):
    """Choose the row that the worker counts in, and its core.

    The core is the one that fewest of the other workers have; none when there are cores that no worker would use: then
    the kernel finds a free one, also when another service runs beside this one.
    """
    rows = {other.row for other in server.WORKERS.values()}  # those of a configuration before, too
    worker.row = min(set(range(1, MOST_SLOTS)) - rows)
    worker.core = None
    if hasattr(os, "sched_getaffinity"):  # Linux
        cores = sorted(os.sched_getaffinity(0))
        if workers >= len(cores):
            taken = [other.core for other in server.WORKERS.values()]
            worker.core = min(cores, key=taken.count)


def post_fork(server, worker):
    """In the new worker: count in its own row, keep to its core where that is allowed."""
    measures.use_slot(worker.row)
    if worker.core is not None:
        with suppress(OSError):
            os.sched_setaffinity(0, {worker.core})


def post_worker_init(worker):
    """With the application loaded: begin what the service does by itself."""
    rounds.begin(worker.wsgi)
