"""What the first bytes of a request say about the rest of it (pure)."""

import re

MOST_HEAD_BYTES = 64 * 1024
MOST_BODY_BYTES = 1024 * 1024  # the acceptor's limit; larger ones are files, and read as they come

_TELLING = re.compile(rb"\r\n(content-length|transfer-encoding|expect)[ \t]*:[ \t]*([^\r\n]*)", re.IGNORECASE)


def length_of_request(first_bytes: bytes | bytearray) -> int | None:
    r"""Length in bytes of the request that begins so, as far as can be told: when fewer are here, wait for the rest.

    None: it cannot be waited for, because it has no known length, is too large to be kept, or its client waits for
    "100 Continue". What is malformed counts as complete: it will be refused soon enough.

    >>> length_of_request(b"POST /batch HTTP/1.1\r\nContent-Length: 5\r\n\r\n{")
    48
    >>> length_of_request(b"POST /batch HTTP/1.1\r\nContent-Le")  # at least one byte more
    33
    >>> length_of_request(b"POST /batch HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n")
    """
    end = first_bytes.find(b"\r\n\r\n")
    if end < 0:
        return len(first_bytes) + 1 if len(first_bytes) < MOST_HEAD_BYTES else len(first_bytes)
    length = 0
    for name, value in _TELLING.findall(first_bytes, 0, end):
        if name.lower() != b"content-length":
            return None
        digits = value.strip()
        if digits.isdigit():
            length = int(digits) if len(digits) < 20 else MOST_BODY_BYTES + 1
    return end + 4 + length if length <= MOST_BODY_BYTES else None
