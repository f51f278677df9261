"""A gunicorn of its own for every variant that is measured, and the load on it."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from drengr.store import open_store

HERE = Path(__file__).parent
ROOT = HERE.parents[1]


class Served:
    """`app` (a gunicorn application string) on a database of its own; the project's publishable key is `.key`.

    location  of an empty PostgreSQL database; default: a new SQLite file
    fill      makes that file, with the project `bench` in it
    """

    def __init__(
        self,
        folder: str,
        app: str = "drengr:create_app()",
        *,
        cores: str | None = None,
        location: str | None = None,
        fill: Callable[[str], object] | None = None,
        **settings: str,
    ) -> None:
        self.path = os.path.join(folder, f"bench-{time.time_ns()}.db")
        location = location or self.path
        if fill:
            fill(self.path)
        with closing(open_store(location)) as store:
            if not fill:
                store.make_project("bench")
            project = store.find_project("bench")
            self.key, self.secret_key = store.make_key(project, "publishable"), store.make_key(project, "secret")
        self.port = free_port()
        environment = {
            **os.environ,
            "DRENGR_DATABASE": location,
            "DRENGR_FOLDER": folder,
            "PORT": str(self.port),
            "PYTHONPATH": str(ROOT),
            "MALLOC_ARENA_MAX": "2",  # as `drengr serve` sets it
            **settings,
        }
        command = [sys.executable, "-m", "gunicorn", "--config", "python:drengr.serving.gunicorn_settings", app]
        if cores:
            command = ["taskset", "-c", cores, *command]
        self.process = subprocess.Popen(
            command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
        )
        _wait_for(self.port)

    def load(self, clients: int, events: int, seconds: float = 2.0, port: int | None = None) -> dict:
        """What `client.load` measured, from a process of its own."""
        command = [
            sys.executable,
            str(HERE / "client.py"),
            str(port or self.port),
            self.key,
            str(clients),
            str(seconds),
            str(events),
        ]
        return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)

    def memory_mib(self) -> float:
        """Proportional memory of master and workers, MiB."""
        total = 0
        for pid in self.pids():
            with open(f"/proc/{pid}/smaps_rollup") as file:
                total += next(int(line.split()[1]) for line in file if line.startswith("Pss:"))
        return total / 1024

    def cpu_s(self) -> float:
        """Seconds that master and workers have had of the processors."""
        fields = [Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split() for pid in self.pids()]
        return sum(int(each[11]) + int(each[12]) for each in fields) / os.sysconf("SC_CLK_TCK")

    def pids(self) -> list[int]:
        """Master and workers."""
        children = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def stop(self) -> None:
        """End it and delete its database."""
        os.killpg(self.process.pid, signal.SIGTERM)
        self.process.wait(timeout=60)
        for path in Path(self.path).parent.glob(Path(self.path).name + "*"):
            path.unlink()

    def __enter__(self) -> "Served":
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def free_port() -> int:
    """A port nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_for(port: int) -> None:
    deadline = time.monotonic() + 30
    while True:
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
