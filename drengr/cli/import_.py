"""`drengr import …`: vendors' export files into the database, or to a remote service (contract 5)."""

import os
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import click

from drengr.cli.database import chosen_project, open_store
from drengr.cli.import_local import DryRun, FileImport, LocalImport
from drengr.cli.import_remote import RemoteImport
from drengr.config import BadSetting, Config, read_config
from drengr.events.event import Context
from drengr.events.jsontext import read_json
from drengr.files.json_rows import BrokenFile
from drengr.importing import Tally
from drengr.sources import SOURCES, checked_mapping
from drengr.sources.generic import BadMapping
from drengr.store import StoreError

EXIT_SKIPPED = 1  # only with --strict
EXIT_UNFINISHED = 3  # the same command goes on where this one stopped

_SUFFIXES = (".zip", ".gz", ".json", ".jsonl", ".ndjson", ".csv")


@click.command("import")
@click.argument("paths", nargs=-1, required=True, metavar="PATH…", type=click.Path(exists=True, allow_dash=True))
@click.option("--source", type=click.Choice(list(SOURCES)), required=True, help="Whose export it is.")
@click.option("--app-package", help="Noted with every event, e.g. com.example.shop.")
@click.option("--mapping", metavar="FILE|JSON", help="For --source generic: which of your fields are which.")
@click.option("--project", metavar="NAME|ID", help="Default: the only one.")
@click.option("--dry-run", is_flag=True, help="Say what would be imported; store nothing.")
@click.option("--strict", is_flag=True, help="Exit code 1 when a row was skipped.")
@click.option("--url", help="Send to the service there; DRENGR_SECRET_KEY is its key.")
def command(paths, source, app_package, mapping, project, dry_run, strict, url) -> None:
    """Import vendors' export files.

    A PATH is a file (zip, gzip, NDJSON, JSON, CSV), a directory of such files, or - for standard input. Safe beside a
    running service, safe to repeat; a run that was killed goes on where it stopped.

    Exit codes: 0 done, 1 rows skipped (with --strict), 2 wrong usage, 3 not finished: run it again.
    """
    try:
        config = read_config()
        mapping = checked_mapping(source, _mapping(mapping))
    except (BadSetting, BadMapping) as error:
        raise click.UsageError(str(error)) from error
    with ExitStack() as stack:
        context = Context(source, time.time_ns() // 1_000_000, config.sensitive_keys, app_package, mapping)
        try:
            importer = _importer(stack, config, context, project, dry_run, url)
            code = _import_all(importer, list(_files(paths)), strict)
        except StoreError as error:
            click.echo(f"Stopped: {error}", err=True)
            code = EXIT_UNFINISHED
    raise SystemExit(code)


def _importer(
    stack: ExitStack, config: Config, context: Context, project: str | None, dry_run: bool, url: str | None
) -> FileImport:
    if dry_run:
        return DryRun(config, context)
    if url:
        key = os.environ.get("DRENGR_SECRET_KEY")
        if not key:
            raise click.UsageError("--url needs the project's secret key in the environment: DRENGR_SECRET_KEY.")
        if project:
            raise click.UsageError("--project goes without --url: there the key says which project it is.")
        return RemoteImport(url, key, context)
    if not os.path.exists(config["DRENGR_DATABASE"]):
        raise click.UsageError(
            f"There is no database {config['DRENGR_DATABASE']}; set DRENGR_DATABASE, or make a project first:"
            " drengr project create NAME"
        )
    store = stack.enter_context(open_store())
    return LocalImport(config, context, store, chosen_project(store, project))


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


def _files(paths: tuple[str, ...]) -> Iterator[str]:
    """The files meant, directories opened, in order of name; what is no export there is left alone."""
    for path in paths:
        if path == "-" or not os.path.isdir(path):
            yield path
            continue
        inside = sorted(str(each) for each in Path(path).rglob("*") if each.is_file() and each.name[0] != ".")
        known = [each for each in inside if each.lower().endswith(_SUFFIXES)]
        if len(known) < len(inside):
            click.echo(f"{path}: {len(inside) - len(known)} files that end in none of {' '.join(_SUFFIXES)} left alone")
        yield from known


def _import_all(importer: FileImport, paths: list[str], strict: bool) -> int:
    """Import file after file, say what became of each and of all. The exit code."""
    total, files, code, stop = Tally(), 0, 0, ""
    for path in paths:
        try:
            _import_one(importer, path)
        except (BrokenFile, OSError) as error:  # the next file may be whole
            click.echo(f"{path}: {_text(error)}. What was read before that is kept; repeating is safe.", err=True)
            code = EXIT_UNFINISHED
        except KeyboardInterrupt:
            stop = "Interrupted"
        except StoreError as error:
            stop = f"Stopped: {error}"
        total, files = total.plus(importer.tally), files + importer.files
        _tell(importer, path)
        if stop:
            click.echo(f"\n{stop}. What is stored stays; the same command goes on from there.", err=True)
            code = EXIT_UNFINISHED
            break
    if not code:
        importer.finish()
    click.echo(f"Total: {files} data files, {_sum(total, importer.verb)}.")
    click.echo(importer.report(), nl=False)
    return code or (EXIT_SKIPPED if strict and total.skipped else 0)


def _import_one(importer: FileImport, path: str) -> None:
    size = os.path.getsize(path) if os.path.isfile(path) else 0
    begun, at = time.monotonic(), 0
    label = "standard input" if path == "-" else os.path.basename(path)
    with click.progressbar(
        length=size or 1, label=label, file=sys.stderr, show_eta=bool(size),
        show_percent=bool(size), item_show_func=lambda rows: f"{rows or 0:,.0f} rows/s", update_min_steps=1,
    ) as bar:  # fmt: skip
        first = None
        for position in importer.run(path):
            first = importer.tally.rows if first is None else first
            bar.update(position - at if size else 0, (importer.tally.rows - first) / (time.monotonic() - begun + 1e-9))
            at = position


def _tell(importer: FileImport, path: str) -> None:
    if importer.resumed_at:
        click.echo(f"{path}: went on after row {importer.resumed_at:,}, where an earlier run stopped")
    click.echo(f"{path}: {_sum(importer.tally, importer.verb)}")
    for reason in importer.tally.reasons:
        click.echo(f"  skipped {reason}")
    if importer.tally.skipped > len(importer.tally.reasons):
        click.echo(f"  … and {importer.tally.skipped - len(importer.tally.reasons):,} more")


def _sum(tally: Tally, verb: str) -> str:
    parts = f"{tally.imported:,} {verb} + {tally.duplicates:,} duplicates + {tally.skipped:,} skipped"
    return f"{tally.rows:,} rows = {parts}"


def _text(error: BaseException) -> str:
    return error.strerror or str(error) if isinstance(error, OSError) else str(error)
