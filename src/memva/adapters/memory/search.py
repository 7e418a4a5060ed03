"""Searching in memory: every event is looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

from memva.adapters.memory.content import own
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.search_page import (
    MOST_RANKED,
    FoundEvents,
    Indexed,
    SearchCursor,
    milliseconds,
)
from memva.domain.search_query import SearchQuery, matches, relevance
from memva.domain.searchable import searchable_text
from memva.domain.word_rules import words

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemorySearch:
    """Searching the events of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def find(
        self,
        query: SearchQuery,
        narrowing: EventQuery,
        /,
        *,
        after: SearchCursor | None = None,
        limit: int,
    ) -> FoundEvents:
        found = [e for e in self._found(query, narrowing) if after is None or _cursor(e) < after]
        page = [own(event) for event in found[:limit]]
        return FoundEvents(page, _cursor(page[-1]) if len(found) > len(page) else None)

    def find_best(self, query: SearchQuery, narrowing: EventQuery, /, *, limit: int) -> list[Event]:
        # A sort leaves ties as they are: the newest first.
        found = sorted(
            self._found(query, narrowing)[:MOST_RANKED],
            key=lambda event: relevance(query, words(searchable_text(event))),
            reverse=True,
        )
        return [own(event) for event in found[:limit]]

    def build(self, *, limit: int) -> Indexed:
        self._store.content()
        return Indexed(0, 0)

    def _found(self, query: SearchQuery, narrowing: EventQuery) -> list[Event]:
        found = [
            event
            for event in self._store.content().events.values()
            if narrowing.matches(event) and matches(query, words(searchable_text(event)))
        ]
        return sorted(found, key=_cursor, reverse=True)


def _cursor(event: Event) -> SearchCursor:
    return SearchCursor(milliseconds(event.timestamp), event.position)
