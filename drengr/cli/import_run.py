"""The files of one `drengr import`, one after the other: what became of each, and the exit code."""

import errno
import os
import socket
from collections.abc import Iterator
from typing import Protocol

from drengr.cli.import_report import Done, tell_file, told
from drengr.cli.printing import say, shown
from drengr.files.broken import BrokenFile
from drengr.importing import Fruitless, Tally
from drengr.store import StoreError

EXIT_SKIPPED = 1  # only with --strict
EXIT_UNFINISHED = 3  # the same command goes on where this one stopped
EXIT_FRUITLESS = 4  # the same command would only stop there again

_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENETUNREACH, errno.EHOSTUNREACH)
_SUFFIXES = (".zip", ".gz", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")


class Importer(Protocol):
    """What reads one file after the other; `tally`, `files` and `resumed_at` are those of the last one."""

    tally: Tally
    files: int
    resumed_at: int

    def run(self, path: str) -> Iterator[int]:
        """Import the file; yields its bytes done so far. Raises BrokenFile, OSError, StoreError."""

    def finish(self) -> None:
        """Every file is done."""


class Run:
    """File after file, and what became of each."""

    def __init__(self, importer: Importer, verb: str, *, quiet: bool) -> None:
        self.verb = verb
        self.files: list[Done] = []
        self._importer = importer
        self._quiet = quiet
        self._codes = {0}

    def all_files(self, paths: tuple[str, ...], strict: bool) -> int:
        """Import them all. The exit code."""
        problems: list[OSError] = []
        files = list(_files(paths, problems))
        for problem in problems:
            say(f"{shown(problem.filename)}: {problem.strerror}; the files in it are left out.", err=True)
        if problems or not files:
            self._codes.add(EXIT_FRUITLESS)
        if not files:
            say("There is no file to import.", err=True)
        for path in files:
            if not self._one_file(path):
                break
        # 3 promises that the same command goes on; that holds whatever else is wrong with other files.
        code = EXIT_UNFINISHED if EXIT_UNFINISHED in self._codes else max(self._codes)
        if code != EXIT_UNFINISHED:
            self._importer.finish()
        return code or (EXIT_SKIPPED if strict and any(done.tally.skipped for done in self.files) else 0)

    def _one_file(self, path: str) -> bool:
        """Whether the next one may be tried."""
        failure, go_on = "", True
        try:
            self._import(path)
        except BrokenFile as error:  # the next file may be whole
            failure = self._failed(EXIT_FRUITLESS, str(error), kept=not isinstance(error, Fruitless))
        except OSError as error:
            code = EXIT_UNFINISHED if _may_pass(error) else EXIT_FRUITLESS
            failure = self._failed(code, error.strerror or str(error))
        except KeyboardInterrupt:
            failure, go_on = self._failed(EXIT_UNFINISHED, "Interrupted"), False
        except StoreError as error:
            failure, go_on = self._failed(EXIT_UNFINISHED, f"Stopped: {error}"), False
        done = Done(path, self._importer.tally, self._importer.files, self._importer.resumed_at, failure)
        self.files.append(done)
        if failure:
            say(f"{shown(path)}: {shown(failure)}", err=True)
        if not self._quiet:
            tell_file(done, self.verb)
        return go_on

    def _import(self, path: str) -> None:
        size = os.path.getsize(path) if os.path.isfile(path) else 0
        label = "standard input" if path == "-" else shown(os.path.basename(path))
        with told(label, size) as tell:
            for position in self._importer.run(path):
                tell(position, self._importer.tally.rows - self._importer.resumed_at)

    def _failed(self, code: int, reason: str, *, kept: bool = True) -> str:
        """Note the exit code. The sentence for whoever ran the command."""
        self._codes.add(code)
        if code == EXIT_UNFINISHED:
            return f"{reason}. What is stored stays; the same command goes on from there."
        return f"{reason}." + (" What was read is kept; the same file will stop there again." if kept else "")


def _files(paths: tuple[str, ...], problems: list[OSError]) -> Iterator[str]:
    """The files meant, directories opened, in order of name; what is no export there is left alone.

    problems  gets the directories that cannot be read
    """
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            yield path
            continue
        walked = os.walk(path, onerror=problems.append)
        inside = sorted(os.path.join(folder, name) for folder, _, names in walked for name in names if name[0] != ".")
        known = [each for each in inside if _may_be_export(os.path.basename(each))]
        if len(known) < len(inside):
            left = len(inside) - len(known)
            say(f"{shown(path)}: {left} files that end in none of {' '.join(_SUFFIXES)} left alone", err=True)
        yield from known


def _may_be_export(name: str) -> bool:
    """Whether a name found in a folder is one of an export: Firehose and Redshift give none a suffix, and Spark puts
    `_SUCCESS` beside them."""
    return name.lower().endswith(_SUFFIXES) or not ("." in name or name.startswith("_"))


def _may_pass(error: OSError) -> bool:
    """Whether the network or the machine gave way, and not the file: the same command may succeed later."""
    return isinstance(error, ConnectionError | TimeoutError | socket.gaierror) or error.errno in _PASSING
