"""Make, recognise and hash API keys (contract 1). Pure: where they are kept is the store's business."""

import secrets
from hashlib import sha256

KINDS = {"publishable": "drengr_pk_", "secret": "drengr_sk_"}
HINT_LENGTH = len("drengr_pk_") + 6  # enough to tell keys apart in a list, too few to be used


def new_key(kind: str) -> str:
    """A fresh key, 192 random bits, URL-safe.

    kind    "publishable" | "secret"
    """
    return KINDS[kind] + secrets.token_urlsafe(24)


def key_hash(key: str) -> bytes:
    """The only form in which a key is stored: 32 bytes. The key is random and long, so a plain hash is enough."""
    return sha256(key.encode("utf-8", "replace")).digest()


def key_hint(key: str) -> str:
    """The first characters of a key, for lists."""
    return key[:HINT_LENGTH] + "…"


def bearer(header: str | None) -> str | None:
    """The key in an Authorization header, or None.

    >>> bearer("Bearer drengr_sk_x"), bearer("Basic abc")
    ('drengr_sk_x', None)
    """
    scheme, _, key = (header or "").partition(" ")
    return key.strip() if scheme.lower() == "bearer" and key.strip() else None
