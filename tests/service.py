"""A real `drengr serve` process on a free loopback port, for the tests that need one."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Self

START_SECONDS = STOP_SECONDS = 120  # of a machine that is very busy
_WITHOUT_PSYCOPG = Path(__file__).with_name("data") / "without-psycopg"
JSON_COLUMNS = ("dims", "measures", "properties")
SHORTENED = """
import json, sys
from drengr.cli import main
from drengr.serving import worker
vars(worker).update(json.loads(sys.argv.pop(1)))
main()
"""


def free_port() -> int:
    """A loopback port that nothing listens on at this moment."""
    with closing(socket.socket()) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def command_environment(database: str | Path, **settings: str) -> dict[str, str]:
    """What a command on this database runs in: no setting of ours from outside, and psycopg only where it is needed.

    Most people have none, for it is an extra; where it is installed, peewee imports it, which takes 0.1 s a start.
    """
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("DRENGR_")}
    where = {"DRENGR_DATABASE": str(database)} | settings
    is_file = not where["DRENGR_DATABASE"].startswith("postgresql:")
    return inherited | ({"PYTHONPATH": str(_WITHOUT_PSYCOPG)} if is_file else {}) | where


class Service:
    """The service in its own process group; `with Service(path) as service:` starts and stops it.

    database  the SQLite file; its folder exists
    settings  further environment variables, such as DRENGR_DAILY_EVENT_QUOTA="5"
    constants  other values for constants of drengr.serving.worker, such as {"_ANSWER_S": 2.0}, so as not to wait long
    The log of every start is appended to `service.log`, a file beside the database.
    """

    def __init__(self, database: Path, constants: Mapping[str, float] | None = None, **settings: str) -> None:
        self.database = Path(database)
        self.settings = settings
        self.program = ["-c", SHORTENED, json.dumps(constants)] if constants else ["-m", "drengr"]
        self.log = self.database.with_name(self.database.name + ".log")
        self.port = free_port()
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        if self.process is not None:
            self.kill()

    def start(self) -> Self:
        """This service once /healthz answers 200; raises with the log when it does not."""
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, *self.program, "serve"],
                env=self.environment(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
            )
        deadline = time.monotonic() + START_SECONDS
        while not self.is_healthy():
            if self.process.poll() is not None or time.monotonic() > deadline:
                self.kill()
                raise RuntimeError(f"the service did not start:\n{self.log_text()[-2000:]}")
            time.sleep(0.05)
        return self

    def stop(self) -> int:
        """Exit code after SIGTERM, the way a supervisor stops the service."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait()

    def wait(self) -> int:
        """Exit code of the ended process."""
        code = self.process.wait(STOP_SECONDS)
        self.process = None
        return code

    def kill(self) -> None:
        """SIGKILL to the master and all its workers at once; on return all of them are gone."""
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.wait()

    def restart(self, **settings: str) -> Self:
        """The same service again on the same port and file, with changed settings; stops it first if it runs."""
        if self.process is not None:
            self.stop()
        self.settings |= settings
        return self.start()

    def is_healthy(self) -> bool:
        try:
            with urllib.request.urlopen(self.url + "/healthz", timeout=20) as answer:
                return answer.status == 200
        except urllib.error.HTTPError as error:
            error.close()
        except OSError:
            pass
        return False

    def environment(self) -> Mapping[str, str]:
        return command_environment(self.database, **{"HOST": "127.0.0.1", "PORT": str(self.port)} | self.settings)

    def command(self, *words: str) -> str:
        """Standard output of one `drengr` command on this service's database."""
        return subprocess.run(
            [sys.executable, "-m", "drengr", *words], env=self.environment(),
            check=True, capture_output=True, text=True, timeout=120,
        ).stdout

    def project(self, name: str) -> dict[str, str]:
        """project_id, publishable_key and secret_key of a new project."""
        return json.loads(self.command("project", "create", name, "--json"))

    def events(self, sql_tail: str = "", *values: Any) -> list[dict[str, Any]]:
        """Rows of the `events` view as a stranger's connection sees them, JSON columns parsed.

        sql_tail  what follows SELECT * FROM events, such as "WHERE project = ? ORDER BY id"
        """
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            connection.row_factory = sqlite3.Row
            rows = [dict(row) for row in connection.execute(f"SELECT * FROM events {sql_tail}", values)]
        for row in rows:
            row |= {c: json.loads(row[c]) for c in JSON_COLUMNS if row[c] is not None}
        return rows

    def integrity(self) -> str:
        """SQLite's own verdict on the file: "ok"."""
        with closing(sqlite3.connect(self.database, timeout=30)) as connection:
            return connection.execute("PRAGMA integrity_check").fetchone()[0]

    def log_text(self) -> str:
        return self.log.read_text(errors="replace") if self.log.exists() else ""
