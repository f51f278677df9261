"""With systemd holding the port, a restart refuses nobody: clients wait a second and are answered (contract 7)."""

import os
import signal
import socket
import subprocess
import sys
import time

import pytest

from tests.faults.clients import Crowd
from tests.service import Service

pytestmark = pytest.mark.slow
_AS_SYSTEMD_STARTS_IT = """
import os, sys
os.dup2(int(sys.argv[1]), 3)
os.set_inheritable(3, True)
os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
os.execv(sys.executable, [sys.executable, "-m", "drengr", "serve"])
"""


class ActivatedService(Service):
    """A service whose port this process holds, as a .socket unit does."""

    def __init__(self, *arguments, **settings) -> None:
        super().__init__(*arguments, **settings)
        self.listener = socket.create_server(("127.0.0.1", self.port), backlog=2048)

    def start(self):
        command = [sys.executable, "-c", _AS_SYSTEMD_STARTS_IT, str(self.listener.fileno())]
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(
                command, env=self.environment(), stdout=log, stderr=log, start_new_session=True,
                pass_fds=[self.listener.fileno()],
            )
        while not self.is_healthy():
            assert self.process.poll() is None, self.log_text()
            time.sleep(0.05)
        return self


def test_a_restart_refuses_no_request_and_loses_none(tmp_path):
    service = ActivatedService(tmp_path / "events.db")
    with service, service.listener:
        key = service.project("shop")["publishable_key"]
        with Crowd(service, key, 8) as crowd:
            for _ in range(3):
                time.sleep(0.5)
                assert service.stop() == 0
                time.sleep(0.2)
                service.start()
            time.sleep(0.3)
        assert crowd.unanswered == 0
        assert set(crowd.statuses) == {200}
        assert crowd.acknowledged == crowd.sent == {row["event_id"] for row in service.events()}


def test_a_worker_that_is_asked_to_stop_is_replaced(tmp_path):
    """`kill -HUP` starts new workers and lets the old ones finish; nobody notices."""
    with Service(tmp_path / "events.db") as service:
        key = service.project("shop")["publishable_key"]
        with Crowd(service, key, 4) as crowd:
            time.sleep(0.3)
            os.kill(service.process.pid, signal.SIGHUP)
            time.sleep(3)
        assert crowd.unanswered == 0
        assert set(crowd.statuses) == {200}


def test_the_banner_names_the_port_that_systemd_holds(tmp_path):
    service = ActivatedService(tmp_path / "events.db")
    held, service.port = service.port, 1  # PORT says something else
    environment = service.environment()
    service.port = held
    service.environment = lambda: environment
    with service, service.listener:
        assert f"http://127.0.0.1:{held}/amplitude-ingest" in service.log_text()
        assert "http://127.0.0.1:1" not in service.log_text().replace(f"http://127.0.0.1:{held}", "")
