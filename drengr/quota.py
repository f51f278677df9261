"""The day's live usage against the quota (contract 4). It fails open: a metering fault lets events in."""

from drengr.sparing_log import faults
from drengr.store import FAULTS
from drengr.store.database import Database
from drengr.store.write import DAY_MS


def is_exceeded(database: Database, project_id: int, now_ms: int, quota: int) -> bool:
    """Whether the project already stored `quota` events or more through the acceptor on this UTC day."""
    try:
        used = database.read(
            "SELECT events FROM live_usage WHERE project_id = ? AND day = ?", (project_id, now_ms // DAY_MS)
        )
    except FAULTS as fault:
        faults.warning("The daily quota cannot be read (%s); events are let in.", fault)
        return False
    return (used[0][0] if used else 0) >= quota
