"""Where a command writes what it takes out: a file that gets its name when it is whole, or standard output."""

import errno
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import BinaryIO

import click

from drengr.cli.printing import OutputLost, shown
from drengr.config import read_config
from drengr.log import turn_off

_GZIP_LEVEL = 1

Write = Callable[[bytes], object]


@contextmanager
def writing(output: str | None, what: str) -> Iterator[Write]:
    """Writes to the file, which gets its name at the end, or to standard output.

    output  packed when it ends in .gz; None and "-": standard output
    what    that is written, such as "export"
    Raises  OutputLost, UsageError
    """
    try:
        if output in (None, "-"):
            with _standard_output() as file:
                yield file.write
        else:
            assert output is not None
            with _file(os.path.realpath(output)) as file, _packing(file, output.endswith(".gz")) as write:
                yield write
    except BrokenPipeError:
        raise OutputLost(f"Whoever reads the output has left; the {what} is not whole.") from None
    except OSError as error:
        where = "The output" if output is None else shown(output)
        raise OutputLost(f"{where} could not be written: {error.strerror or error}. The {what} is not whole.") from None


@contextmanager
def _standard_output() -> Iterator[BinaryIO]:
    if sys.stdout is None:
        raise OSError(errno.EBADF, "it is closed")
    try:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
    except OSError:
        turn_off(sys.stdout)
        raise


@contextmanager
def _packing(file: BinaryIO, packs: bool) -> Iterator[Write]:
    if not packs:
        yield file.write
        return
    packer = zlib.compressobj(_GZIP_LEVEL, wbits=31)
    yield lambda data: file.write(packer.compress(data))
    file.write(packer.flush())


@contextmanager
def _file(path: str) -> Iterator[BinaryIO]:
    """A file for its owner alone, under another name until it is whole and on the disk."""
    with suppress(FileNotFoundError):
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise IsADirectoryError(errno.EISDIR, "it is a folder")
        if not stat.S_ISREG(mode):  # /dev/null, a named pipe: nothing may take their place
            with open(path, "wb") as file:
                yield file
            return
    _refuse_the_database(path)
    part = f"{path}.part-{os.getpid()}"
    descriptor = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb") as file:
            if os.geteuid() == 0:  # what root makes belongs to the folder's owner
                owner = os.stat(os.path.dirname(path))
                os.fchown(descriptor, owner.st_uid, owner.st_gid)
            yield file
            file.flush()
            os.fsync(descriptor)
        os.replace(part, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(part)
        raise


def _refuse_the_database(path: str) -> None:
    location = read_config()["DRENGR_DATABASE"]
    if "://" not in location and path in (os.path.realpath(location) + end for end in ("", "-wal", "-shm", "-queue")):
        raise click.UsageError(f"{shown(path)} is the database itself, which must stay as it is.")
