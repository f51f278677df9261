"""gunicorn's threaded worker, with a deadline for clients that send too slowly (see overload)."""

from gunicorn.workers.gthread import ThreadWorker


class Worker(ThreadWorker):
    """A thread per request in flight."""
