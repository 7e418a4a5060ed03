"""Following events: what is committed, as it is committed."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from functools import partial
from typing import Final

from memva.domain.abilities import WatchableStore
from memva.domain.errors import InvalidValue
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.services.waiting import Steps, in_this_thread, looked

_AT_ONCE: Final = 200
_LONGEST_WAIT: Final = 3600.0


def get_last_position(store: Store) -> int:
    """Return the position of the last event committed, or 0: `follow_events` goes on after it.

    Read it in one `store.snapshot()` with what is shown first, and nothing comes twice or never.
    """
    return store.events.last_position()


def follow_events(
    store: WatchableStore,
    *,
    after: int,
    session_id: str | None = None,
    claude_session_id: str | None = None,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
    timeout: float | None = None,
) -> Iterator[Event]:
    """Yield every event committed after a position, by position, and wait for more.

    None is skipped, whichever process wrote it. A version that replaces another comes under its
    new position, so that who follows puts events in place by `Event.key`. To go on later, begin
    `after` the position of the last event. An association with a session that is made after the
    event was committed is not told: record it with its session, or follow Claude Code's.

    It waits in the calling thread, costs next to nothing while nothing happens, and holds neither
    lock nor connection between two events. While a server restarts it waits up to a minute, and
    goes on. Inside a transaction it would wait for itself.

    Args:
        store: Where from.
        after: The position; 0 for all events there are.
        session_id: Only those associated with this session.
        claude_session_id: Only those of this session of Claude Code's.
        event_types: Only those of one of these types.
        is_sidechain: True for what subagents said alone, False for the rest alone.
        timeout: After how many seconds without an event it ends; with 0 it gives what is there,
            with None it never ends.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: An argument has a value that it cannot have.
        StoreUnavailable: The store was closed meanwhile, or could not be reached for a minute, or
            when `timeout` had passed.
    """
    steps = event_steps(
        store,
        after=after,
        session_id=session_id,
        claude_session_id=claude_session_id,
        event_types=event_types,
        is_sidechain=is_sidechain,
        timeout=timeout,
    )
    return in_this_thread(store, steps)


def event_steps(
    store: WatchableStore,
    *,
    after: int,
    session_id: str | None = None,
    claude_session_id: str | None = None,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
    timeout: float | None = None,
) -> Steps[Event]:
    """Return the steps of `follow_events`, which has the same arguments and errors."""
    if after < 0:
        raise InvalidValue("after", after, "must be a position, or 0")
    if timeout is not None and not timeout >= 0:
        raise InvalidValue("timeout", timeout, "must be a number of seconds, 0 or more, or None")
    query = EventQuery(
        memva_session_id=session_id,
        session_id=claude_session_id,
        event_types=event_types,
        is_sidechain=is_sidechain,
    )
    if session_id is not None:
        store.sessions.get(session_id)
    return _look(store, query, after, timeout)


def _look(
    store: WatchableStore, query: EventQuery, after: int, timeout: float | None
) -> Steps[Event]:
    left, last_seen = timeout, time.monotonic()
    while True:
        look = partial(store.events.committed, query, after=after, limit=_AT_ONCE)
        feed = yield from looked(look, patience=left)
        after = feed.position
        if feed.events:
            yield feed.events
            left, last_seen = timeout, time.monotonic()
            continue
        if timeout is not None:
            left = last_seen + timeout - time.monotonic()
            if left <= 0:
                return
        yield _LONGEST_WAIT if left is None else min(left, _LONGEST_WAIT)
