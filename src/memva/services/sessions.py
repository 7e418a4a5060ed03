"""Creating, reading and changing sessions."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import Enum
from typing import Any, Final, get_args

import attrs

from memva.domain.ids import new_id
from memva.domain.json import JsonObject
from memva.domain.ports import Store
from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort
from memva.domain.text import clean_text
from memva.domain.validation import check_each, check_limit


class Unchanged(Enum):
    """Stands for a field that an update leaves as it is, where None is a value."""

    UNCHANGED = "unchanged"


UNCHANGED: Final = Unchanged.UNCHANGED
"""The default of every field of `update_session`."""


def create_session(
    store: Store,
    *,
    project_path: str,
    title: str | None = None,
    metadata: JsonObject | None = None,
    id: str | None = None,
    now: datetime | None = None,
) -> Session:
    """Store a new session and return it.

    Args:
        store: Where to.
        project_path: The folder that the session works in.
        title: What a list shows for it.
        metadata: Anything the host wants kept with it.
        id: Its id; a new UUID where None.
        now: The present moment; the store's clock where None.

    Raises:
        SessionExists: The id is taken.
        InvalidValue: A field has a value that it cannot have.
    """
    now = store.now() if now is None else now
    session = Session(
        id=new_id() if id is None else id,
        title=_clean(title),
        created_at=now,
        updated_at=now,
        project_path=clean_text(project_path),
        metadata=metadata,
    )
    store.sessions.add(session)
    return session


def get_session(store: Store, session_id: str) -> Session:
    """Return the session with this id.

    Raises:
        SessionNotFound: There is none.
    """
    return store.sessions.get(session_id)


def list_sessions(
    store: Store,
    *,
    status: SessionStatus | Collection[SessionStatus] | None = None,
    claude_status: ClaudeStatus | Collection[ClaudeStatus] | None = None,
    archived: bool | None = False,
    project_path: str | None = None,
    title: str | None = None,
    sort: SessionSort = "updated_at",
    ascending: bool = False,
    after: SessionCursor | None = None,
    limit: int | None = None,
) -> SessionPage:
    """Return a page of sessions, the last updated first; iterating over it gives them.

    Ties go by id, the higher first. Sessions without a title come after the others in a list that
    is sorted by title, whatever its direction.

    Args:
        store: Where from.
        status: Those with this status, or with one of these, alone.
        claude_status: Those in which Claude Code has this status, or one of these, alone.
        archived: False for those that were not put away, True for those that were, None for all.
        project_path: Those that work in exactly this folder alone.
        title: Those with this text somewhere in the title alone, whatever the case.
        sort: What they are sorted by: `updated_at`, `created_at` or `title`.
        ascending: Whether the earliest, or the first in the alphabet, comes first.
        after: The `next` of the page before this one, in the same order; None for the first page.
        limit: How many at most; all where None.

    Raises:
        InvalidValue: An argument has a value that it cannot have.
    """
    check_limit(limit)
    check_each("sort", [sort], get_args(SessionSort))
    statuses = [status] if isinstance(status, str) else status
    check_each("status", statuses or (), get_args(SessionStatus))
    claude_statuses = [claude_status] if isinstance(claude_status, str) else claude_status
    check_each("claude_status", claude_statuses or (), get_args(ClaudeStatus))
    query = SessionQuery(
        statuses=statuses,
        claude_statuses=claude_statuses,
        archived=archived,
        project_path=_clean(project_path),
        title=_clean(title),
    )
    return store.sessions.find(query, sort=sort, ascending=ascending, after=after, limit=limit)


def update_session(
    store: Store,
    session_id: str,
    *,
    title: str | Unchanged | None = UNCHANGED,
    status: SessionStatus | Unchanged = UNCHANGED,
    project_path: str | Unchanged = UNCHANGED,
    metadata: JsonObject | Unchanged | None = UNCHANGED,
    claude_status: ClaudeStatus | Unchanged = UNCHANGED,
    now: datetime | None = None,
) -> Session:
    """Change the fields that are given, leave the others, and return the session.

    Two callers who change different fields at once both keep their change. `metadata` is replaced
    as a whole. A title that is given here is the host's, which no import replaces; None leaves it
    to the next import that finds something new.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: A field has a value that it cannot have.
    """
    given = {
        "title": title if isinstance(title, Unchanged) else _clean(title),
        "status": status,
        "project_path": (
            project_path if isinstance(project_path, Unchanged) else clean_text(project_path)
        ),
        "metadata": metadata,
        "claude_status": claude_status,
    }
    changes: dict[str, Any] = {name: new for name, new in given.items() if new is not UNCHANGED}
    if "title" in changes:
        changes["title_origin"] = "host"
    with store.transaction():
        session = store.sessions.get(session_id)
        if changes:
            now = store.now() if now is None else now
            session = attrs.evolve(session, updated_at=now, **changes)
            store.sessions.update(session)
    return session


def archive_session(store: Store, session_id: str, *, now: datetime | None = None) -> Session:
    """Put a session away, so that lists leave it out, and return it; nothing of it is deleted.

    One that was put away before keeps its moment.

    Raises:
        SessionNotFound: There is no session with this id.
    """
    with store.transaction():
        before = store.sessions.get(session_id)
        session = before.archived(now=store.now() if now is None else now)
        if session is not before:
            store.sessions.update(session)
    return session


def delete_session(store: Store, session_id: str) -> None:
    """Delete a session with its events, its jobs and the cursors of its transcripts.

    That is remembered: a later import leaves its transcripts out, unless it is told to `restore`
    what was deleted. Creating a session with its id, or recording events of the same session of
    Claude Code's, is allowed and does not bring back what was deleted.

    Raises:
        SessionNotFound: There is no session with this id.
    """
    store.sessions.delete(session_id)


def _clean(text: str | None) -> str | None:
    return None if text is None else clean_text(text)
