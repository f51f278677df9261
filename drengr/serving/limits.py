"""What a worker may have on this machine: files, connections, threads, heaps. What is refused is done without."""

import ctypes
import resource
from contextlib import suppress

_FILES_OF_A_THREAD = 3  # its reading connection: the database, its -wal and its -shm
_FILES_OF_A_WORKER = 32
_USUAL_FILES = 1024
_M_ARENA_MAX = -8  # glibc's name for the most heaps


def few_heaps() -> None:
    """Two heaps instead of one for every few threads, each of which keeps what was freed.

    64 bodies of 1 MiB left 274 MiB behind them, with two heaps 181. Other C libraries have no such call.
    """
    with suppress(AttributeError, OSError):
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def room_for(connections: int, threads: int) -> tuple[int, int]:
    """(connections, threads) of a worker that the limit of open files allows.

    The usual limit of 1,024 is too few, and may often be raised.
    """
    needed = connections + threads * _FILES_OF_A_THREAD + _FILES_OF_A_WORKER
    files = _raised(needed)
    if files >= needed:
        return connections, threads
    left = max(8, files - _FILES_OF_A_WORKER)
    threads = min(threads, max(2, left // (2 * _FILES_OF_A_THREAD)))
    return max(4, left - threads * _FILES_OF_A_THREAD), threads


def _raised(needed: int) -> int:
    """How many files may be open now: `needed`, or as many as the machine gives."""
    soft = _USUAL_FILES
    with suppress(OSError, ValueError):  # a system call filter of systemd or Docker
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        files = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        if soft != resource.RLIM_INFINITY and soft < files:
            resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
            return files
    return needed if soft == resource.RLIM_INFINITY else soft
