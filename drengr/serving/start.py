"""Run the service: check what can be checked before the first request, say what the operator needs, start gunicorn."""

import json
import os
import resource
import socket
import sys
from typing import NoReturn

from drengr import __version__
from drengr.config import BadSetting, Config, read_config, rules_of, unknown_settings
from drengr.store import NewProject, StoreError, open_store

EXIT_CANNOT_START = 3
_FILES_OF_A_THREAD = 3  # its reading connection: the database, its -wal and its -shm
_FILES_OF_A_WORKER = 32

_WELCOME = """
A project named "default" was made. Its keys are shown this once:

  project id       {project_id}
  publishable key  {publishable_key}   (sends events; goes into apps)
  secret key       {secret_key}   (imports and reads; keep it on your servers)

Store a first event:

  curl {url}/amplitude-ingest -d '{{"api_key":"{publishable_key}","events":[{{"event_type":"hello","user_id":"me"}}]}}'

Point an Amplitude SDK here:

  Python   Amplitude("{publishable_key}", Config(server_url="{url}/amplitude-ingest"))
  Node     init("{publishable_key}", {{ serverUrl: "{url}/amplitude-ingest" }})
  Browser  amplitude.init("{publishable_key}", {{ serverUrl: "{url}/amplitude-ingest",
                          remoteConfig: {{ fetchRemoteConfig: false }} }})
"""


def serve() -> NoReturn:
    """Become gunicorn, with the settings of drengr.serving.gunicorn_settings. Ends the process when it cannot start."""
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
    sys.stdout.flush()
    os.execv(sys.executable, [sys.executable, *arguments])


def announce(config: Config) -> None:
    """Print version, database and address, and do what a first start does."""
    for name in unknown_settings(os.environ):
        print(f"Warning: {name} is no setting of Drengr; see the table of settings in the README.", file=sys.stderr)
    print(f"Drengr {__version__} · database {config['DRENGR_DATABASE']} · {_url(config)}", flush=True)
    first_start(config)


def first_start(config: Config) -> None:
    """Make the database when it is missing, and project `default` when there is none; show its keys this once.

    The database is told the settings that shape events.
    """
    try:
        store = open_store(config["DRENGR_DATABASE"], config["DRENGR_SYNCHRONOUS"], "upgrade")
        made = store.make_default_project()
        store.save_rules(rules_of(config))  # for the commands, whose environment may be another
        store.close()
    except StoreError as error:
        stop_with(str(error))
    if made is not None:
        _show_keys(made, _url(config), config["DRENGR_DATABASE"])


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
    print(f"drengr: {sentence}", file=sys.stderr, flush=True)
    # gunicorn turns SystemExit in its hooks into a clean stop, exit code kept.
    raise SystemExit(EXIT_CANNOT_START)


def _show_keys(made: NewProject, url: str, database_path: str) -> None:
    print(_WELCOME.format(url=url, **made._asdict()), flush=True)
    if sys.stdout.isatty():
        return
    # Nobody may be looking, and a log may be rotated away: keep the keys where only the owner can read them.
    path = os.path.join(os.path.dirname(database_path), "drengr-keys.json")
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(made._asdict(), file, indent=2)
    print(f"The keys are also in {path} (mode 600). Delete it once they are somewhere safe.", flush=True)


def _url(config: Config) -> str:
    host = config["HOST"]
    return f"http://[{host}]:{config['PORT']}" if ":" in host else f"http://{host}:{config['PORT']}"


def _check_port(host: str, port: int) -> None:
    """Raises OSError when the address is taken or not ours: gunicorn would retry for five seconds."""
    family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        probe.bind(address)
