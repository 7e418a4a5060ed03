"""Recording events and reading them back."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import datetime
from typing import Final

from memva.domain.errors import InvalidValue
from memva.domain.event import Event, EventKey
from memva.domain.event_page import EventCursor, EventPage, EventQuery
from memva.domain.ids import new_id
from memva.domain.json import JsonObject
from memva.domain.line import project_key as key_of_project
from memva.domain.line import project_name
from memva.domain.ports import Store
from memva.domain.redaction import Redact, redacted_event, redacted_object
from memva.domain.text import clean_text
from memva.domain.validation import check_limit
from memva.domain.versions import Appended

_PAGE: Final = 200


def record_event(
    store: Store,
    *,
    session_id: str,
    event_type: str,
    data: JsonObject,
    uuid: str | None = None,
    timestamp: datetime | None = None,
    memva_session_id: str | None = None,
    parent_uuid: str | None = None,
    is_sidechain: bool = False,
    cwd: str = "",
    project_key: str | None = None,
    subpath: str = "",
    line: int = 0,
    redact: Redact | None = None,
) -> Event:
    """Store one event and return it as it was given; recording it again changes nothing.

    What is returned has no position. Where another version of the event is preferred, it is that
    version that is stored.

    Args:
        store: Where to.
        session_id: Claude Code's own session.
        event_type: What it is: `user`, `assistant`, `system`, `result` or anything else.
        data: All of it, a JSON object.
        uuid: Claude Code's uuid of it; a new one where None.
        timestamp: When it was said; the store's present moment where None.
        memva_session_id: The session to associate it with.
        parent_uuid: The uuid of the event it follows.
        is_sidechain: Whether a subagent said it.
        cwd: The folder Claude Code worked in.
        project_key: The name of the project's folder below `projects`; from `cwd` where None.
        subpath: The subagent's transcript; empty for the main conversation.
        line: Its place in the transcript, from 1; 0 where it is not known.
        redact: Goes over every text of it before anything is stored.

    Raises:
        SessionNotFound: `memva_session_id` names a session that is not there.
        InvalidValue: A field has a value that it cannot have.
    """
    # The project's names are taken from the folder, and must not bring back what is redacted.
    if redact is not None:
        cwd, data = redact(cwd), redacted_object(data, redact)
    cwd = clean_text(cwd)
    event = Event(
        uuid=new_id() if uuid is None else uuid,
        session_id=session_id,
        event_type=event_type,
        timestamp=store.now() if timestamp is None else timestamp,
        is_sidechain=is_sidechain,
        parent_uuid=parent_uuid,
        cwd=cwd,
        project_name=project_name(cwd),
        data=data,
        memva_session_id=memva_session_id,
        project_key=key_of_project(cwd) if project_key is None else project_key,
        subpath=subpath,
        line=line,
    )
    store.events.append([event])
    return event


def record_events(
    store: Store, events: Iterable[Event], *, redact: Redact | None = None
) -> Appended:
    """Store events in the order given, all of them or none; return what that came to, in numbers.

    Those that are there already change nothing; of two versions of one event the preferred is
    kept. `redact` goes over every text of them before anything is stored.

    Raises:
        SessionNotFound: An event is associated with a session that is not there.
        InvalidValue: An event's data is not JSON.
    """
    if redact is not None:
        return store.events.append([redacted_event(event, redact) for event in events])
    return store.events.append(list(events))


def get_events_for_session(
    store: Store,
    session_id: str,
    *,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    newest_first: bool = False,
) -> Iterator[Event]:
    """Return the events that are associated with a session, one after the other, in order.

    They sort by time, and within a transcript by line, whatever the clocks said. They are read page
    by page: any number takes little memory and holds no lock.

    Args:
        store: Where from.
        session_id: The session.
        event_types: Only those of one of these types.
        is_sidechain: True for what subagents said alone, False for the rest alone.
        since: Only those said at this moment or later.
        until: Only those said before this moment.
        newest_first: Whether the order is turned round.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: An argument has a value that it cannot have.
    """
    query = EventQuery(
        memva_session_id=session_id,
        event_types=event_types,
        is_sidechain=is_sidechain,
        since=since,
        until=until,
    )
    store.sessions.get(session_id)
    return _all(store, query, newest_first=newest_first)


def get_events_for_claude_session(
    store: Store,
    session_id: str,
    *,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    newest_first: bool = False,
) -> Iterator[Event]:
    """Return the events of a session of Claude Code's, associated or not, in order.

    None where Claude Code's session was never recorded or imported. The arguments are those of
    `get_events_for_session`.

    Raises:
        InvalidValue: An argument has a value that it cannot have.
    """
    query = EventQuery(
        session_id=session_id,
        event_types=event_types,
        is_sidechain=is_sidechain,
        since=since,
        until=until,
    )
    return _all(store, query, newest_first=newest_first)


def page_events(
    store: Store,
    query: EventQuery,
    *,
    after: EventCursor | None = None,
    newest_first: bool = False,
    limit: int = 100,
) -> EventPage:
    """Return the first `limit` events of `query`, in order, that follow the cursor `after`.

    A page knows where it begins and ends: `after=page.next` gives the page after it, and
    `after=page.first` with `newest_first` turned round gives what comes before it. Both stay good
    while events arrive. `locate_event` gives a cursor in the middle.

    Raises:
        InvalidValue: `limit` is below 1.
    """
    check_limit(limit)
    return store.events.page(query, after=after, newest_first=newest_first, limit=limit)


def locate_event(store: Store, key: EventKey) -> EventCursor:
    """Return the place in the order of the event with this key: a cursor to page from, both ways.

    Raises:
        EventNotFound: There is none.
    """
    return store.events.place(key)


def get_recent_events(
    store: Store,
    session_id: str,
    *,
    limit: int = 50,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
) -> list[Event]:
    """Return the last `limit` events of a session, in order: the last one last.

    `event_types` and `is_sidechain` narrow as in `get_events_for_session`.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: An argument has a value that it cannot have.
    """
    check_limit(limit)
    query = EventQuery(
        memva_session_id=session_id, event_types=event_types, is_sidechain=is_sidechain
    )
    store.sessions.get(session_id)
    return list(reversed(store.events.page(query, newest_first=True, limit=limit).events))


def get_claude_sessions_for_session(store: Store, session_id: str) -> list[str]:
    """Return the sessions of Claude Code's that a session consists of, those begun first first.

    A session has several where it was resumed, forked or cleared.

    Raises:
        SessionNotFound: There is no session with this id.
    """
    store.sessions.get(session_id)
    return store.events.claude_sessions(session_id)


def get_latest_claude_session_id(store: Store, session_id: str) -> str | None:
    """Return the session of Claude Code's to resume: that of the last event in order, or None.

    Raises:
        SessionNotFound: There is no session with this id.
    """
    store.sessions.get(session_id)
    last = store.events.page(
        EventQuery(memva_session_id=session_id), newest_first=True, limit=1
    ).events
    return last[0].session_id if last else None


def associate_events_with_session(
    store: Store, uuids: Collection[str], session_id: str, claude_session_id: str | None = None
) -> int:
    """Associate every event that bears one of `uuids` with a session; return how many.

    Forks repeat uuids: `claude_session_id` narrows it to the events of one session of Claude
    Code's, and makes it quicker.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: `uuids` is one text instead of a collection of them.
    """
    if isinstance(uuids, str):
        raise InvalidValue("uuids", uuids, "must be a collection of uuids")
    return store.events.associate(uuids, session_id, session_id=claude_session_id)


def _all(store: Store, query: EventQuery, *, newest_first: bool) -> Iterator[Event]:
    after: EventCursor | None = None
    while True:
        page = store.events.page(query, after=after, newest_first=newest_first, limit=_PAGE)
        yield from page.events
        if page.next is None:
            return
        after = page.next
