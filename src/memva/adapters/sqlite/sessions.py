"""Sessions in SQLite."""

from __future__ import annotations

from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.errors import is_duplicate
from memva.adapters.sqlite.queue import Queue
from memva.adapters.sqlite.rows import (
    SESSION_COLUMNS,
    placeholders,
    probe,
    session_from_row,
    session_row,
)
from memva.adapters.sqlite.sequences import Sequences
from memva.adapters.sqlite.transactions import Transactions
from memva.domain.errors import SessionExists, SessionNotFound, StoreError
from memva.domain.event import Transcript
from memva.domain.session import Session

_INSERT: Final = (
    f"INSERT INTO sessions ({SESSION_COLUMNS}) VALUES ({placeholders(SESSION_COLUMNS)})"
)
_SELECT: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE id = ?"
_UPDATE: Final = f"""
    UPDATE sessions SET ({SESSION_COLUMNS}) = ({placeholders(SESSION_COLUMNS)}) WHERE id = ?
"""
_FIND: Final = f"""
    SELECT {SESSION_COLUMNS} FROM sessions
    WHERE :include_archived OR archived_at IS NULL
    ORDER BY updated_at DESC, id DESC LIMIT :limit
"""
_TRANSCRIPTS: Final = """
    SELECT DISTINCT project_key, session_id, subpath FROM events WHERE memva_session_id = ?
"""
_DELETE_CURSORS: Final = f"""
    DELETE FROM transcript_cursors
    WHERE (project_key, session_id, subpath) IN ({_TRANSCRIPTS})
"""
_KEYS: Final = """
    SELECT DISTINCT concurrency_key FROM jobs
    WHERE memva_session_id = ? AND concurrency_key IS NOT NULL
"""
_IS_THERE: Final = "SELECT 1 FROM sessions WHERE id = ?"
_DELETE: Final = "DELETE FROM sessions WHERE id = ?"


class SqliteSessions:
    """The sessions of a SQLite store; `memva.domain.ports.SessionRepository` says what it does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def add(self, session: Session, /) -> None:
        """Store a new session."""
        row = session_row(session)
        with self._transactions.writing() as connection:
            try:
                connection.run(_INSERT, row)
            except StoreError as error:
                if is_duplicate(error):
                    raise SessionExists(session.id) from error
                raise

    def get(self, session_id: str, /) -> Session:
        """Return the session with this id."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (probe(session_id),))
        if not rows:
            raise SessionNotFound(session_id)
        return session_from_row(rows[0])

    def update(self, session: Session, /) -> None:
        """Store `session` in place of the one with its id."""
        row = session_row(session)
        with self._transactions.writing() as connection:
            if not connection.run(_UPDATE, (*row, session.id)):
                raise SessionNotFound(session.id)

    def find(self, *, include_archived: bool = False, limit: int | None = None) -> list[Session]:
        """Return sessions, the last updated first."""
        narrowing = {"include_archived": include_archived, "limit": -1 if limit is None else limit}
        with self._transactions.reading() as connection:
            rows = connection.rows(_FIND, narrowing)
        return [session_from_row(row) for row in rows]

    def delete(self, session_id: str, /) -> None:
        """Delete a session with its events, its jobs and the cursors of its transcripts."""
        with self._transactions.writing() as connection:
            transcripts = connection.rows(_TRANSCRIPTS, (probe(session_id),))
            keys = connection.rows(_KEYS, (probe(session_id),))
            connection.run(_DELETE_CURSORS, (probe(session_id),))
            if not connection.run(_DELETE, (probe(session_id),)):
                raise SessionNotFound(session_id)
            sequences = Sequences(connection)
            for transcript in transcripts:
                sequences.mend(Transcript(*transcript))
            Queue(connection).mend(key for (key,) in keys)


def check_session(connection: Connection, session_id: str) -> None:
    """Raise `SessionNotFound` where there is no session with this id."""
    if not connection.rows(_IS_THERE, (probe(session_id),)):
        raise SessionNotFound(session_id)
