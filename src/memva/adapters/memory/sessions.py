"""Sessions in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from memva.adapters.memory.content import (
    own,
    with_session,
    without,
    without_jobs,
    without_transcripts,
)
from memva.domain.errors import SessionExists
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemorySessions:
    """The sessions of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def add(self, session: Session, /) -> None:
        session = own(session)
        with self._store.writing() as scope:
            if session.id in scope.content.sessions:
                raise SessionExists(session.id)
            scope.content = with_session(scope.content, session)

    def get(self, session_id: str, /) -> Session:
        content = self._store.content()
        content.check_session(session_id)
        return own(content.sessions[session_id])

    def update(self, session: Session, /) -> None:
        session = own(session)
        with self._store.writing() as scope:
            scope.content.check_session(session.id)
            scope.content = with_session(scope.content, session)

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
        found = [
            (SessionCursor.of(session, sort), session)
            for session in self._store.content().sessions.values()
            if query.matches(session)
        ]
        if after is not None:
            found = [pair for pair in found if pair[0].follows(after, ascending=ascending)]
        found.sort(key=lambda pair: (pair[0].value or "", pair[0].id), reverse=not ascending)
        found.sort(key=lambda pair: pair[0].value is None)
        page = found[:limit]
        return SessionPage(
            sessions=[own(session) for _, session in page],
            next=page[-1][0] if len(found) > len(page) else None,
        )

    def delete(self, session_id: str, /) -> None:
        with self._store.writing() as scope:
            content = scope.content
            content.check_session(session_id)
            shortened = {
                event.transcript
                for event in content.events.values()
                if event.memva_session_id == session_id
            }
            its_jobs = content.jobs.keys() - without(content.jobs, session_id).keys()
            events = without(content.events, session_id)
            deleted = {transcript.session_id for transcript in shortened}
            if not any(
                event.session_id == session_id and event.memva_session_id is not None
                for event in events.values()
            ):
                deleted.add(session_id)
            content = without_transcripts(without_jobs(content, its_jobs), shortened)
            scope.content = attrs.evolve(
                content,
                sessions={k: v for k, v in content.sessions.items() if k != session_id},
                events=events,
                deleted=content.deleted | deleted,
                cursors=without(content.cursors, session_id),
            )

    def is_deleted(self, claude_session_id: str, /) -> bool:
        return claude_session_id in self._store.content().deleted

    def forget_deletion(self, claude_session_id: str, /) -> None:
        with self._store.writing() as scope:
            deleted = scope.content.deleted - {claude_session_id}
            scope.content = attrs.evolve(scope.content, deleted=deleted)

    def remember_deletion(self, claude_session_id: str, /) -> None:
        with self._store.writing() as scope:
            deleted = scope.content.deleted | {claude_session_id}
            scope.content = attrs.evolve(scope.content, deleted=deleted)

    def deletions(self, *, after: str | None = None, limit: int) -> list[str]:
        deleted = sorted(self._store.content().deleted)
        return [name for name in deleted if after is None or name > after][:limit]
