"""Who is signed in to the page, and the links that sign in (contract 12). Of what a cookie or a link holds, only the
hash is kept; every look-up asks the database, so a session ends at once in every worker.
"""

import secrets
from collections.abc import Sequence

from drengr.events.times import DAY_MS
from drengr.keys import key_hash
from drengr.store.clock import now_ms
from drengr.store.projects import STILL_GOOD
from drengr.store.results import Project, Session
from drengr.store.sql import Reader, Statements, Writer

IDLE_MS = 30 * DAY_MS  # a session ends when it was not used for so long
LINK_MS = 10 * 60 * 1000  # a link that nobody used

_GOOD_SECRET_KEY = f"""
SELECT k.id, k.project_id FROM api_keys AS k WHERE k.key_hash = ? AND k.kind = 'secret' AND {STILL_GOOD}
"""
_SESSIONS = f"""
SELECT s.id, s.kind, s.created_at, s.last_used_at, k.id, k.hint, p.id, p.uuid, p.name
FROM sessions AS s
JOIN session_projects AS o ON o.session_id = s.id
JOIN projects AS p ON p.id = o.project_id
LEFT JOIN api_keys AS k ON k.id = o.key_id
WHERE s.kind <> 'unused_link' AND s.last_used_at > ? AND {STILL_GOOD}
"""
_USE_LINK = """
UPDATE sessions SET kind = 'link', token_hash = ?, created_at = ?, last_used_at = ?
WHERE token_hash = ? AND kind = 'unused_link' AND created_at > ? RETURNING id
"""
_KEEP_OPEN = """
INSERT INTO session_projects (session_id, project_id, key_id)
SELECT ?, o.project_id, o.key_id FROM session_projects AS o JOIN sessions AS s ON s.id = o.session_id
WHERE s.token_hash = ? AND s.kind <> 'unused_link' AND s.last_used_at > ?
ON CONFLICT (session_id, project_id) DO NOTHING
"""


def secret(database: Reader) -> bytes:
    """What the page signs its cookies with."""
    return bytes(database.read("SELECT secret FROM signing")[0][0])


def make_link(commits: Writer, project_ids: Sequence[int], at_ms: int) -> str:
    """What a new link holds, which opens these projects: once, within ten minutes."""
    token = _new_token()

    def write(connection: Statements) -> None:
        session_id = _insert(connection, "unused_link", token, at_ms)
        connection.executemany(
            "INSERT INTO session_projects (session_id, project_id) VALUES (?, ?)",
            [(session_id, project_id) for project_id in project_ids],
        )

    commits.run(write)
    return token


def begin_by_link(commits: Writer, link: str, earlier: str | None, at_ms: int) -> str | None:
    """The token of a new session that the link opens; None when it was used, is too old, or never was one.

    earlier  the token of the session that the browser has: what it opens stays open, in the new one
    """
    token = _new_token()

    def write(connection: Statements) -> str | None:
        parameters = (key_hash(token), at_ms, at_ms, key_hash(link), at_ms - LINK_MS)
        used = connection.execute(_USE_LINK, parameters).fetchall()
        if not used:
            return None
        _take_over(connection, used[0][0], earlier, at_ms)
        return token

    return commits.run(write)


def begin_by_key(commits: Writer, key: str, earlier: str | None, at_ms: int) -> str | None:
    """The same of a secret key; None when it opens nothing."""
    token = _new_token()

    def write(connection: Statements) -> str | None:
        good = connection.execute(_GOOD_SECRET_KEY, (key_hash(key), now_ms())).fetchall()
        if not good:
            return None
        key_id, project_id = good[0]
        session_id = _insert(connection, "key", token, at_ms)
        connection.execute(
            "INSERT INTO session_projects (session_id, project_id, key_id) VALUES (?, ?, ?)",
            (session_id, project_id, key_id),
        )
        _take_over(connection, session_id, earlier, at_ms)
        return token

    return commits.run(write)


def session_of(database: Reader, token: str, at_ms: int) -> Session | None:
    """The session with this token; None when it ended."""
    rows = database.read(
        f"{_SESSIONS} AND s.token_hash = ? ORDER BY p.name", (at_ms - IDLE_MS, now_ms(), key_hash(token))
    )
    return _sessions(rows)[0] if rows else None


def sessions_of(database: Reader, project_id: int, at_ms: int) -> list[Session]:
    """The sessions that open this project, last used first; of what else they open nothing is said."""
    rows = database.read(
        f"{_SESSIONS} AND p.id = ? ORDER BY s.last_used_at DESC, s.id DESC", (at_ms - IDLE_MS, now_ms(), project_id)
    )
    return _sessions(rows)


def note_use(commits: Writer, session_id: int, at_ms: int) -> None:
    """The session was used."""
    statement = "UPDATE sessions SET last_used_at = ? WHERE id = ? AND last_used_at < ?"
    commits.run(lambda connection: connection.execute(statement, (at_ms, session_id, at_ms)))


def end(commits: Writer, token: str) -> None:
    """This session is over."""
    commits.run(lambda connection: connection.execute("DELETE FROM sessions WHERE token_hash = ?", (key_hash(token),)))


def end_all(commits: Writer, project_id: int) -> None:
    """Every session that opens this project is over, and so is every unused link to it."""
    commits.run(lambda connection: end_of_project(connection, project_id))


def end_of_project(connection: Statements, project_id: int) -> None:
    """The same in the caller's transaction."""
    statement = "DELETE FROM sessions WHERE id IN (SELECT session_id FROM session_projects WHERE project_id = ?)"
    connection.execute(statement, (project_id,))


def _new_token() -> str:
    return secrets.token_urlsafe(24)


def _insert(connection: Statements, kind: str, token: str, at_ms: int) -> int:
    """The id of a new session or link; those that ended go."""
    connection.execute(
        "DELETE FROM sessions WHERE last_used_at <= ? OR (kind = 'unused_link' AND created_at <= ?)",
        (at_ms - IDLE_MS, at_ms - LINK_MS),
    )
    made = connection.execute(
        "INSERT INTO sessions (kind, token_hash, created_at, last_used_at) VALUES (?, ?, ?, ?) RETURNING id",
        (kind, key_hash(token), at_ms, at_ms),
    ).fetchall()
    return int(made[0][0])


def _take_over(connection: Statements, session_id: int, earlier: str | None, at_ms: int) -> None:
    """What the earlier session opens, this one opens; the earlier one is over."""
    if earlier is not None:
        digest = key_hash(earlier)
        connection.execute(_KEEP_OPEN, (session_id, digest, at_ms - IDLE_MS))
        kinds = connection.execute(
            "DELETE FROM sessions WHERE token_hash = ? AND kind <> 'unused_link' RETURNING kind", (digest,)
        ).fetchall()
        if kinds == [("link",)]:
            connection.execute("UPDATE sessions SET kind = 'link' WHERE id = ?", (session_id,))


def _sessions(rows: Sequence[tuple[object, ...]]) -> list[Session]:
    found: dict[object, Session] = {}
    for row in rows:
        session_id, kind, created_at, last_used_at, key_id, hint, *project = row
        session = found.setdefault(
            session_id, Session(session_id, kind, created_at, last_used_at, key_id, hint, [])  # type: ignore[arg-type]
        )
        session.projects.append(Project(*project))  # type: ignore[arg-type]
    return list(found.values())
