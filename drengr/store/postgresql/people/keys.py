"""What stands for ids in indexes and marks: an index entry has a limit, an id has none (see schema_postgresql.sql)."""

from hashlib import blake2b, sha256

from drengr.admin.words import is_uuid

_BYTES = 16


def person_key(person: str) -> bytes:
    """The key of a person's id, folded."""
    return sha256(person.encode()).digest()[:_BYTES]


def ids_key(install_id: str | None, external_id: str | None) -> bytes:
    """The key of a pair of ids; two pairs never have the same one.

    >>> ids_key("a", None) != ids_key("a", "") != ids_key(None, "a")
    True
    """
    first = "-:" if install_id is None else f"{len(install_id)}:{install_id}"
    second = "" if external_id is None else f":{external_id}"
    return sha256(f"{first}{second}".encode()).digest()[:_BYTES]


def device_hash(key: bytes, device: str) -> bytes:
    """What stands for a device, by its folded install_id, where the id must not be readable: as in the other store."""
    packed = b"\0" + bytes.fromhex(device.replace("-", "")) if is_uuid(device) else b"\1" + device.encode()
    return blake2b(packed, digest_size=_BYTES, key=key).digest()
