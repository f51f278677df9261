"""The `drengr` command. One file per group of commands; every command takes DRENGR_DATABASE from the environment."""

import click

from drengr import __version__
from drengr.cli import count, doctor, import_, keys, ledger, projects, tail, verify
from drengr.config import BadSetting
from drengr.store import StoreError


class _Group(click.Group):
    """Says one sentence for what an operator can mend, instead of a traceback."""

    def invoke(self, ctx: click.Context):
        try:
            return super().invoke(ctx)
        except (BadSetting, StoreError) as error:
            raise click.ClickException(str(error)) from error


@click.group(cls=_Group)
@click.version_option(__version__, prog_name="drengr")
def main() -> None:
    """Product events on your own machine, in one SQLite file.

    Settings are environment variables; DRENGR_DATABASE is the path of the file (default: drengr.db in this folder).
    """


@main.command()
def serve() -> None:
    """Run the service. HOST, PORT and WEB_CONCURRENCY say where and how wide."""
    from drengr.serving.start import serve as run

    run()


main.add_command(projects.group)
main.add_command(keys.group)
main.add_command(import_.command)
main.add_command(tail.command)
main.add_command(count.command)
main.add_command(verify.command)
main.add_command(ledger.command)
main.add_command(doctor.command)
