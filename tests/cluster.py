"""A PostgreSQL of the tests' own: made with initdb in a folder, started, stopped, killed like any other server."""

import os
import pwd
import re
import shutil
import signal
import subprocess
import time
from contextlib import suppress
from itertools import count
from pathlib import Path
from tempfile import mkdtemp
from typing import Any, Self

import pytest

FAST = ("fsync=off", "full_page_writes=off", "synchronous_commit=off")  # for tests that pull no plug
_PASSWORD = "pass-word-5"
_FOLDERS = ("/usr/lib/postgresql/15/bin", "/usr/lib/postgresql/16/bin", "/usr/lib/postgresql/17/bin")
_numbers = count(1)


def binaries() -> Path | None:
    """The folder of initdb and postgres; Debian keeps them out of the PATH."""
    found = shutil.which("initdb", path=os.pathsep.join((os.environ.get("PATH", ""), *_FOLDERS)))
    return Path(found).resolve().parent if found else None


def require_postgresql() -> None:
    """Skips the test where PostgreSQL is missing; with CI set that is a failure."""
    if binaries() is None:
        sentence = "PostgreSQL is missing (Debian: apt-get install postgresql)."
        if os.environ.get("CI"):
            pytest.fail(sentence)
        pytest.skip(sentence)


class Cluster:
    """One server on a Unix socket and, with a port, on loopback; `with Cluster() as cluster:` starts and stops it.

    settings  lines of its configuration, such as "fsync=off"
    auth      how it knows a role: "trust", or "scram-sha-256", which takes 10 ms of both
    primary   the server that this one is a standby of
    """

    def __init__(
        self, *settings: str, port: int | None = None, auth: str = "trust", primary: "Cluster | None" = None
    ) -> None:
        self.folder = Path(mkdtemp(prefix="drengr-pg-"))
        self.port = port or 5432
        self._bin = binaries()
        self._user = "postgres" if os.getuid() == 0 else None
        self._settings = [*settings, f"listen_addresses={'127.0.0.1' if port else ''}", f"port={self.port}"]
        if self._user:
            owner = pwd.getpwnam(self._user)
            os.chown(self.folder, owner.pw_uid, owner.pw_gid)
        self._password_file = self.folder / "password"
        self._password_file.write_text(_PASSWORD)
        self._password_file.chmod(0o644)
        if primary is not None:
            self._run("pg_basebackup", "-d", primary.url("postgres"), "-D", self._data, "-R", "-c", "fast", "--no-sync")
            return
        self._run("initdb", "-D", self._data, "-U", "owner", "-A", auth, "--pwfile", self._password_file,
                  "-E", "UTF8", "--locale", "C.UTF-8", "--no-sync")  # fmt: skip

    @property
    def _data(self) -> Path:
        return self.folder / "data"

    @property
    def pid(self) -> int:
        """Of the postmaster."""
        return int((self._data / "postmaster.pid").read_text().split()[0])

    def url(self, database: str, user: str = "owner", password: str = _PASSWORD) -> str:
        """libpq's URL of a database."""
        where = "127.0.0.1" if "listen_addresses=" not in self._settings else str(self.folder).replace("/", "%2F")
        return f"postgresql://{user}:{password}@{where}:{self.port}/{database}"

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Returns once it answers."""
        left_behind = [self._data / "postmaster.pid", *self.folder.glob(".s.PGSQL.*")]  # by one that was killed
        for path in left_behind:
            path.unlink(missing_ok=True)
        options = " ".join(f"-c {each}" for each in (*self._settings, f"unix_socket_directories={self.folder}"))
        self._run("pg_ctl", "-D", self._data, "-l", self.folder / "log", "-o", options, "-w", "start")

    def stop(self, mode: str = "fast") -> None:
        """As `systemctl stop` does."""
        self._run("pg_ctl", "-D", self._data, "-m", mode, "-w", "stop")

    def promote(self) -> None:
        """Let the standby take over."""
        self._run("pg_ctl", "-D", self._data, "-w", "promote")

    def signal(self, number: int) -> None:
        """To the postmaster and all its processes."""
        for pid in self._processes():
            with suppress(ProcessLookupError):
                os.kill(pid, number)

    def kill(self) -> None:
        """SIGKILL to all of it; on return they are gone."""
        try:
            processes = self._processes()
        except FileNotFoundError:
            return
        for pid in processes:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        deadline = time.monotonic() + 10
        while any(_is_alive(pid) for pid in processes) and time.monotonic() < deadline:
            time.sleep(0.02)

    def _processes(self) -> list[int]:
        postmaster = self.pid
        with suppress(ProcessLookupError):
            os.kill(postmaster, signal.SIGSTOP)  # or it has another child by the time these are known
        listed = subprocess.run(["pgrep", "-P", str(postmaster)], capture_output=True, text=True, check=False)
        return [postmaster, *map(int, listed.stdout.split())]

    def make_database(self, options: str = "") -> str:
        """The name of a new, empty database."""
        name = f"d{os.getpid()}_{next(_numbers)}"
        self.execute("postgres", f"CREATE DATABASE {name} {options}")
        return name

    def execute(self, database: str, statement: str) -> list[tuple[Any, ...]]:
        """One statement as the owner; its rows, if it has any."""
        import psycopg

        with psycopg.connect(self.url(database), autocommit=True) as connection:
            done = connection.execute(statement)
            return done.fetchall() if done.description else []

    def _run(self, program: str, *words: object) -> None:
        command = [str(self._bin / program), *map(str, words)]
        done = subprocess.run(
            command, user=self._user, cwd="/", stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL, check=False,
        )  # fmt: skip
        log = self.folder / "log"
        assert done.returncode == 0, f"{program} failed: {log.read_text()[-1000:] if log.exists() else ''}"


def _is_alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def is_emptied(location: str) -> bool:
    """Delete every row, so that the next test finds a new database; False when tables are missing or were changed."""
    import psycopg

    from drengr.store.postgresql.schema import schema_sql

    tables = re.findall(r"(?m)^CREATE TABLE (\w+)", schema_sql())
    kept = {"migrations", "identity", "hash_key", "signing"}
    statements = [f"DELETE FROM {table}" for table in reversed(tables) if table not in kept]
    statements += [f"ALTER TABLE {table} ALTER id RESTART" for table in _with_identity(schema_sql())]
    statements.append("ALTER SEQUENCE event_ids RESTART")
    try:
        with psycopg.connect(location) as connection:
            connection.execute("; ".join(statements))
    except psycopg.Error:
        return False
    return True


def _with_identity(schema: str) -> list[str]:
    tables = re.findall(r"(?ms)^CREATE TABLE (\w+) \((.*?)^\)", schema)
    return [name for name, columns in tables if "AS IDENTITY" in columns]
