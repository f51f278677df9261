"""What Drengr's worker takes over from gunicorn's: read the new source when gunicorn changes it, then note its hash."""

import hashlib
import inspect

import pytest
from gunicorn.http.parser import Parser
from gunicorn.http.unreader import SocketUnreader
from gunicorn.http.wsgi import Response, create
from gunicorn.workers.gthread import TConn, ThreadWorker

from drengr.serving.worker import TAKEN_OVER, Worker

# Overridden, or called in an order that the worker relies on.
READ = {name: getattr(ThreadWorker, name) for name in TAKEN_OVER} | {
    "TConn.__init__": TConn.__init__,
    "Parser.__next__": Parser.__next__,
    "Parser.finish_body": Parser.finish_body,
    "SocketUnreader.chunk": SocketUnreader.chunk,
    "Response.send_headers": Response.send_headers,
    "create": create,
}
HASHES = {
    "accept": "f8dcead3dce5",
    "enqueue_req": "c9f428953d24",
    "finish_request": "616e7bb15a00",
    "handle": "ca85c9be3df7",
    "handle_error": "75426448389b",
    "handle_request": "6d0de5b91910",
    "murder_keepalived": "4459960c4ccc",
    "murder_pending": "7bf11f464542",
    "set_accept_enabled": "140150ebfd3c",
    "_cap_keepalive": "745c8ac37108",
    "run": "f92c7394d857",
    "init_process": "e4fc63a1a68e",
    "_keepalive_after": "4ebdbbc8bf5a",
    "TConn.__init__": "c8763d7c6597",
    "Parser.__next__": "b8536520e958",
    "Parser.finish_body": "54c5d0d28c26",
    "SocketUnreader.chunk": "9f62532259f8",
    "Response.send_headers": "7aff3b7d004f",
    "create": "2c35d4a2dc62",
}


@pytest.mark.parametrize("name", READ)
def test_gunicorn_is_the_one_that_was_read(name):
    source = inspect.getsource(READ[name])
    assert HASHES.get(name) == hashlib.sha256(source.encode()).hexdigest()[:12], f"gunicorn changed {name}: read it"


def test_everything_the_worker_overrides_is_listed():
    ours = {name for name in vars(Worker) if name in dir(ThreadWorker) and not name.startswith("__")}
    assert ours <= set(TAKEN_OVER)
