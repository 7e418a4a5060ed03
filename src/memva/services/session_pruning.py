"""Deleting old sessions."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

import attrs

from memva.domain.abilities import CountingStore
from memva.domain.errors import InvalidValue
from memva.domain.job_page import JobQuery
from memva.domain.session import Session, SessionStatus
from memva.domain.session_page import SessionCursor, SessionQuery
from memva.domain.validation import check_each, check_limit
from memva.services.ages import moment_ago
from memva.services.lookups import session_or_none

KeptBecause: TypeAlias = Literal["jobs", "processing"]
"""Why an old session is kept: it has jobs that have not ended, or Claude Code is at work in it."""

_READ_AT_ONCE: Final = 200


@attrs.frozen
class KeptSession:
    """An old session that was kept.

    Attributes:
        session: The session.
        because: `jobs`: it has jobs that have not ended; `processing`: its `claude_status` says
            that Claude Code is at work in it.
    """

    session: Session
    because: KeptBecause


@attrs.frozen(kw_only=True)
class SessionPruning:
    """What a pruning of sessions came to.

    Attributes:
        sessions: The sessions that were deleted, or would be; the longest untouched first.
        events: How many events they had.
        kept: The sessions that were as old, but had to be kept.
        dry_run: Whether nothing was deleted.
    """

    sessions: tuple[Session, ...]
    events: int
    kept: tuple[KeptSession, ...]
    dry_run: bool


def prune_sessions(
    store: CountingStore,
    *,
    older_than: timedelta,
    status: SessionStatus | Collection[SessionStatus] | None = None,
    archived: bool | None = None,
    project_path: str | None = None,
    keep_latest: int = 0,
    limit: int | None = None,
    dry_run: bool = False,
    on_progress: Callable[[int], None] | None = None,
    now: datetime | None = None,
) -> SessionPruning:
    """Delete sessions that nothing has happened in for some time, and return which.

    A session is as old as the last change to it, or the latest of its events where that is later.
    It goes with its events and jobs, as `delete_session` deletes it: imports leave it out from then
    on. Those that have jobs which have not ended, or in which Claude Code is at work, are kept.

    Each is a transaction of its own, so that no other writer waits for more than one. What was
    deleted before an error or an interruption stays deleted, and another call goes on.

    Args:
        store: Where from.
        older_than: For how long nothing has happened at least.
        status: Those with this status, or with one of these, alone.
        archived: True for those alone that were put away, False for the others, None for all.
        project_path: Those that work in exactly this folder alone.
        keep_latest: How many of those that are meant, the last updated, are kept at any age.
        limit: How many are deleted at most; None for all.
        dry_run: Whether to tell which would be deleted, and delete none.
        on_progress: Told how many have been deleted so far, after each session that is looked at.
        now: The present moment; the store's clock where None.

    Raises:
        InvalidValue: An argument has a value that it cannot have.
    """
    before = moment_ago(store, older_than, now)
    check_limit(limit)
    if keep_latest < 0:
        raise InvalidValue("keep_latest", keep_latest, "must not be below zero")
    statuses = [status] if isinstance(status, str) else status
    check_each("status", statuses or (), get_args(SessionStatus))
    query = SessionQuery(statuses=statuses, archived=archived, project_path=project_path)
    latest = _latest(store, query, keep_latest)
    unit = store.snapshot if dry_run else store.transaction
    pruned: list[Session] = []
    kept: list[KeptSession] = []
    events = 0
    for session_id in _untouched_since(store, query, before):
        if session_id in latest:
            continue
        found = _looked_at(store, query, session_id, before, unit, dry_run=dry_run)
        if isinstance(found, KeptSession):
            kept.append(found)
        elif found is not None:
            session, count = found
            pruned.append(session)
            events += count
        if on_progress is not None:
            on_progress(len(pruned))
        if len(pruned) == limit:
            break
    return SessionPruning(sessions=tuple(pruned), events=events, kept=tuple(kept), dry_run=dry_run)


def _latest(store: CountingStore, query: SessionQuery, number: int) -> Collection[str]:
    return {session.id for session in store.sessions.find(query, limit=number)} if number else ()


def _untouched_since(store: CountingStore, query: SessionQuery, before: datetime) -> Iterator[str]:
    """Yield the sessions that were last updated before that moment, the earliest first."""
    after: SessionCursor | None = None
    while True:
        page = store.sessions.find(query, ascending=True, after=after, limit=_READ_AT_ONCE)
        for session in page:
            if session.updated_at >= before:
                return
            yield session.id
        after = page.next
        if after is None:
            return


def _looked_at(
    store: CountingStore,
    query: SessionQuery,
    session_id: str,
    before: datetime,
    unit: Callable[[], AbstractContextManager[None]],
    *,
    dry_run: bool,
) -> tuple[Session, int] | KeptSession | None:
    """Delete a session where that may be done; return it with the number of its events.

    Returned is None where it has gone, or something has happened in it meanwhile.
    """
    with unit():
        session = session_or_none(store, session_id)
        if session is None:
            return None
        [stats] = store.counts.session_stats([session_id]).values()
        last_at = max(session.updated_at, stats.last_at or session.updated_at)
        if last_at >= before or not query.matches(session):
            return None
        if session.claude_status == "processing":
            return KeptSession(session, "processing")
        unfinished = JobQuery(statuses=("pending", "processing"), memva_session_id=session_id)
        if len(store.jobs.find(unfinished, limit=1)):
            return KeptSession(session, "jobs")
        if not dry_run:
            store.sessions.delete(session_id)
    return session, sum(stats.events.values())
