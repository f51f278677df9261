"""`drengr demo`: a file with a believable month of a small shop, to look around in (contract 12)."""

import os
from collections.abc import Iterator
from contextlib import closing, suppress
from itertools import islice

import click

from drengr import store as stores
from drengr.cli.asking import Text
from drengr.cli.demo_shop import EVENTS, rows
from drengr.cli.printing import answer, say, shown
from drengr.config import read_config
from drengr.events.event import Context, Event
from drengr.events.times import DAY_MS, HOUR_MS
from drengr.sources import amplitude_http, read_batch
from drengr.store import NO_PROJECT, Account, Problem, Project, Store
from drengr.store.clock import now_ms

_PROJECT = "shop"
_BATCH = 2500
_ENDINGS = ("", "-wal", "-shm", "-lock", "-queue")  # of the files that half a demo would leave
_NETWORK_MS = 2000  # from an event to its arrival


@click.command("demo")
@click.argument("file", type=Text(), default="demo.db")
def command(file: str) -> None:
    """Make FILE with a month of a small shop, 50,000 events, to look around in. Default: demo.db in this folder.

    A file that is there already is left alone.
    """
    if "://" in file or os.path.lexists(file):
        raise click.UsageError(
            f"{shown(file)} is there already: name another file, or delete it." if "://" not in file
            else "A demo is made in a file; name one."
        )  # fmt: skip
    config, now = read_config(), now_ms()
    say(f"Making {EVENTS:,} events …", err=True)
    try:
        with closing(stores.open_store(file, "NORMAL", "write")) as store:
            store.make_project(_PROJECT)
            project = store.find_project(_PROJECT)
            context = Context(amplitude_http.SOURCE, now, config.sensitive_keys, live=True)
            stored = _fill(store, project, rows(now), context)
            _trouble(store, project, now)
    except BaseException:  # Ctrl-C, a full disk
        for ending in _ENDINGS:
            with suppress(OSError):
                os.unlink(file + ending)
        raise
    answer(
        f"{shown(file)}: {stored:,} events of the project {_PROJECT}. To look at it, run\n\n"
        f"  DRENGR_DATABASE={shown(file)} drengr serve\n\n"
        f"and, in another terminal, DRENGR_DATABASE={shown(file)} drengr ui, which prints a link that signs you in."
    )


def _fill(store: Store, project: Project, found: Iterator[dict[str, object]], context: Context) -> int:
    stored = 0
    while batch := list(islice(found, _BATCH)):
        mapped = read_batch(batch, context)
        events = [_received_when_it_occurred(event) for event in mapped.events]
        account = Account("acceptor", len(batch), mapped.dropped, mapped.changed, again=True)
        stored += store.add(project.id, events, account).inserted
    return stored


def _received_when_it_occurred(event: Event) -> Event:
    return event._replace(received_at=event.occurred_at + _NETWORK_MS)


def _trouble(store: Store, project: Project, now: int) -> None:
    """What went wrong lately, so that the room Problems has something to say."""
    sdk = ("amplitude-ts", "2.48.1")
    today, lately, earlier = now // DAY_MS, now - 3 * HOUR_MS, now - 2 * DAY_MS
    problems = [
        Problem(project.id, "acceptor", "no_id", "newsletter_subscribed", *sdk, "", 41, lately - HOUR_MS, lately),
        Problem(project.id, "acceptor", "too_large", "", *sdk, "", 2, earlier, earlier + 4000),
        Problem(NO_PROJECT, "acceptor", "bad_key", "", *sdk, "drengr_pk_ab12", 7, lately - 2 * HOUR_MS, lately),
    ]
    store.note(
        {
            (project.id, today, "acceptor"): {"received": 41, "dropped_no_id": 41},
            (project.id, today - 2, "acceptor"): {"refused_too_large": 2},
        },
        problems,
    )
