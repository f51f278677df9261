"""Proof that the database can be written now (contract 7)."""

import os

from drengr.store.clock import now_ms
from drengr.store.errors import DatabaseError
from drengr.store.sqlite.database import Database
from drengr.store.sqlite.group_commit import GroupCommit

_WRITE = "INSERT OR REPLACE INTO heartbeat (id, written_at, proof) VALUES (1, ?, zeroblob(?))"
_PROOF_BYTES = 8192  # two pages
# A line fits into the room that an earlier, larger -wal left behind when nothing else does. So after a write that the
# disk refused the proof is as large as the largest request, and there must always be room for one.
_LARGE_PROOF_BYTES = 3 << 20
_LEAST_ROOM_BYTES = 4 << 20


def prove_writable(database: Database, commits: GroupCommit) -> None:
    """Write and commit a line. Raises what a client's write would raise now."""
    if commits.disk_refused:
        commits.run(lambda connection: connection.execute(_WRITE, (now_ms(), _LARGE_PROOF_BYTES)))
        commits.disk_refused = False
    commits.run(lambda connection: connection.execute(_WRITE, (now_ms(), _PROOF_BYTES)))
    room = os.statvfs(os.path.dirname(database.path))
    if room.f_bavail * room.f_frsize < _LEAST_ROOM_BYTES:
        raise DatabaseError(f"The disk of {database.path} is full.", "the disk is full")
