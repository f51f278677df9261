"""Which devices ever had two users: a mark that outlives their events, and does not give the id away (contract 8)."""

import sqlite3
from hashlib import blake2b

_MARK = "INSERT INTO shared_devices (project_id, device) VALUES (?, ?) ON CONFLICT DO NOTHING"
_ANY = "SELECT 1 FROM shared_devices LIMIT 1"
_IS_MARKED = "SELECT 1 FROM shared_devices WHERE project_id = ? AND device = ?"


def device_hash(key: bytes, device: str | bytes) -> bytes:
    """What stands for a device in shared_devices.

    device  its install_id, packed and folded
    """
    told_apart = b"\0" + device if isinstance(device, bytes) else b"\1" + device.encode()
    return blake2b(told_apart, digest_size=16, key=key).digest()


def mark_shared(connection: sqlite3.Connection, project_id: int, device: str | bytes) -> None:
    """The device has had two users."""
    connection.execute(_MARK, (project_id, device_hash(hash_key(connection), device)))


class Marks:
    """The marks that one transaction looks for."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        self._key: bytes | None = None
        self._there_are_any = True

    def has(self, project_id: int, device: str | bytes) -> bool:
        """Whether the device ever had two users."""
        if self._key is None:
            self._key = hash_key(self._connection)
            self._there_are_any = self._connection.execute(_ANY).fetchone() is not None
        if not self._there_are_any:
            return False
        marked = (project_id, device_hash(self._key, device))
        return self._connection.execute(_IS_MARKED, marked).fetchone() is not None


def hash_key(connection: sqlite3.Connection) -> bytes:
    """The key that lies in the file."""
    (key,) = connection.execute("SELECT key FROM hash_key").fetchone()
    return bytes(key)
