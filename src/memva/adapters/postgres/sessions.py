"""Sessions in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.counting import counting
from memva.adapters.postgres.deletions import (
    forget_deletion,
    is_deletion_remembered,
    remember_deletions,
    remembered_deletions,
)
from memva.adapters.postgres.errors import is_duplicate
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.queue import Queue
from memva.adapters.postgres.rows import (
    NEW_SESSION_COLUMNS,
    SESSION_COLUMNS,
    placeholders,
    session_from_row,
    session_row,
)
from memva.adapters.postgres.sequences import Sequences
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.postgres.transcripts import shorten_transcripts
from memva.adapters.probe_number import probe_number
from memva.domain.errors import SessionExists, SessionNotFound, StoreError
from memva.domain.event import Transcript
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort
from memva.domain.text import folded

_INSERT: Final = (
    f"INSERT INTO sessions ({NEW_SESSION_COLUMNS}) VALUES ({placeholders(NEW_SESSION_COLUMNS)})"
)
_SELECT: Final = f"SELECT {SESSION_COLUMNS} FROM sessions WHERE id = %s"
# Whoever refers to the row need not wait meanwhile.
_HOLD: Final = f"{_SELECT} FOR NO KEY UPDATE"
_UPDATE: Final = f"""
    UPDATE sessions SET ({NEW_SESSION_COLUMNS}) = ({placeholders(NEW_SESSION_COLUMNS)})
    WHERE id = %s
"""
_FIND: Final = f"""
    SELECT {SESSION_COLUMNS} FROM sessions WHERE {{narrowing}} ORDER BY {{order}} LIMIT %s
"""
_TITLE: Final = "strpos(coalesce(folded_title, ''), %s) > 0"
_UNTITLED_AFTER: Final = "title IS NULL AND id {beyond} %s"
_TITLED_AFTER: Final = "(title IS NULL OR (folded_title, id) {beyond} (%s, %s))"
_AFTER: Final = "({column}, id) {beyond} (%s, %s)"
_TRANSCRIPTS: Final = """
    SELECT DISTINCT project_key, session_id, subpath FROM events WHERE memva_session_id = %s
"""
_DELETE_CURSORS: Final = f"""
    DELETE FROM transcript_cursors
    WHERE (project_key, session_id, subpath) IN ({_TRANSCRIPTS})
"""
_DELETE_EVENTS: Final = "DELETE FROM events WHERE memva_session_id = %s"
_KEYS: Final = """
    SELECT DISTINCT concurrency_key FROM jobs
    WHERE memva_session_id = %s AND concurrency_key IS NOT NULL
"""
_HOLD_FROM_ALL: Final = "SELECT 1 FROM sessions WHERE id = %s FOR UPDATE"
_HOLD_THERE: Final = """
    SELECT sessions.id FROM unnest(%s::text[]) AS wanted (id)
    JOIN sessions ON sessions.id = wanted.id ORDER BY sessions.id FOR KEY SHARE OF sessions
"""
_DELETE: Final = "DELETE FROM sessions WHERE id = %s"
_GOES_ON: Final = """
    SELECT 1 FROM events WHERE session_id = %s AND memva_session_id IS NOT NULL LIMIT 1
