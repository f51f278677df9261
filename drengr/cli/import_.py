"""`drengr import …`: vendors' export files into the database, or to a remote service (contract 5)."""

import os
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import NoReturn

import click

from drengr.cli import imports
from drengr.cli.database import chosen_project, must_be_there, open_store
from drengr.cli.import_local import Counted, LocalImport, Stored
from drengr.cli.import_remote import RemoteImport
from drengr.cli.import_report import tell_all, tell_json
from drengr.cli.import_run import EXIT_UNFINISHED, Importer, Run
from drengr.cli.printing import say, shown
from drengr.config import BadSetting, Config, read_config, rules_of, with_rules
from drengr.events.event import Context
from drengr.events.jsontext import clean_text, read_json
from drengr.sources import SOURCES, BadPackage, BadZone, checked_mapping, checked_package, checked_zone, drengr
from drengr.sources.generic import BadMapping
from drengr.store import Store, StoreError, exists
from drengr.store.clock import now_ms

_AS_IT_IS = (
    "Drengr's own export is taken as it is, into the database here: --url, --app-package, --mapping and --time-zone go"
    " without --source drengr."
)


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
    if yes:
        raise click.UsageError("--yes goes with --undo.")
    if not paths or source is None:
        raise click.UsageError("Missing argument 'PATH…'." if not paths else "Missing option '--source'.")
    if source == drengr.SOURCE and (url or app_package or mapping or time_zone):
        raise click.UsageError(_AS_IT_IS)
    config, context = _asked(source, app_package, mapping, time_zone)
    counted = Counted() if dry_run else None
    with ExitStack() as stack:
        try:
            importer = _importer(stack, config, context, project and clean_text(project), counted, url)
            code = _imported(importer, paths, counted, strict=strict, as_json=as_json)
        except StoreError as error:
            say(f"Stopped: {shown(error)}", err=True)
            code = EXIT_UNFINISHED
    raise SystemExit(code)


def _imported(
    importer: Importer, paths: tuple[str, ...], counted: Counted | None, *, strict: bool, as_json: bool
) -> int:
    """Import the files, and say what became of them. The exit code."""
    run = Run(importer, "imported" if counted is None else "would be imported", quiet=as_json)
    code = run.all_files(paths, strict)
    names = counted.names if counted is not None else None
    if as_json:
        tell_json(run.files, code, names)
    else:
        tell_all(run.files, run.verb, names)
    return code


def _asked(source: str, app_package: str | None, mapping: str | None, time_zone: str | None) -> tuple[Config, Context]:
    """The settings, and what the words ask for. Raises click.UsageError."""
    try:
        config = read_config()
        return config, Context(
            source,
            now_ms(),
            config.sensitive_keys,
            checked_package(app_package),
            checked_mapping(source, _mapping(mapping)),
            checked_zone(time_zone),
            names_dropped_keys=True,
        )
    except (BadSetting, BadMapping, BadZone, BadPackage) as error:
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
