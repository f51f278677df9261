"""Pages and static files are sent as gzip to whoever takes it: a list of events shrinks to a tenth."""

import zlib

from flask import Response, request

_TYPES = ("text/html", "text/css", "text/javascript", "image/svg+xml")
_LEAST_BYTES = 1000
_LEVEL = 5


def packed(response: Response) -> Response:
    """The answer, packed where that saves something. Not what a POST is answered, which may hold a new key: the length
    of packed text tells something of what is in it.
    """
    if response.mimetype not in _TYPES or request.method != "GET" or response.is_streamed:
        return response
    response.vary.add("Accept-Encoding")
    if request.accept_encodings["gzip"] > 0 and len(body := response.get_data()) >= _LEAST_BYTES:
        packer = zlib.compressobj(_LEVEL, wbits=31)
        response.set_data(packer.compress(body) + packer.flush())
        response.headers["Content-Encoding"] = "gzip"
    return response
