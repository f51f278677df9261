"""`drengr doctor`: what is wrong on this machine, and what to do about it; writes nothing (contract 11)."""

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from http.client import HTTPException

import click

from drengr.checks import Finding, keys_file, settings, store_findings, versions
from drengr.cli.database import open_store
from drengr.cli.printing import say, shown
from drengr.config import BadSetting, Config, read_config
from drengr.store import NoRoom, StoreError, planned_upgrade

_EXIT_CODES = {"ok": 0, "warn": 1, "fail": 2}
_ANSWER_S = 5.0


@click.command("doctor")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(as_json: bool) -> None:
    """Look for what is wrong, and say what to do.

    Writes nothing, beside a running service too. Exit codes: 0 all is well, 1 something deserves attention, 2 something
    is wrong.
    """
    findings = list(_findings())
    worst = max(findings, key=lambda finding: _EXIT_CODES[finding.status]).status
    if as_json:
        say(json.dumps({"status": worst, "checks": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            advice = f" {finding.advice}" if finding.advice else ""
            say(f"{finding.status:4}  {finding.check:10}  {shown(finding.message)}{shown(advice)}")
    raise SystemExit(_EXIT_CODES[worst])


def _findings() -> Iterator[Finding]:
    try:
        config = read_config()
    except BadSetting as error:
        yield Finding("settings", "fail", str(error), "Mend it where the service gets its environment.")
        return
    yield settings(config)
    yield _service(config)
    try:
        with open_store(must_exist=True, access="inspect") as store:
            yield from store_findings(store)
        yield versions(planned_upgrade(config["DRENGR_DATABASE"]))
    except NoRoom as error:
        yield Finding("disk", "fail", str(error), "Delete something, or move it to a larger disk.")
    except (StoreError, click.UsageError) as error:
        message = error.message if isinstance(error, click.UsageError) else str(error)
        yield Finding("integrity", "fail", message, "Set DRENGR_DATABASE to the service's file, or restore a backup.")
    yield keys_file(config)


def _service(config: Config) -> Finding:
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(config["HOST"], config["HOST"])
    url = f"http://{f'[{host}]' if ':' in host else host}:{config['PORT']}/healthz"
    reason = "no answer"
    try:
        with urllib.request.urlopen(url, timeout=_ANSWER_S) as answer:
            return Finding("service", "ok", f"{url} answers {answer.status}.")
    except urllib.error.HTTPError as refused:
        with refused, suppress(ValueError, AttributeError):
            reason = f"{refused.code}, {json.load(refused).get('error', '')}"
    except (OSError, ValueError, HTTPException) as error:  # ValueError: a HOST that is no host's name
        cause = getattr(error, "reason", error)
        reason = getattr(cause, "strerror", None) or str(cause)
    advice = "Start it, or see its log; HOST and PORT must be the service's."
    return Finding("service", "fail", f"{url}: {reason}.", advice)
