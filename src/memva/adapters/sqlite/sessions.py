"""Sessions in SQLite."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.counting import counting
from memva.adapters.sqlite.deletions import (
    forget_deletion,
    is_deletion_remembered,
    remember_deletions,
    remembered_deletions,
)
from memva.adapters.sqlite.errors import is_duplicate
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.queue import Queue
from memva.adapters.sqlite.rows import SESSION_COLUMNS, placeholders, session_from_row, session_row
from memva.adapters.sqlite.search_index import SearchIndex
from memva.adapters.sqlite.sequences import Sequences
from memva.adapters.sqlite.transactions import Transactions
from memva.adapters.sqlite.transcripts import shorten_transcripts
from memva.domain.errors import SessionExists, SessionNotFound, StoreError
from memva.domain.event import Transcript
from memva.domain.json import encode_json
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort
from memva.domain.text import folded

_INSERT: Final = (
    f"INSERT INTO sessions ({SESSION_COLUMNS}) VALUES ({placeholders(SESSION_COLUMNS)})"
)
_SELECT: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE id = ?"
# Were the id among them, SQLite would look at every row that refers to it.
_CHANGING: Final = SESSION_COLUMNS.removeprefix("id, ")
_UPDATE: Final = f"UPDATE sessions SET ({_CHANGING}) = ({placeholders(_CHANGING)}) WHERE id = ?"
_FIND: Final = f"""
    SELECT {SESSION_COLUMNS} FROM sessions WHERE {{narrowing}} ORDER BY {{order}} LIMIT ?
"""
_FOLDED_TITLE: Final = "folded(title)"
_TITLE: Final = "instr(folded(coalesce(title, '')), ?)"
_UNTITLED_AFTER: Final = "title IS NULL AND id {beyond} ?"
_TITLED_AFTER: Final = f"(title IS NULL OR ({_FOLDED_TITLE}, id) {{beyond}} (?, ?))"
_AFTER: Final = "({column}, id) {beyond} (?, ?)"
_TRANSCRIPTS: Final = """
    SELECT DISTINCT project_key, session_id, subpath FROM events WHERE memva_session_id = ?
"""
_POSITIONS: Final = "SELECT position FROM events WHERE memva_session_id = ?"
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
_GOES_ON: Final = """
    SELECT 1 FROM events WHERE session_id = ? AND memva_session_id IS NOT NULL LIMIT 1