"""


class _KeyCame(Exception):
    """A job came whose key has to be locked, which must not wait while a row is held."""


class PostgresSessions:
    """The sessions of a PostgreSQL store, as `memva.domain.ports.SessionRepository` has them."""

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._clock = clock

    def add(self, session: Session, /) -> None:
        """Store a new session."""
        row = session_row(session)
        try:
            self._transactions.write(lambda on: on.run(_INSERT, row), one_statement=True)
        except StoreError as error:
            if is_duplicate(error):
                raise SessionExists(session.id) from error
            raise

    def get(self, session_id: str, /) -> Session:
        """Return the session with this id."""
        holds = self._transactions.holds()
        with self._transactions.reading(holds=holds) as connection:
            rows = connection.rows(_HOLD if holds else _SELECT, (probe(session_id),))
        if not rows:
            raise SessionNotFound(session_id)
        return session_from_row(rows[0])

    def update(self, session: Session, /) -> None:
        """Store `session` in place of the one with its id."""
        row = (*session_row(session), session.id)
        if not self._transactions.write(lambda on: on.run(_UPDATE, row), one_statement=True):
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
        most = None if limit is None else probe_number(limit + 1)
        with self._transactions.reading() as connection:
            rows = connection.rows(sql, (*values, most))
        sessions = [session_from_row(row) for row in rows[:limit]]
        more = len(rows) > len(sessions)
        return SessionPage(sessions, SessionCursor.of(sessions[-1], sort) if more else None)

    def delete(self, session_id: str, /) -> None:
        """Delete a session with its events, its jobs and its cursors, and remember that."""
        now = self._clock()
        keys: set[str | None] = set()

        def delete(connection: Connection) -> None:
            its = (probe(session_id),)
            queue = Queue(connection, self._transactions.names)
            keys.update(key for (key,) in connection.rows(_KEYS, its))
            queue.lock(keys)
            if not connection.rows(_HOLD_FROM_ALL, its):
                raise SessionNotFound(session_id)
            # While the row is held, no job of the session comes any more.
            if not keys.issuperset(key for (key,) in connection.rows(_KEYS, its)):
                raise _KeyCame
            transcripts = [Transcript(*row) for row in connection.rows(_TRANSCRIPTS, its)]
            connection.run(_DELETE_CURSORS, its)
            connection.run(_DELETE_EVENTS, its)
            connection.run(_DELETE, its)
            lost = {transcript.session_id for transcript in transcripts}
            if not connection.rows(_GOES_ON, its):
                lost.add(session_id)
            remember_deletions(connection, lost, now)
            counting(connection).deleted(session_id)
            sequences = Sequences(connection)
            for transcript in transcripts:
                sequences.mend(transcript)
            shorten_transcripts(connection, transcripts)
            queue.mend(keys)

        names = self._transactions.names
        lock = f"{names.lock_transactions}; {names.lock_feed}"
        while True:
            try:
                return self._transactions.write(delete, lock=lock)
            except _KeyCame:
                continue

    def is_deleted(self, claude_session_id: str, /) -> bool:
        """Tell whether a session of Claude Code's is remembered as deleted."""
        with self._transactions.reading() as connection:
            return is_deletion_remembered(connection, claude_session_id)

    def forget_deletion(self, claude_session_id: str, /) -> None:
        """Forget that a session of Claude Code's was deleted."""
        self._transactions.write(
            lambda on: forget_deletion(on, claude_session_id), one_statement=True
        )

    def remember_deletion(self, claude_session_id: str, /) -> None:
        """Remember that a session of Claude Code's was deleted, as another store does."""
        now = self._clock()
        self._transactions.write(
            lambda on: remember_deletions(on, [claude_session_id], now), one_statement=True
        )

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
            conditions.append(f"{name} = ANY(%s::text[])")
            values.append(list(wanted))
    if query.archived is not None:
        conditions.append(f"archived_at IS {'NOT ' if query.archived else ''}NULL")
    if query.project_path is not None:
        conditions.append("project_path = %s")
        values.append(query.project_path)
    if query.title:
        conditions.append(_TITLE)
        values.append(folded(query.title))
    return conditions, values


def _order(sort: SessionSort, *, ascending: bool) -> str:
    direction = "ASC" if ascending else "DESC"
    if sort == "title":
        return f"title IS NULL, folded_title {direction}, id {direction}"
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
    """Raise `SessionNotFound` for the first of these that is not there; hold the others there."""
    there = {id_ for (id_,) in connection.rows(_HOLD_THERE, (sorted(session_ids),))}
    for session_id in sorted(session_ids - there):
        raise SessionNotFound(session_id)
