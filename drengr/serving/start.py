"""Run the service: check what can be checked before the first request, say what the operator needs, start gunicorn."""

import os
import resource
import socket
import sys
import time
from typing import NoReturn

from drengr import __version__
from drengr.config import BadSetting, Config, read_config, rules_of, unknown_settings
from drengr.log import shown
from drengr.serving.first_keys import remind_of_keys, show_keys
from drengr.serving.logs import tell
from drengr.store import NewProject, Store, StoreError, Unreachable, open_store

EXIT_CANNOT_START = 3
_FILES_OF_A_THREAD = 3  # its reading connection: the database, its -wal and its -shm
_FILES_OF_A_WORKER = 32
_TRY_EVERY_S = 1.0  # the database, while it cannot be reached


def serve() -> NoReturn:
    """Become gunicorn, with the settings of drengr.serving.gunicorn_settings. Ends the process when it cannot start."""
    _open_closed_streams()
    try:
        config = read_config()
        if "LISTEN_FDS" not in os.environ:  # else systemd holds the port, and hands it to gunicorn
            _check_port(config["HOST"], config["PORT"])
    except BadSetting as error:
        stop_with(str(error))
    except (OSError, UnicodeError) as error:  # UnicodeError: "a..b" is no host name
        reason = getattr(error, "strerror", None) or "not a host name"
        stop_with(f"Cannot listen on {config['HOST']}:{config['PORT']}: {reason}. Set PORT or HOST.")
    arguments = ["-m", "gunicorn", "--config", "python:drengr.serving.gunicorn_settings", "drengr:create_app()"]
    # glibc gives every few threads a heap of their own and keeps what they freed: 64 bodies of 1 MiB left 274 MiB
    # behind them, with two heaps 181.
    os.environ.setdefault("MALLOC_ARENA_MAX", "2")
    os.execv(sys.executable, [sys.executable, *arguments])


def _open_closed_streams() -> None:
    """Let streams that were closed before the start (`>&-`) lead nowhere: no file of ours may get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def announce(config: Config) -> None:
    """Print version, database and address, and do what a first start does."""
    for name in unknown_settings(os.environ):
        tell(f"Warning: {shown(name)} is no setting of Drengr; see the table of settings.", err=True)
    tell(f"Drengr {__version__} · database {shown(config.database_shown)} · {_url(config)}")
    first_start(config)


def first_start(config: Config) -> None:
    """Make the database when it is missing, and project `default` when there is none; show its keys this once.

    The database is told the settings that shape events.
    """
    try:
        store = _opened(config)
        made = store.make_default_project()
        store.save_rules(rules_of(config))  # for the commands, whose environment may be another
        if made is not None:
            _show_keys(store, made, _url(config), config.folder)
        else:
            remind_of_keys((project.uuid for project in store.projects()), config.folder)
        store.close()
    except StoreError as error:
        stop_with(str(error))


def _opened(config: Config) -> Store:
    """The store, once it can be reached; says each time that it cannot. Raises StoreError when it cannot for long."""
    until = time.monotonic() + config["DRENGR_DATABASE_WAIT"]
    while True:
        try:
            return open_store(
                config["DRENGR_DATABASE"], config["DRENGR_SYNCHRONOUS"], "upgrade", config["DRENGR_CONNECTIONS"]
            )
        except Unreachable as error:
            if time.monotonic() > until:
                raise
            tell(f"drengr: {error} Trying again.", err=True)
            time.sleep(_TRY_EVERY_S)


def room_for(connections: int, threads: int) -> tuple[int, int]:
    """(connections, threads) of a worker that the machine's limit of open files allows.

    The usual limit of 1,024 files is too few, and may often be raised.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = connections + threads * _FILES_OF_A_THREAD + _FILES_OF_A_WORKER
    files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    except (OSError, ValueError):  # a system call filter of systemd or Docker
        files = soft
    if files >= needed:
        return connections, threads
    left = max(8, files - _FILES_OF_A_WORKER)
    threads = min(threads, max(2, left // (2 * _FILES_OF_A_THREAD)))
    return max(4, left - threads * _FILES_OF_A_THREAD), threads


def stop_with(sentence: str) -> NoReturn:
    """End the process with one sentence and no traceback."""
    tell(f"drengr: {sentence}", err=True)
    # gunicorn turns SystemExit in its hooks into a clean stop, exit code kept.
    raise SystemExit(EXIT_CANNOT_START)


def _show_keys(store: Store, made: NewProject, url: str, folder: str) -> None:
    try:
        show_keys(made, url, folder)
    except OSError as error:
        for key in (made.publishable_key, made.secret_key):
            store.revoke_key(key)
        tell(
            f"drengr: the first keys could not be kept in {folder} ({error.strerror}) and were revoked, for nobody may"
            " have seen them; make new ones: drengr key create default --kind secret (and publishable).",
            err=True,
        )


def _url(config: Config) -> str:
    host = config["HOST"]
    return f"http://[{host}]:{config['PORT']}" if ":" in host else f"http://{host}:{config['PORT']}"


def _check_port(host: str, port: int) -> None:
    """Raises OSError when the address is taken or not ours: gunicorn would retry for five seconds."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
