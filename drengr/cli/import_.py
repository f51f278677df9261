"""`drengr import …`: vendors' export files into the database, or to a remote service (contract 5)."""

import errno
import os
import socket
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn, Protocol

import click

from drengr.cli import imports
from drengr.cli.database import chosen_project, must_be_there, open_store
from drengr.cli.import_local import Counted, LocalImport, Stored
from drengr.cli.import_remote import RemoteImport
from drengr.cli.import_report import Done, tell_all, tell_file, tell_json, told
from drengr.cli.printing import say, shown
from drengr.config import BadSetting, Config, read_config, rules_of, with_rules
from drengr.events.event import Context
from drengr.events.jsontext import clean_text, read_json
from drengr.files.broken import BrokenFile
from drengr.importing import Fruitless, Tally
from drengr.sources import SOURCES, BadZone, checked_mapping, checked_zone, drengr
from drengr.sources.generic import BadMapping
from drengr.store import Store, StoreError, exists
from drengr.store.clock import now_ms

EXIT_SKIPPED = 1  # only with --strict
EXIT_UNFINISHED = 3  # the same command goes on where this one stopped
EXIT_FRUITLESS = 4  # the same command would only stop there again
MAX_APP_PACKAGE = 255

_PASSING = (errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE, errno.ENETUNREACH, errno.EHOSTUNREACH)
_SUFFIXES = (".zip", ".gz", ".json", ".jsonl", ".ndjson", ".csv", ".tsv")


_AS_IT_IS = (
    "Drengr's own export is taken as it is, into the database here: --url, --app-package, --mapping and --time-zone go"
    " without --source drengr."
)


class Importer(Protocol):
    """What reads one file after the other; `tally`, `files` and `resumed_at` are those of the last one."""

    tally: Tally
    files: int
    resumed_at: int

    def run(self, path: str) -> Iterator[int]:
        """Import the file; yields its bytes done so far. Raises BrokenFile, OSError, StoreError."""

    def finish(self) -> None:
        """Every file is done."""


@click.command("import")
@click.argument("paths", nargs=-1, metavar="PATH…", type=click.Path(exists=True, allow_dash=True))
@click.option("--source", type=click.Choice([*SOURCES, drengr.SOURCE]), help="Whose export it is; required.")
@click.option("--app-package", help="Noted with every event, e.g. com.example.shop.")
@click.option("--mapping", metavar="FILE|JSON", help="For --source generic: which of your fields are which.")
@click.option("--time-zone", metavar="NAME", help="Of times that name none, e.g. America/Los_Angeles; default: UTC.")
@click.option("--project", metavar="NAME|ID", help="Default: the only one.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported; store nothing.")
@click.option("--strict", is_flag=True, help="Exit code 1 when a row was skipped.")
@click.option("--url", help="Send to the service there; DRENGR_SECRET_KEY is its key.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object at the end.")
@click.option("--undo", type=click.IntRange(1), metavar="NUMBER", help="Take back an import of `drengr imports`.")
@click.option("--yes", is_flag=True, help="With --undo: do not ask; without a terminal nothing is done without it.")
def command(
    paths: tuple[str, ...],
    source: str | None,
    app_package: str | None,
    mapping: str | None,
    time_zone: str | None,
    project: str | None,
    dry_run: bool,
    strict: bool,
    url: str | None,
    as_json: bool,
    undo: int | None,
    yes: bool,
) -> NoReturn:
    """Import vendors' export files.

    A PATH is a file (zip, gzip, NDJSON, JSON, CSV), a directory of such files, or - for standard input. Safe beside a
    running service, safe to repeat; a run that was killed goes on where it stopped.

    Exit codes: 0 done, 1 rows skipped (with --strict), 2 wrong usage, 3 not finished: run it again, 4 a file is
    damaged, empty or not what --source says: running it again does not help.

    --undo NUMBER lets go what one import brought; it goes with --project, --dry-run and --yes.
    """
    if undo is not None:
        if paths or source or app_package or mapping or time_zone or strict or url or as_json:
            raise click.UsageError("--undo goes with --project, --dry-run and --yes, and with nothing else.")
        imports.undo(undo, project, dry_run=dry_run, yes=yes)
        raise SystemExit(0)
    if not paths or source is None or yes:
        missing = "Missing argument 'PATH…'." if not paths else "Missing option '--source'."
        raise click.UsageError("--yes goes with --undo." if yes else missing)
    if source == drengr.SOURCE and (url or app_package or mapping or time_zone):
        raise click.UsageError(_AS_IT_IS)
    config, context = _asked(source, app_package, mapping, time_zone)
    with ExitStack() as stack:
        try:
            counted = Counted() if dry_run else None
            importer = _importer(stack, config, context, project and clean_text(project), counted, url)
            run = _Run(importer, "would be imported" if dry_run else "imported", quiet=as_json)
            code = run.all_files(paths, strict)
            names = counted.names if counted else None
            if as_json:
                tell_json(run.files, code, names)
            else:
                tell_all(run.files, run.verb, names)
        except StoreError as error:
            say(f"Stopped: {shown(error)}", err=True)
            code = EXIT_UNFINISHED
    raise SystemExit(code)


