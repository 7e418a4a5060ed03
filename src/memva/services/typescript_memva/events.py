"""The events of a TypeScript Memva's database: which session, and which ids, they get here."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import attrs

from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.job_page import JobQuery
from memva.domain.line import project_key
from memva.domain.ports import Store
from memva.domain.session import Session
from memva.domain.typescript_memva.database import DatabaseRow, MemvaDatabase
from memva.domain.typescript_memva.event_rows import (
    event_of_request,
    event_of_row,
    read_event,
    session_of_request,
    unknown_claude_session,
    uuid_of,
)
from memva.services.deletions import Deletions
from memva.services.lookups import event_or_none, session_or_none

_PARENTS_KEPT: Final = 10_000
_MOVED_AT_ONCE: Final = 500

Tell: TypeAlias = Callable[[DatabaseRow, str], None]


class SessionDeleted(Exception):
    """What is to be imported belongs to a session that was deleted."""


class DatabaseEvents:
    """Makes events of rows, one after the other, inside the transaction that stores them."""

    def __init__(
        self, store: Store, source: MemvaDatabase, deletions: Deletions, problem: Tell
    ) -> None:
        self._store = store
        self._source = source
        self._deletions = deletions
        self._problem = problem
        self._first: Mapping[str, str] = source.first_claude_sessions()
        self._latest: dict[str, str] = {}
        self._claimed: dict[str, str] = {}
        self._uuids: dict[str, str] = {}
        self._missing: set[str] = set()
        self._adopted: set[str] = set()

    def has_conversation(self, session_id: object) -> bool:
        """Tell whether a session has events of a session of Claude Code's."""
        return session_id in self._first

    def claim(self, claude_session_id: str, session_id: str) -> None:
        """Have a session get the events of Claude Code's session that themselves name none.

        Where several claim it, the first gets them.
        """
        self._claimed.setdefault(claude_session_id, session_id)

    def event(self, row: DatabaseRow) -> Event:
        """Return the event of a row.

        Raises:
            SessionDeleted: Its session was deleted.
            InvalidValue: It has no uuid, or no time that can be read.
        """
        read = read_event(row)
        claude_session_id = read.claude_session_id
        named = read.memva_session_id or self._claimed.get(claude_session_id or "")
        if claude_session_id is None:
            key = Transcript(project_key(read.cwd), unknown_claude_session(named), "")
            claude_session_id = self._claude_session(
                named, EventKey(key, read.uuid), self._latest.get(named or "")
            )
        elif named is not None:
            self._latest[named] = claude_session_id
        self._remember(read.row_uuid, read.uuid)
        session_id = self._wanted(row, named, claude_session_id)
        event = event_of_row(
            read,
            claude_session_id=claude_session_id,
            memva_session_id=session_id,
            parent_uuid=self._parent(read.parent_uuid),
        )
        for reason in read.columns.problems:
            self._problem(row, reason)
        if session_id is not None:
            self._adopt(claude_session_id, session_id)
        return event

    def permission_request(self, row: DatabaseRow) -> Event:
        """Return the event of a permission request.

        Raises:
            SessionDeleted: Its session was deleted.
            InvalidValue: It has no id, or no time that can be read.
        """
        named = session_of_request(row)
        associated = None if named is None else self._store.events.associated_session(named)
        if named is None or associated is None:
            key = Transcript("", unknown_claude_session(named), "")
            claude_session_id = self._claude_session(named, EventKey(key, row.id), None)
        else:
            claude_session_id, named = named, associated
        event, problems = event_of_request(
            row,
            claude_session_id=claude_session_id,
            memva_session_id=self._wanted(row, named, claude_session_id),
        )
        for reason in problems:
            self._problem(row, reason)
        return event

    def session_of(self, session_id: str) -> str | None:
        """Return this id where there is such a session, else None.

        Raises:
            SessionDeleted: It was deleted.
        """
        self._deletions.meet(session_id)
        if self._deletions.leave_out(session_id):
            raise SessionDeleted
        return None if session_or_none(self._store, session_id) is None else session_id

    def session_named(self, name: str) -> str | None:
        """Return the session with this id, or the one that Claude Code's with this id is in.

        Raises:
            SessionDeleted: It was deleted.
        """
        return self.session_of(name) or self._store.events.associated_session(name)

    def _wanted(self, row: DatabaseRow, named: str | None, claude_session_id: str) -> str | None:
        """Return the session that a row goes to, or None where it goes to none."""
        session_id = None if named is None else self.session_of(named)
        self._deletions.meet(claude_session_id)
        if self._deletions.leave_out(claude_session_id):
            raise SessionDeleted
        if named is not None and session_id is None and named not in self._missing:
            self._missing.add(named)
            self._problem(row, "its session is not there; such rows are kept without one")
        return session_id

    def _claude_session(self, named: str | None, unknown: EventKey, latest: str | None) -> str:
        """Return the session of Claude Code's of a row that names none.

        That is the one before it in its session, or the first there. Where there was none when the
        row was imported first, it stays as it was.
        """
        known = latest or self._first.get(named or "")
        if known is None or event_or_none(self._store, unknown) is not None:
            return unknown.transcript.session_id
        return known

    def _parent(self, row_uuid: str | None) -> str | None:
        """Return the uuid that the event of a row has here, whose uuid there is given."""
        if row_uuid is None:
            return None
        if row_uuid not in self._uuids:
            row = self._source.event(row_uuid)
            self._remember(row_uuid, row_uuid if row is None else uuid_of(row))
        return self._uuids[row_uuid]

    def _remember(self, row_uuid: str, uuid: str) -> None:
        self._uuids[row_uuid] = uuid
        if len(self._uuids) > _PARENTS_KEPT:
            del self._uuids[next(iter(self._uuids))]

    def _adopt(self, claude_session_id: str, session_id: str) -> None:
        """Have a conversation's events come to the session that the database says they are of.

        They do where an import of transcripts has made a session for them, and nobody has made
        anything of that since. It is empty then, and goes.
        """
        if claude_session_id in self._adopted:
            return
        self._adopted.add(claude_session_id)
        holder = self._store.events.associated_session(claude_session_id)
        if holder != claude_session_id or holder == session_id:
            return
        session = self._store.sessions.get(holder)
        if not _is_imports_own(session) or self._has_jobs(holder):
            return
        self._move(claude_session_id, session_id)
        mine = self._store.sessions.get(session_id)
        if mine.title is None and session.title is not None:
            self._store.sessions.update(
                attrs.evolve(mine, title=session.title, title_origin=session.title_origin)
            )
        if not self._store.events.page(EventQuery(memva_session_id=holder), limit=1).events:
            self._store.sessions.delete(holder)

    def _move(self, claude_session_id: str, session_id: str) -> None:
        query = EventQuery(memva_session_id=claude_session_id, session_id=claude_session_id)
        while events := self._store.events.page(query, limit=_MOVED_AT_ONCE).events:
            uuids = {event.uuid for event in events}
            self._store.events.associate(uuids, session_id, session_id=claude_session_id)

    def _has_jobs(self, session_id: str) -> bool:
        return bool(self._store.jobs.find(JobQuery(memva_session_id=session_id), limit=1).jobs)


def _is_imports_own(session: Session) -> bool:
    return (
        (session.title is None or session.title_origin != "host")
        and session.metadata is None
        and session.archived_at is None
    )
