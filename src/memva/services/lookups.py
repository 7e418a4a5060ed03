"""Looking up what need not be there."""

from __future__ import annotations

from memva.domain.errors import EventNotFound, SessionNotFound
from memva.domain.event import Event, EventKey
from memva.domain.ports import Store
from memva.domain.session import Session


def session_or_none(store: Store, session_id: str) -> Session | None:
    """Return the session with this id, or None."""
    try:
        return store.sessions.get(session_id)
    except SessionNotFound:
        return None


def event_or_none(store: Store, key: EventKey) -> Event | None:
    """Return the event with this key, or None."""
    try:
        return store.events.get(key)
    except EventNotFound:
        return None
