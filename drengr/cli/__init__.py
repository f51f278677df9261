"""The `drengr` command. One file per group of commands; every command takes DRENGR_DATABASE from the environment."""

import io
import os
from typing import Any, NoReturn

import click

from drengr import __version__
from drengr.cli import (
    backup,
    count,
    db,
    demo,
    doctor,
    export,
    funnel,
    import_,
    imports,
    keys,
    ledger,
    names,
    people,
    projects,
    removing,
    tail,
    tombstones,
    ui,
    verify,
)
from drengr.cli.printing import say, shown
from drengr.config import BadSetting, unknown_settings
from drengr.store import StoreError


class _Group(click.Group):
    """Says one sentence for what an operator can mend, instead of a traceback."""

    def main(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Run the command that the arguments name, and end the process with its exit code."""
        try:
            code = super().main(*args, **{**kwargs, "standalone_mode": False})
        except click.ClickException as error:
            # click's own way fails when standard error cannot be written, and the exit code would be another.
            text = io.StringIO()
            error.show(text)
            say("\n".join(map(shown, text.getvalue().split("\n"))), err=True, end="")
            code = error.exit_code
        except click.Abort:  # Ctrl-C
            code = 1
        raise SystemExit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        try:
            return super().invoke(ctx)
        except (BadSetting, StoreError) as error:
            raise click.ClickException(shown(error)) from error


@click.group(cls=_Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="drengr")
@click.pass_context
def main(context: click.Context) -> None:
    """Product events on your own machine, in one SQLite file.

    Settings are environment variables; DRENGR_DATABASE is the path of the file (default: drengr.db in this folder).
    """
    if context.invoked_subcommand not in ("serve", "doctor"):  # which say it themselves
        for name in unknown_settings(os.environ):
            say(f"Warning: {shown(name)} is no setting of Drengr; see the table of settings.", err=True)


@main.command()
@click.option("--host", help="Address to listen on; wins over HOST.")
@click.option("--port", help="Port to listen on; wins over PORT.")
def serve(host: str | None, port: str | None) -> None:
    """Run the service. HOST, PORT and WEB_CONCURRENCY say where and how wide."""
    from drengr.serving.start import serve as run

    os.environ.update({name: value for name, value in (("HOST", host), ("PORT", port)) if value is not None})
    run()


main.add_command(projects.group)
main.add_command(keys.group)
main.add_command(import_.command)
main.add_command(imports.command)
main.add_command(export.command)
main.add_command(tail.command)
main.add_command(count.command)
main.add_command(people.people)
main.add_command(people.person)
main.add_command(removing.events)
main.add_command(tombstones.group)
main.add_command(funnel.funnel)
main.add_command(funnel.retention)
main.add_command(names.command)
main.add_command(ui.command)
main.add_command(verify.command)
main.add_command(ledger.command)
main.add_command(doctor.command)
main.add_command(demo.command)
main.add_command(db.group)
main.add_command(backup.backup)
main.add_command(backup.restore)
people.person.add_command(removing.export_person)
people.person.add_command(removing.erase)
projects.group.add_command(removing.keep)
