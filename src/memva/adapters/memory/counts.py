"""What is counted in memory: worked out of the events whenever it is asked for."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING

from memva.adapters.memory.content import own
from memva.adapters.memory.events import in_order
from memva.domain.event import Event
from memva.domain.said import MESSAGES, said_in
from memva.domain.stats import SessionStats, session_stats
from memva.domain.told_response import ToldResponse, merged_told, told_in
from memva.domain.usage import ResponseUsage

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryCounts:
    """What an in-memory store counts."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def session_stats(self, session_ids: Collection[str], /) -> dict[str, SessionStats]:
        sessions = self._store.content().sessions
        return {id_: session_stats(self._of(id_)) for id_ in session_ids if id_ in sessions}

    def responses(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[ResponseUsage]:
        kept: dict[tuple[object, ...], ToldResponse] = {}
        for told in map(told_in, self._store.content().events.values()):
            if told is not None:
                key = (told.memva_session_id, told.transcript, told.response_id)
                kept[key] = merged_told(kept[key], told) if key in kept else told
        rows = [told.usage for told in kept.values() if told.usage is not None]
        in_span = {
            row.response_id
            for row in rows
            if (since is None or row.timestamp >= since)
            and (until is None or row.timestamp < until)
        }
        return [row for row in rows if row.response_id in in_span]

    def latest_messages(self, session_ids: Collection[str], /) -> dict[str, Event]:
        return {
            id_: own(event)
            for id_ in session_ids
            for event in self._of(id_)
            if said_in(event) in MESSAGES
        }

    def _of(self, session_id: str) -> list[Event]:
        return [
            event
            for _, event in in_order(self._store.content().events.values())
            if event.memva_session_id == session_id
        ]
