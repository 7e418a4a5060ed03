"""Events in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from itertools import groupby
from typing import TYPE_CHECKING

import attrs

from memva.adapters.memory.content import own
from memva.domain.errors import EventNotFound
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventCursor, EventFeed, EventPage, EventQuery
from memva.domain.time import utc_now
from memva.domain.versions import Appended, reconcile

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryEvents:
    """The events of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def append(self, events: Sequence[Event], /) -> Appended:
        arriving = [own(event) for event in events]
        with self._store.writing() as scope:
            content = scope.content
            for event in arriving:
                content.check_session(event.memva_session_id)
            named = {(event.session_id, event.uuid) for event in arriving}
            outcome = reconcile(
                arriving,
                [e for e in content.events.values() if (e.session_id, e.uuid) in named],
            )
            kept = dict(content.events)
            for event in outcome.superseded:
                del kept[event.key]
            position = content.last_position
            for event in outcome.fresh:
                position += 1
                kept[event.key] = attrs.evolve(event, position=position)
            changed = outcome.changed_from()
            scope.content = attrs.evolve(
                content,
                events=kept,
                last_position=position,
                summaries={
                    of: summary
                    for of, summary in content.summaries.items()
                    if of not in changed or changed[of] > summary.up_to_line
                },
            )
        return outcome.counted

    def get(self, key: EventKey, /) -> Event:
        event = self._store.content().events.get(key)
        if event is None:
            raise EventNotFound(key)
        return own(event)

    def place(self, key: EventKey, /) -> EventCursor:
        for cursor, event in in_order(self._store.content().events.values()):
            if event.key == key:
                return cursor
        raise EventNotFound(key)

    def page(
        self,
        query: EventQuery,
        /,
        *,
        after: EventCursor | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> EventPage:
        ordered = in_order(self._store.content().events.values())
        found = [
            (cursor, event)
            for cursor, event in (reversed(ordered) if newest_first else ordered)
            if query.matches(event)
            and (after is None or (cursor < after if newest_first else cursor > after))
        ]
        page = found[:limit]
        if not page:
            return EventPage([])
        return EventPage(
            events=[own(event) for _, event in page],
            first=page[0][0],
            last=page[-1][0],
            more=len(found) > len(page),
        )

    def committed(self, query: EventQuery, /, *, after: int, limit: int) -> EventFeed:
        content = self._store.content()
        found = sorted(
            (event for event in content.events.values() if event.position > after),
            key=lambda event: event.position,
        )
        wanted = [own(event) for event in found if query.matches(event)][:limit]
        ends_at = wanted[-1].position if len(wanted) == limit else content.last_position
        return EventFeed(wanted, max(after, ends_at))

    def last_position(self) -> int:
        return self._store.content().last_position

    def associate(
        self, uuids: Collection[str], memva_session_id: str, /, *, session_id: str | None = None
    ) -> int:
        wanted = set(uuids)
        with self._store.writing() as scope:
            scope.content.check_session(memva_session_id)
            changed = {
                key: attrs.evolve(event, memva_session_id=memva_session_id)
                for key, event in scope.content.events.items()
                if event.uuid in wanted and session_id in (None, event.session_id)
            }
            scope.content = attrs.evolve(scope.content, events={**scope.content.events, **changed})
        return len(changed)

    def associated_session(self, session_id: str, /) -> str | None:
        found = [
            (cursor, event.memva_session_id)
            for cursor, event in in_order(self._store.content().events.values())
            if event.session_id == session_id and event.memva_session_id is not None
        ]
        return found[-1][1] if found else None

    def claude_sessions(self, memva_session_id: str, /) -> list[str]:
        begun: dict[str, datetime] = {}
        for cursor, event in in_order(self._store.content().events.values()):
            if event.memva_session_id == memva_session_id:
                begun.setdefault(event.session_id, cursor.sort_at)
        return sorted(begun, key=lambda session_id: (begun[session_id], session_id))

    def last_line(self, transcript: Transcript, /) -> int:
        return max((event.line for event in self._of(transcript)), default=0)

    def count_lines(self, transcript: Transcript, /, *, uuid_prefix: str, up_to_line: int) -> int:
        return sum(
            event.uuid.startswith(uuid_prefix) and 1 <= event.line <= up_to_line
            for event in self._of(transcript)
        )

    def _of(self, transcript: Transcript) -> Iterator[Event]:
        events = self._store.content().events.values()
        return (event for event in events if event.transcript == transcript)


def in_order(events: Collection[Event]) -> list[tuple[EventCursor, Event]]:
    """Return events with their places, in the order that `EventRepository` defines."""

    def sequence(event: Event) -> tuple[Transcript, bool]:
        return event.transcript, event.line > 0

    placed: list[tuple[EventCursor, Event]] = []
    along = sorted(events, key=lambda event: (*sequence(event), event.line, event.position))
    for (transcript, _), group in groupby(along, key=sequence):
        latest = datetime.min.replace(tzinfo=utc_now().tzinfo)
        for event in group:
            latest = max(latest, event.timestamp)
            placed.append((EventCursor(latest, transcript, event.line, event.position), event))
    return sorted(placed, key=lambda pair: pair[0])
