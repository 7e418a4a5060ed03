"""Searching events."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime
from typing import Final

import attrs

from memva.domain.abilities import SearchableStore
from memva.domain.errors import InvalidValue
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.search_page import FoundEvents, SearchCursor
from memva.domain.search_query import parse_query
from memva.domain.searchable import searchable_text
from memva.domain.snippets import Snippet, snippet
from memva.domain.validation import check_limit

_AT_ONCE: Final = 2_000


@attrs.frozen
class SearchHit:
    """An event that was found.

    Attributes:
        event: The event.
        snippet: The part of its text that shows why, with the hits marked.
    """

    event: Event
    snippet: Snippet


@attrs.frozen
class SearchPage:
    """Some of what a search finds.

    Attributes:
        hits: What was found, in order.
        next: The cursor of the page after this one, or None where nothing more is found.
    """

    hits: Sequence[SearchHit]
    next: SearchCursor | None = None

    def __iter__(self) -> Iterator[SearchHit]:
        """Iterate over the hits."""
        return iter(self.hits)

    def __len__(self) -> int:
        """Return how many hits are on the page."""
        return len(self.hits)


def search_events(
    store: SearchableStore,
    query: str,
    *,
    session_id: str | None = None,
    claude_session_id: str | None = None,
    event_types: Collection[str] | None = None,
    is_sidechain: bool | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    ranked: bool = False,
    after: SearchCursor | None = None,
    limit: int = 50,
) -> SearchPage:
    """Return the first `limit` events in which all words of `query` stand, the newest first.

    A query is words, phrases in quotes, and beginnings of words with a `*` at their end; case and
    accents do not matter. Any text is one, and one without words finds nothing. Searched is what
    people remember: what was typed and answered, commands, file names, and the beginnings and ends
    of results. Found is every event that was committed before, whichever process committed it.

    Args:
        store: Where.
        query: What is looked for.
        session_id: Only in events that are associated with this session.
        claude_session_id: Only in those of this session of Claude Code's.
        event_types: Only in those of one of these types.
        is_sidechain: True for what subagents said alone, False for the rest alone.
        since: Only in those said at this moment or later.
        until: Only in those said before this moment.
        ranked: Whether the best of the newest 5,000 come instead, the best first, on one page.
        after: The `next` of another page: what follows it, newest first, comes. It stays good
            while events arrive.
        limit: How many at most, at least 1.

    Raises:
        SessionNotFound: There is no session with this id.
        InvalidValue: An argument has a value that it cannot have.
        SearchUnavailable: The store was opened without search.
    """
    if not isinstance(query, str):
        raise InvalidValue("query", query, "must be text")
    check_limit(limit)
    if ranked and after is not None:
        raise InvalidValue("after", after, "must be None where the best are asked for")
    narrowing = EventQuery(
        memva_session_id=session_id,
        session_id=claude_session_id,
        event_types=event_types,
        is_sidechain=is_sidechain,
        since=since,
        until=until,
    )
    if session_id is not None:
        store.sessions.get(session_id)
    wanted = parse_query(query)
    if ranked:
        found = FoundEvents(store.search.find_best(wanted, narrowing, limit=limit))
    else:
        found = store.search.find(wanted, narrowing, after=after, limit=limit)
    hits = [SearchHit(event, snippet(searchable_text(event), wanted)) for event in found]
    return SearchPage(hits, found.next)


def build_search_index(
    store: SearchableStore, *, on_progress: Callable[[int, int], None] | None = None
) -> int:
    """Bring the search index up to date; return how many events that took.

    A search does that itself, but after a large import without search, or after an update of memva
    that searches by other rules, it takes minutes. Here it goes in short transactions, between
    which others write; it may be stopped at any time, and goes on from there.

    Args:
        store: The store.
        on_progress: Told after each transaction how many of how many events are done.

    Raises:
        SearchUnavailable: The store was opened without search.
    """
    done, left = 0, 1
    while left:
        events, left = store.search.build(limit=_AT_ONCE)
        done += events
        if on_progress is not None:
            on_progress(done, done + left)
    return done
