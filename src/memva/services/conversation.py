"""The session that a conversation of Claude Code's goes to, and what its lines say of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Final

import attrs

from memva.domain.event import Event, EventKey
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.domain.session import ClaudeStatus, Session
from memva.domain.titles import LAST_STANDS, Title, better_title, title_in
from memva.services.lookups import event_or_none, session_or_none

_MICROSECOND: Final = timedelta(microseconds=1)
_LAST_MOMENT: Final = datetime.max.replace(tzinfo=UTC)


def session_id_of(store: Store, claude_session_id: str, *, otherwise: str) -> str:
    """Return the session that Claude Code's own is associated with, or the other one given."""
    associated = store.events.associated_session(claude_session_id)
    return otherwise if associated is None else associated


def keep_session(
    store: Store,
    session_id: str,
    events: Sequence[Event],
    *,
    title: Title | None,
    claude_status: ClaudeStatus,
) -> tuple[bool, Title | None]:
    """Create the session that new events go to, or bring it up to date, before they are stored.

    The events are lines of one transcript, `title` is the best title that the lines before them
    offered, and `claude_status` that of a new session. Returned is whether it was created, and the
    best title that the lines so far offer.
    """
    offers = _offered_titles(store, events)
    best = title
    for offered, _ in offers:
        best = better_title(best, offered)
    folder = next((event.cwd for event in events if event.cwd), "")
    times = [event.timestamp for event in events]
    before = session_or_none(store, session_id)
    if before is None:
        session = Session(
            id=session_id,
            created_at=min(times),
            updated_at=max(times),
            project_path=folder,
            claude_status=claude_status,
        )
        store.sessions.add(_titled(session, best))
        return True, best
    session = attrs.evolve(
        before,
        project_path=_folder(store, before, events, folder),
        created_at=_beginning(store, before, times),
        updated_at=max([before.updated_at, *times]),
    )
    if before.title is None:
        session = _titled(session, best)
    else:
        stands: Title | None = Title(before.title, before.title_origin)
        for offered, is_new in offers:
            stands = better_title(stands, offered, is_new=is_new)
        session = _titled(session, stands)
    if session != before:
        store.sessions.update(session)
    return False, best


def _beginning(store: Store, session: Session, times: Sequence[datetime]) -> datetime:
    """Return when a session began, as new lines were said at these times.

    It began with the earliest of its lines, which need not be the first to come: a subagent's may.
    """
    began, earliest = session.created_at, min([session.created_at, *times])
    return earliest if earliest < began and _was_made_of_lines(store, session) else began


def _folder(store: Store, session: Session, events: Sequence[Event], found: str) -> str:
    """Return where a session works, as new lines found it in a folder.

    That is where its main conversation began, even if a subagent's lines, which may have worked
    elsewhere, came first.
    """
    if not session.project_path:
        return found
    if not found or found == session.project_path or events[0].subpath:
        return session.project_path
    if store.events.last_line(events[0].transcript):
        return session.project_path
    in_main = EventQuery(session_id=events[0].session_id, is_sidechain=False)
    is_first = not store.events.page(in_main, limit=1).events
    return found if is_first and _was_made_of_lines(store, session) else session.project_path


def _was_made_of_lines(store: Store, session: Session) -> bool:
    """Tell whether a session begins with one of its lines: otherwise it is the host's own."""
    until = min(session.created_at, _LAST_MOMENT - _MICROSECOND) + _MICROSECOND
    query = EventQuery(memva_session_id=session.id, since=session.created_at, until=until)
    return bool(store.events.page(query, limit=1).events)


def _offered_titles(store: Store, events: Sequence[Event]) -> list[tuple[Title, bool]]:
    """Return the titles that lines offer, and of each whether its line is new to the store."""
    if not events or events[0].subpath:
        return []
    uuids = {event.uuid for event in events}
    return [
        # Of prompts the first stands, whether it is new or not.
        (title, title.origin in LAST_STANDS and event_or_none(store, event.key) is None)
        for event in events
        if (title := title_in(event)) is not None
        and (title.origin != "summary" or _is_own_summary(store, event, uuids))
    ]


def _is_own_summary(store: Store, event: Event, uuids: set[str]) -> bool:
    """Tell whether a summary is of this transcript; many are of another one."""
    leaf = event.data.get("leafUuid")
    if not isinstance(leaf, str):
        return False
    return leaf in uuids or event_or_none(store, EventKey(event.transcript, leaf)) is not None


def _titled(session: Session, title: Title | None) -> Session:
    if title is None:
        return session
    return attrs.evolve(session, title=title.text, title_origin=title.origin)
