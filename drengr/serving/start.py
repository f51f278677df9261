"""Run the service: check what can be checked before the first request, say what the operator needs, start gunicorn."""

import os
import socket
import sys
import time
from collections.abc import Callable
from typing import NoReturn

from gunicorn.app.base import Application
from gunicorn.arbiter import Arbiter

from drengr import __version__, create_app, current_folder
from drengr.config import BadSetting, Config, read_config, rules_of, unknown_settings
from drengr.log import shown
from drengr.serving.first_keys import remind_of_keys, show_keys
from drengr.serving.listening import address_of, inherited, link_url
from drengr.serving.logs import tell
from drengr.store import NewProject, Store, StoreError, Unreachable, open_store
from drengr.store.clock import now_ms

EXIT_CANNOT_START = 3
_TRY_EVERY_S = 1.0  # the database, while it cannot be reached


class Served(Application):
    """gunicorn in this process, with the settings of drengr.serving.gunicorn_settings and nothing from elsewhere."""

    def load_config(self) -> None:
        self.load_config_from_file("python:drengr.serving.gunicorn_settings")

    def load(self) -> object:
        """The WSGI application; each worker makes its own."""
        return create_app()

    def run(self) -> None:
        """Serve until a signal ends it."""
        arbiter = Arbiter(self)
        arbiter.START_CTX["args"] = [sys.executable, *sys.orig_argv[1:]]  # for SIGUSR2, which starts it once more
        arbiter.run()


def serve() -> NoReturn:
    """Serve until a signal ends the process; ends it with a sentence when it cannot start."""
    _open_closed_streams()
    current_folder.never_import()
    try:
        config = read_config()
        if not inherited():
            _check_port(config["HOST"], config["PORT"])
    except BadSetting as error:
        stop_with(str(error))
    except (OSError, UnicodeError) as error:  # UnicodeError: "a..b" is no host name
        reason = getattr(error, "strerror", None) or "not a host name"
        stop_with(f"Cannot listen on {config['HOST']}:{config['PORT']}: {reason}. Set PORT or HOST.")
    Served().run()
    raise SystemExit(0)


def _open_closed_streams() -> None:
    """Let streams that were closed before the start (`>&-`) lead nowhere: no file of ours may get their numbers."""
    for descriptor in range(3):
        try:
            os.fstat(descriptor)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # the lowest number that is free


def announce(config: Config, listens_on: list) -> None:
    """Print version, database and address, and do what a first start does.

    listens_on  gunicorn's addresses: (host, port), or the path of a socket
    """
    for name in unknown_settings(os.environ):
        tell(f"Warning: {shown(name)} is no setting of Drengr; see the table of settings.", err=True)
    address = address_of([*inherited(), *listens_on][0])
    tell(f"Drengr {__version__} · database {shown(config.database_shown)} · {shown(address.text)}")
    first_start(config, address.url)


def first_start(config: Config, url: str = "") -> None:
    """Make the database when it is missing, and project `default` when there is none; show its keys this once.

    The database is told the settings that shape events.
    """
    try:
        store = _opened(config)
        made = store.make_default_project()
        store.save_rules(rules_of(config))  # for the commands, whose environment may be another
        if made is not None:
            address = url or address_of((config["HOST"], config["PORT"])).url
            _show_keys(store, made, address, config.folder, _link_maker(store, config))
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
                config["DRENGR_DATABASE"], config["DRENGR_SYNCHRONOUS"], "upgrade",
                connections=config["DRENGR_CONNECTIONS"],
            )
        except Unreachable as error:
            if time.monotonic() > until:
                raise
            tell(f"drengr: {shown(error)} Trying again.", err=True)
            time.sleep(_TRY_EVERY_S)


def stop_with(sentence: str) -> NoReturn:
    """End the process with one sentence and no traceback."""
    tell(f"drengr: {shown(sentence)}", err=True)
    # gunicorn turns SystemExit in its hooks into a clean stop, exit code kept.
    raise SystemExit(EXIT_CANNOT_START)


def _link_maker(store: Store, config: Config) -> Callable[[], str] | None:
    """Gives the address of a link that signs in to the page, where there is a page."""
    if config["DRENGR_UI"] == "off":
        return None
    return lambda: link_url(config, store.make_link([project.id for project in store.projects()], now_ms()))


def _show_keys(
    store: Store, made: NewProject, url: str, folder: str, make_link: Callable[[], str] | None = None
) -> None:
    try:
        show_keys(made, url, folder, make_link)
    except OSError as error:
        for key in (made.publishable_key, made.secret_key):
            store.revoke_key(key)
        tell(
            f"drengr: the first keys could not be kept in {shown(folder)} ({error.strerror}) and were revoked, for"
            " nobody may have seen them; make new ones: drengr key create default --kind secret (and publishable).",
            err=True,
        )


def _check_port(host: str, port: int) -> None:
    """Raises OSError when the address is taken or not ours: gunicorn would retry for five seconds."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