"""


class SqliteSessions:
    """The sessions of a SQLite store; `memva.domain.ports.SessionRepository` says what it does."""

    def __init__(
        self, transactions: Transactions, clock: Callable[[], datetime], search: SearchIndex
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._search = search

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
        id_, *changing = session_row(session)
        with self._transactions.writing() as connection:
            if not connection.run(_UPDATE, (*changing, id_)):
                raise SessionNotFound(session.id)

    def find(
        self,
        query: SessionQuery,
        /,
        *,
        sort: SessionSort = "updated_at",
        ascending: bool = False,
        after: SessionCursor | None = None,
        limit: int | None = None,
    ) -> SessionPage:
        """Return the first sessions of `query`, in order, that follow the cursor `after`."""
        sql, values = _finding(query, sort, ascending=ascending, after=after)
        with self._transactions.reading() as connection:
            rows = connection.rows(sql, (*values, -1 if limit is None else probe_number(limit + 1)))
        sessions = [session_from_row(row) for row in rows[:limit]]
        more = len(rows) > len(sessions)
        return SessionPage(sessions, SessionCursor.of(sessions[-1], sort) if more else None)

    def delete(self, session_id: str, /) -> None:
        """Delete a session with its events, its jobs and its cursors, and remember that."""
        with self._transactions.writing() as connection:
            rows = connection.rows(_TRANSCRIPTS, (probe(session_id),))
            transcripts = [Transcript(*row) for row in rows]
            keys = connection.rows(_KEYS, (probe(session_id),))
            positions = connection.rows(_POSITIONS, (probe(session_id),))
            self._search.removing(connection, [position for (position,) in positions])
            connection.run(_DELETE_CURSORS, (probe(session_id),))
            if not connection.run(_DELETE, (probe(session_id),)):
                raise SessionNotFound(session_id)
            lost = {transcript.session_id for transcript in transcripts}
            if not connection.rows(_GOES_ON, (session_id,)):
                lost.add(session_id)
            remember_deletions(connection, sorted(lost), self._clock())
            counting(connection).deleted(session_id)
            sequences = Sequences(connection)
            for transcript in transcripts:
                sequences.mend(transcript)
            shorten_transcripts(connection, transcripts)
            Queue(connection).mend(key for (key,) in keys)

    def is_deleted(self, claude_session_id: str, /) -> bool:
        """Tell whether a session of Claude Code's is remembered as deleted."""
        with self._transactions.reading() as connection:
            return is_deletion_remembered(connection, claude_session_id)

    def forget_deletion(self, claude_session_id: str, /) -> None:
        """Forget that a session of Claude Code's was deleted."""
        with self._transactions.writing(one_statement=True) as connection:
            forget_deletion(connection, claude_session_id)

    def remember_deletion(self, claude_session_id: str, /) -> None:
        """Remember that a session of Claude Code's was deleted, as another store does."""
        with self._transactions.writing() as connection:
            remember_deletions(connection, [claude_session_id], self._clock())

    def deletions(self, *, after: str | None = None, limit: int) -> list[str]:
        """Return the first `limit` sessions of Claude Code's that are remembered as deleted."""
        with self._transactions.reading() as connection:
            return remembered_deletions(connection, after, limit)


def _finding(
    query: SessionQuery, sort: SessionSort, *, ascending: bool, after: SessionCursor | None
) -> tuple[str, list[object]]:
    """Return the statement for a page, and what is bound in it before the limit."""
    conditions, values = _narrowed(query)
    if after is not None:
        condition, place = _following(after, sort, ascending=ascending)
        conditions.append(condition)
        values += place
    narrowing = " AND ".join(conditions) or "TRUE"
    return _FIND.format(narrowing=narrowing, order=_order(sort, ascending=ascending)), values


def _narrowed(query: SessionQuery) -> tuple[list[str], list[object]]:
    """Return the conditions of `query` and the values bound in them."""
    conditions: list[str] = []
    values: list[object] = []
    for name, wanted in (("status", query.statuses), ("claude_status", query.claude_statuses)):
        if wanted is not None:
            conditions.append(f"{name} IN (SELECT value FROM json_each(?))")
            values.append(encode_json(list(wanted), field=name))
    if query.archived is not None:
        conditions.append(f"archived_at IS {'NOT ' if query.archived else ''}NULL")
    if query.project_path is not None:
        conditions.append("project_path = ?")
        values.append(query.project_path)
    if query.title:
        conditions.append(_TITLE)
        values.append(folded(query.title))
    return conditions, values


def _order(sort: SessionSort, *, ascending: bool) -> str:
    direction = "ASC" if ascending else "DESC"
    if sort == "title":
        return f"title IS NULL, {_FOLDED_TITLE} {direction}, id {direction}"
    return f"{sort} {direction}, id {direction}"


def _following(
    after: SessionCursor, sort: SessionSort, *, ascending: bool
) -> tuple[str, list[object]]:
    """Return the condition that what follows `after` meets, and the values bound in it."""
    beyond = ">" if ascending else "<"
    if after.value is None:
        return _UNTITLED_AFTER.format(beyond=beyond), [probe(after.id)]
    condition = _TITLED_AFTER if sort == "title" else _AFTER
    return condition.format(column=sort, beyond=beyond), [probe(after.value), probe(after.id)]


def check_sessions(connection: Connection, session_ids: set[str]) -> None:
    """Raise `SessionNotFound` for the first of these that is not there."""
    for session_id in sorted(session_ids):
        if not connection.rows(_IS_THERE, (probe(session_id),)):
            raise SessionNotFound(session_id)