def _asked(source: str, app_package: str | None, mapping: str | None, time_zone: str | None) -> tuple[Config, Context]:
    """The settings, and what the words ask for. Raises click.UsageError."""
    try:
        config = read_config()
        return config, Context(
            source,
            now_ms(),
            config.sensitive_keys,
            _checked_package(app_package),
            checked_mapping(source, _mapping(mapping)),
            checked_zone(time_zone),
            names_dropped_keys=True,
        )
    except (BadSetting, BadMapping, BadZone) as error:
        raise click.UsageError(shown(error)) from error


def _importer(
    stack: ExitStack, config: Config, context: Context, project: str | None, dry_run: Counted | None, url: str | None
) -> Importer:
    if dry_run is not None:
        if not url:
            config, context = _with_rules_if_readable(config, context)
        return LocalImport(config, context, dry_run)
    if url:
        key = os.environ.get("DRENGR_SECRET_KEY")
        if not key:
            raise click.UsageError("--url needs the project's secret key in the environment: DRENGR_SECRET_KEY.")
        if project:
            raise click.UsageError("--project goes without --url: there the key says which project it is.")
        return RemoteImport(url, key, context)
    must_be_there(config)
    store = stack.enter_context(open_store())
    found = chosen_project(store, project)
    config, context = _with_rules_of_service(store, config, context)
    return LocalImport(config, context, Stored(config, context, store, found))


def _with_rules_of_service(store: Store, config: Config, context: Context) -> tuple[Config, Context]:
    """The settings that shape events as the service runs with them: history must look like what comes live."""
    ours = rules_of(config)
    config = with_rules(config, store.rules())
    for name, value in rules_of(config).items():
        if value != ours[name]:
            say(f"{name} is {shown(value)!r} here, as the service last ran, not {shown(ours[name])!r}.", err=True)
    return config, replace(context, sensitive=config.sensitive_keys)


def _with_rules_if_readable(config: Config, context: Context) -> tuple[Config, Context]:
    """The same for a dry run, which needs no database."""
    try:
        if not exists(config["DRENGR_DATABASE"]):
            return config, context
        with open_store(must_exist=True) as store:
            return _with_rules_of_service(store, config, context)
    except StoreError as error:
        say(f"The settings of this environment are used; the service's cannot be read: {shown(error)}", err=True)
        return config, context


def _checked_package(given: str | None) -> str | None:
    if given is None:
        return None
    package = clean_text(given)
    if len(package) > MAX_APP_PACKAGE:
        raise click.UsageError(f"--app-package must be text of at most {MAX_APP_PACKAGE} characters.")
    return package or None


def _mapping(given: str | None) -> object:
    """The mapping's JSON, from the option itself or from the file that it names."""
    if given is None:
        return None
    try:
        text = given.encode() if given.lstrip()[:1] == "{" else Path(given).read_bytes()
        return read_json(text)
    except OSError as error:
        raise BadMapping(f"--mapping: {given[:200]!r} is neither a JSON object nor a file ({error.strerror})") from None
    except ValueError:
        raise BadMapping("--mapping is not readable as JSON") from None


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


class _Run:
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
