"""The sessions of Claude Code's that a PostgreSQL store remembers as deleted."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.probes import probe
from memva.adapters.probe_number import probe_number

_REMEMBER: Final = """
    INSERT INTO deleted_sessions (session_id, deleted_at)
    SELECT session_id, %s FROM unnest(%s::text[]) AS session_id
    ON CONFLICT (session_id) DO UPDATE SET deleted_at = excluded.deleted_at
"""
_IS_DELETED: Final = "SELECT 1 FROM deleted_sessions WHERE session_id = %s"
_FIND: Final = "SELECT session_id FROM deleted_sessions ORDER BY session_id LIMIT %s"
_FIND_AFTER: Final = """
    SELECT session_id FROM deleted_sessions WHERE session_id > %s ORDER BY session_id LIMIT %s
"""
_FORGET: Final = "DELETE FROM deleted_sessions WHERE session_id = %s"


def remember_deletions(
    connection: Connection, session_ids: Iterable[str], deleted_at: datetime
) -> None:
    """Remember that these sessions of Claude Code's were deleted."""
    connection.run(_REMEMBER, (deleted_at, sorted(session_ids)))


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
