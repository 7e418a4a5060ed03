"""The sessions of Claude Code's that a SQLite store remembers as deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.probes import probe
from memva.domain.time import to_text

_REMEMBER: Final = "INSERT OR REPLACE INTO deleted_sessions (session_id, deleted_at) VALUES (?, ?)"
_IS_DELETED: Final = "SELECT 1 FROM deleted_sessions WHERE session_id = ?"
_FIND: Final = "SELECT session_id FROM deleted_sessions ORDER BY session_id LIMIT ?"
_FIND_AFTER: Final = """
    SELECT session_id FROM deleted_sessions WHERE session_id > ? ORDER BY session_id LIMIT ?
"""
_FORGET: Final = "DELETE FROM deleted_sessions WHERE session_id = ?"


def remember_deletions(
    connection: Connection, session_ids: Iterable[str], deleted_at: datetime
) -> None:
    """Remember that these sessions of Claude Code's were deleted."""
    moment = to_text(deleted_at)
    connection.run_many(_REMEMBER, [(session_id, moment) for session_id in session_ids])


def is_deletion_remembered(connection: Connection, session_id: str) -> bool:
    """Tell whether a session of Claude Code's is remembered as deleted."""
    return bool(connection.rows(_IS_DELETED, (probe(session_id),)))


def forget_deletion(connection: Connection, session_id: str) -> None:
    """Forget that a session of Claude Code's was deleted."""
    connection.run(_FORGET, (probe(session_id),))


def remembered_deletions(connection: Connection, after: str | None, limit: int) -> list[str]:
    """Return the first sessions of Claude Code's that are remembered as deleted, after one."""
    if after is None:
        rows = connection.rows(_FIND, (probe_number(limit),))
    else:
        rows = connection.rows(_FIND_AFTER, (probe(after), probe_number(limit)))
    return [session_id for (session_id,) in rows]
