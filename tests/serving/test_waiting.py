"""Who waits in a worker's loop is counted, however it leaves (contract 7)."""

import selectors
import socket

from gunicorn.config import Config

from drengr.serving.connection import ClientSocket, Connection
from drengr.serving.worker import Worker


def test_a_connection_that_was_let_go_in_the_round_in_which_it_spoke_is_counted_once(monkeypatch):
    """Its event comes after that of the port: a count below zero took in nobody any more."""
    monkeypatch.setattr("gunicorn.workers.gthread.ThreadWorker.init_process", lambda _worker: None)
    worker = Worker.__new__(Worker)
    worker.sockets, worker.cfg, worker.poller, worker.nr_conns = [], Config(), selectors.DefaultSelector(), 0
    worker.init_process()
    theirs, accepted = socket.socketpair()
    with theirs, worker.poller:
        conn = Connection(worker.cfg, ClientSocket(accepted), "", ("127.0.0.1", 8000))
        worker.nr_conns += 1
        worker._wait(conn, worker._fresh, 30.0, selectors.EVENT_READ, worker._read)
        theirs.sendall(b"POST /batch")
        [(key, _)] = worker.poller.select(1.0)
        assert worker._let_one_go() and worker.nr_conns == 0
        key.data(key.fileobj)
        assert worker.nr_conns == 0
