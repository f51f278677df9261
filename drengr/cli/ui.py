"""`drengr ui`: a link that signs in to the page, once (contract 12)."""

import click

from drengr.cli.database import chosen_project, open_store
from drengr.cli.printing import answer
from drengr.config import read_config
from drengr.serving.listening import link_url
from drengr.store.clock import now_ms


@click.command("ui")
@click.argument("projects", metavar="[PROJECT]...", nargs=-1)
@click.option("--url", help="Where the service is reached, such as https://events.example.com; default: HOST and PORT.")
def command(projects: tuple[str, ...], url: str | None) -> None:
    """Print a link that opens the page, signed in to these projects; without names, to all there are now.

    It works once, within ten minutes. Whoever opens it is signed in: send it to nobody else.
    """
    config = read_config()
    if config["DRENGR_UI"] == "off":
        raise click.UsageError("DRENGR_UI is off: there is no page.")
    if url is not None and not url.startswith(("http://", "https://")):
        raise click.UsageError("--url takes an address that begins with https:// or http://.")
    with open_store(must_exist=True, access="write") as store:
        chosen = [chosen_project(store, name) for name in projects] or store.projects()
        if not chosen:
            raise click.UsageError("There is no project yet; make one: drengr project create NAME")
        link = store.make_link(sorted({project.id for project in chosen}), now_ms())
        answer(link_url(config, link, url))
