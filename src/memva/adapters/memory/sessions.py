"""Sessions in memory."""

from __future__ import annotations

from typing import TYPE_CHECKING

import attrs

from memva.adapters.memory.content import own, with_session, without, without_jobs
from memva.domain.errors import SessionExists
from memva.domain.session import Session

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

    def find(self, *, include_archived: bool = False, limit: int | None = None) -> list[Session]:
        found = [
            session
            for session in self._store.content().sessions.values()
            if include_archived or session.archived_at is None
        ]
        found.sort(key=lambda session: (session.updated_at, session.id), reverse=True)
        return [own(session) for session in found[:limit]]

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
            scope.content = attrs.evolve(
                without_jobs(content, its_jobs),
                sessions={k: v for k, v in content.sessions.items() if k != session_id},
                events=without(content.events, session_id),
                cursors={
                    source: cursor
                    for source, cursor in without(content.cursors, session_id).items()
                    if cursor.transcript not in shortened
                },
            )
