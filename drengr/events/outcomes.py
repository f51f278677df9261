"""What can become of rows and requests: the closed lists of contract 10. Pure."""

DOORS = ("acceptor", "importer", "admin")
DROPPED = ("unreadable", "no_name", "no_id", "bad_time", "too_old", "erased")
CHANGED = ("values_cut", "keys_over_limit", "keys_sensitive", "times_replaced")
REMOVED = ("erased", "expired", "undone", "deleted")
REFUSED = ("bad_key", "not_json", "bad_request", "too_large", "quota", "timeout", "unavailable")

_DOOR_OF_SOURCE = {"amplitude_http": "acceptor", "admin": "admin"}


def door_of(source: str) -> str:
    """The door that events of this source came through.

    >>> door_of("amplitude_http"), door_of("ga4")
    ('acceptor', 'importer')
    """
    return _DOOR_OF_SOURCE.get(source, "importer")
