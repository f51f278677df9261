"""Counts in memory shared by the workers: each writes its own row, none goes back: contract 11."""

import os
import signal

from drengr.api.measures import Measures


def in_child(work) -> None:
    """Run the work in a forked process, which then dies like a killed worker."""
    pid = os.fork()
    if pid == 0:
        work()
        os.kill(os.getpid(), signal.SIGKILL)
    os.waitpid(pid, 0)


def test_what_every_process_counted_is_added_up():
    measures = Measures(slots=4)
    for slot in (1, 2, 3):
        in_child(lambda slot=slot: (measures.use_slot(slot), measures.answered("acceptor", "200", 0.003)))
    assert list(measures.requests()) == [("acceptor", "200", 3)]


def test_a_slot_goes_on_from_where_a_killed_worker_left_it():
    measures = Measures(slots=4)
    for _ in range(5):
        in_child(lambda: (measures.use_slot(1), measures.refused("admin", "bad_key"), measures.committed(0.004)))
    assert ("admin", "bad_key", 5) in list(measures.refusals())
    commits = measures.commits()
    assert commits.cumulative[-1] == 5
    assert round(commits.sum_s, 3) == 0.02


def test_a_duration_falls_into_the_first_bound_that_is_not_smaller():
    measures = Measures(slots=1)
    for seconds in (0.001, 0.0011, 99.0):
        measures.answered("admin", "200", seconds)
    histogram = dict(measures.durations())["admin"]
    assert histogram.cumulative[0] == 1
    assert histogram.cumulative[1] == histogram.cumulative[-2] == 2
    assert histogram.cumulative[-1] == 3
