"""GET /metrics: Prometheus text, one answer for all workers (contract 11). Takes no write lock, never a 5xx."""

import hmac
from collections.abc import Iterable, Iterator, Mapping

from flask import Blueprint, Response, request

from drengr import __version__
from drengr.api.errors import ApiError
from drengr.api.measures import Histogram, measures
from drengr.api.service import Service, service
from drengr.events.outcomes import DROPPED
from drengr.keys import bearer
from drengr.log import faults
from drengr.store import NO_PROJECT, LedgerDay, StoreError

_TEXT = "text/plain; version=0.0.4; charset=utf-8"
_ALWAYS = 2**31  # days: later than any

door = Blueprint("metrics", __name__)

Sample = tuple[str, Mapping[str, str], float]  # suffix of the name, labels, value


@door.get("/metrics")
def metrics() -> Response:
    """All metrics; those that the database cannot tell now are left out."""
    here = service()
    token = here.config["DRENGR_METRICS_TOKEN"]
    if not token:
        raise ApiError(404, "not found")
    shown = bearer(request.headers.get("Authorization")) or ""
    if not hmac.compare_digest(shown.encode("utf-8", "replace"), token.encode()):
        raise ApiError(401, "invalid metrics token")
    return Response("".join(_lines(here)), mimetype=_TEXT, content_type=_TEXT)


def _lines(here: Service) -> Iterator[str]:
    yield from _metric("drengr_build_info", "gauge", "Which version answers.", [("", {"version": __version__}, 1)])
    yield from _memory()
    try:
        yield from _database(here)
    except (StoreError, OSError) as error:
        faults.warning("/metrics leaves out what the database counts: %s", error)


def _memory() -> Iterator[str]:
    yield from _metric(
        "drengr_http_requests_total", "counter", "Requests answered, by door and status.",
        [("", {"door": door, "code": code}, number) for door, code, number in measures.requests()],
    )  # fmt: skip
    yield from _metric(
        "drengr_requests_refused_total", "counter", "Requests refused with nothing read.",
        [("", {"door": door, "reason": reason}, number) for door, reason, number in measures.refusals()],
    )  # fmt: skip
    yield from _metric(
        "drengr_http_request_duration_seconds", "histogram", "From the request's body to its answer.",
        [sample for door, taken in measures.durations() for sample in _samples({"door": door}, taken)],
    )  # fmt: skip
    yield from _metric(
        "drengr_commit_duration_seconds", "histogram", "Transactions, from their turn to the end of their flush.",
        _samples({}, measures.commits()),
    )  # fmt: skip


def _database(here: Service) -> Iterator[str]:
    uuids = {project.id: project.uuid for project in here.store.projects()}
    totals: dict[tuple[str, str], dict[str, int]] = {}
    newest: dict[tuple[str, str], int] = {}
    for line in here.store.ledger(None, -_ALWAYS, _ALWAYS):
        if line.project_id != NO_PROJECT and line.project_id in uuids:
            _add(totals, newest, (uuids[line.project_id], line.door), line)
    for name in ("received", "stored", "duplicates"):
        yield from _metric(
            f"drengr_events_{name}_total", "counter", f"Rows {name}, by the ledger.",
            [("", _of(key), counts[name]) for key, counts in totals.items()],
        )  # fmt: skip
    yield from _metric(
        "drengr_events_dropped_total", "counter", "Rows that are no event, by the ledger.",
        [("", _of(key) | {"reason": reason}, counts[f"dropped_{reason}"]) for key, counts in totals.items()
         for reason in DROPPED],
    )  # fmt: skip
    yield from _metric(
        "drengr_last_event_timestamp_seconds", "gauge", "When the newest event was received.",
        [("", _of(key), at / 1000) for key, at in newest.items()],
    )  # fmt: skip
    condition = here.store.condition()
    yield from _metric(
        "drengr_database_bytes", "gauge", "Size on disk.",
        [("", {"file": file}, size) for file, size in condition.bytes.items()],
    )  # fmt: skip
    if condition.disk_free_bytes is not None:
        yield from _metric(
            "drengr_disk_free_bytes", "gauge", "Room on its disk.", [("", {}, condition.disk_free_bytes)]
        )
    yield from _metric(
        "drengr_backup_last_success_timestamp_seconds", "gauge", "When the last backup was proved good; 0: never.",
        [("", {}, condition.last_backup_at / 1000)],
    )  # fmt: skip


def _add(
    totals: dict[tuple[str, str], dict[str, int]],
    newest: dict[tuple[str, str], int],
    key: tuple[str, str],
    line: LedgerDay,
) -> None:
    counts = totals.setdefault(key, dict.fromkeys(line.counts, 0))
    for name, number in line.counts.items():
        counts[name] += number
    if line.last_received_at is not None:
        newest[key] = max(newest.get(key, 0), line.last_received_at)


def _of(key: tuple[str, str]) -> dict[str, str]:
    return {"project": key[0], "door": key[1]}


def _samples(labels: dict[str, str], taken: Histogram) -> list[Sample]:
    bounds = [*(f"{bound:g}" for bound in taken.bounds), "+Inf"]
    buckets: list[Sample] = [
        ("_bucket", labels | {"le": bound}, number) for bound, number in zip(bounds, taken.cumulative, strict=True)
    ]
    return [*buckets, ("_sum", labels, taken.sum_s), ("_count", labels, taken.cumulative[-1])]


def _metric(name: str, kind: str, meaning: str, samples: Iterable[Sample]) -> Iterator[str]:
    """One metric as text. No label of ours needs escaping: they are closed lists, UUIDs and a version."""
    yield f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n"
    for suffix, labels, value in samples:
        words = ",".join(f'{label}="{text}"' for label, text in labels.items())
        yield f"{name}{suffix}{{{words}}} {value!r}\n" if words else f"{name}{suffix} {value!r}\n"
