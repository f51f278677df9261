"""Workers keep to a core each, and a new one takes the core that was left (see gunicorn_settings)."""

import contextlib
import os
import signal
import time
from collections.abc import Callable

import pytest

from tests.faults.test_kill import workers_of
from tests.service import Service

CORES = len(os.sched_getaffinity(0))


def cores_of(service: Service) -> list[set[int]]:
    found = []
    for pid in workers_of(service):
        with contextlib.suppress(ProcessLookupError):
            found.append(os.sched_getaffinity(pid))
    return found


def each_has_one_of_its_own(service: Service) -> bool:
    cores = cores_of(service)
    return len(cores) == 2 and all(len(each) == 1 for each in cores) and cores[0] != cores[1]


def wait_until(holds: Callable[[], bool], service: Service) -> None:
    deadline = time.monotonic() + 20
    while not holds():
        assert time.monotonic() < deadline, cores_of(service)
        time.sleep(0.05)


@pytest.mark.skipif(CORES < 2, reason="This machine has one core.")
def test_each_worker_keeps_to_a_core_of_its_own_also_after_one_was_killed(tmp_path):
    with Service(tmp_path / "events.db", WEB_CONCURRENCY="2") as service:
        wait_until(lambda: each_has_one_of_its_own(service), service)
        for victim in reversed(workers_of(service)):
            os.kill(victim, signal.SIGKILL)
            wait_until(lambda gone=victim: gone not in workers_of(service), service)
            wait_until(lambda: each_has_one_of_its_own(service), service)
