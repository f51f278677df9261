"""What PostgreSQL and libpq say, as sentences that name no password, host, user or value (contract 13).

libpq puts the server's address and the user's name into most of its texts, and PostgreSQL the value that it could not
take: neither goes any further than this file.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from psycopg import errors

from drengr.store.errors import Busy, DatabaseError, StoreError, Unreachable

_CANNOT_CONNECT = (  # what is found in libpq's text, in English; another language is told apart by nothing
    ("password authentication failed", "PostgreSQL does not accept the password; check DRENGR_DATABASE."),
    ("no password supplied", "PostgreSQL wants a password; check DRENGR_DATABASE."),
    ("authentication failed", "PostgreSQL does not accept the role; check DRENGR_DATABASE."),
    ("no pg_hba.conf entry", "PostgreSQL lets nobody in from this machine so; see its pg_hba.conf."),
    ("role", "PostgreSQL does not know the role, or it may not log in; check DRENGR_DATABASE."),
    ("database", "PostgreSQL has no database of this name; check DRENGR_DATABASE, or make it with createdb."),
)
_NO_URL = ("invalid integer value", "invalid port number", "invalid URI", "invalid sslmode", "definition of service")
_WILL_PASS = (
    ("too many", "PostgreSQL has no connection left; lower DRENGR_CONNECTIONS or raise its max_connections."),
    ("connection slots", "PostgreSQL has no connection left; lower DRENGR_CONNECTIONS or raise its max_connections."),
    ("starting up", "PostgreSQL is starting up."),
    ("shutting down", "PostgreSQL is shutting down."),
    ("recovery", "PostgreSQL is recovering from a crash."),
    ("read-only", "PostgreSQL is read-only."),
)
_IN_WORDS: dict[type[psycopg.Error], tuple[type[Unreachable] | type[DatabaseError], str, str]] = {
    errors.ReadOnlySqlTransaction: (
        Unreachable,
        "PostgreSQL is read-only: a standby, or frozen by default_transaction_read_only.",
        "the database is read-only",
    ),
    errors.DiskFull: (Unreachable, "PostgreSQL's disk is full.", "the database's disk is full"),
    errors.TooManyConnections: (Unreachable, "PostgreSQL has no connection left.", "the database is busy"),
    errors.InsufficientPrivilege: (
        DatabaseError,
        "The role lacks a right on Drengr's tables; the GRANT lines are in docs/postgresql.md.",
        "the database refuses the service a right that it needs",
    ),
}
_BUSY = (errors.QueryCanceled, errors.LockNotAvailable, errors.DeadlockDetected, errors.SerializationFailure)


def cannot_connect(error: psycopg.Error) -> StoreError:
    """Unreachable when it may pass by itself, DatabaseError when somebody must mend it."""
    text = str(error)
    for said, sentence in _WILL_PASS:
        if said in text:
            return Unreachable(sentence)
    if "FATAL" in text:
        for said, sentence in _CANNOT_CONNECT:
            if said in text.partition("FATAL")[2]:
                return DatabaseError(sentence, "the database refuses the service")
    if isinstance(error, psycopg.ProgrammingError) or any(said in text for said in _NO_URL):
        return DatabaseError("DRENGR_DATABASE is no URL that PostgreSQL's libpq can read.")
    return Unreachable("PostgreSQL cannot be reached.")


@contextmanager
def store_errors() -> Iterator[None]:
    """StoreError in the place of what psycopg raises, whose text names host and user."""
    try:
        yield
    except psycopg.Error as error:
        raise as_store_error(error) from None


def as_store_error(error: psycopg.Error) -> StoreError:
    """What a statement met."""
    if isinstance(error, _BUSY):
        return Busy("the database did not answer in time")
    for kind, (raised, sentence, public) in _IN_WORDS.items():
        if isinstance(error, kind):
            return raised(sentence, public)
    if error.sqlstate is None or error.sqlstate[:2] in ("08", "57", "53"):
        return Unreachable(f"PostgreSQL broke the connection ({_name(error)}).")
    if isinstance(error, errors.UndefinedTable | errors.UndefinedColumn):  # their text names nothing but tables
        return DatabaseError(f"The tables are not as they were made: {error.diag.message_primary}.")
    return StoreError(f"PostgreSQL refuses a statement ({_name(error)}).")


def _name(error: psycopg.Error) -> str:
    return f"{type(error).__name__} {error.sqlstate or ''}".strip()
