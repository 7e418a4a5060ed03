"""Reading pages of events."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing
from itertools import islice
from typing import Final, NamedTuple

from benchmarks import raw
from benchmarks.hosts import BLOCK, add_sessions, begun
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import conversations, event_of
from memva import Event, Store, record_events
from memva.adapters.sqlite import SqliteStore
from memva.domain.event_page import EventCursor, EventQuery

_BATCH: Final = 500
_PAGE: Final = 100
_EVENTS_EACH: Final = 1_000


class _PagePlace(NamedTuple):
    """Where a page begins, as both contenders are told."""

    session_id: str
    cursor: EventCursor
    raw_place: raw.Place


def pages(sizes: Sizes, place: Place) -> Figure:
    """Pages of entities at random places, against rows and `json.loads`.

    Both read the same file, through connections of their own.
    """
    path = place.new_folder() / "memva.db"
    turns = conversations(0, events_each=_EVENTS_EACH)
    with SqliteStore.open(path, durability="normal", search=False) as store:
        events = [
            event_of(conversation, conversation.line(), number=number)
            for conversation, number in islice(turns, sizes.paged_events)
        ]
        add_sessions(store, begun(events))
        for begin in range(0, len(events), _BATCH):
            record_events(store, events[begin : begin + _BATCH])
        places = _page_places(events)
        del events
        chance = random.Random(0)
        with closing(raw.connect(path, "normal")) as connection:
            rounds = [
                together(
                    in_turns(
                        lambda block: _read_pages(store, block),
                        lambda block: _read_raw_pages(connection, block),
                        _blocks(chance, places, sizes.pages),
                    )
                )
                for _ in range(sizes.page_rounds)
            ]
    return compared("events.page", rounds, count=sizes.pages, names=("memva", "raw"))


def _page_places(events: Sequence[Event]) -> list[_PagePlace]:
    """Return every place in the conversations that a whole page follows."""
    conversations: dict[str, list[tuple[int, Event]]] = {}
    for position, event in enumerate(events, start=1):
        conversations.setdefault(event.session_id, []).append((position, event))
    return [
        _place_after(position, event)
        for lines in conversations.values()
        for position, event in lines[:-_PAGE]
    ]


def _place_after(position: int, event: Event) -> _PagePlace:
    sort_at = raw.raw_event(event).after[-2]
    return _PagePlace(
        event.session_id,
        EventCursor(event.timestamp, event.transcript, event.line, position),
        (str(sort_at), *event.transcript, event.line, position),
    )


def _blocks(
    chance: random.Random, places: Sequence[_PagePlace], count: int
) -> Iterator[list[_PagePlace]]:
    for begin in range(0, count, BLOCK):
        yield chance.choices(places, k=min(BLOCK, count - begin))


def _read_pages(store: Store, places: Iterable[_PagePlace]) -> None:
    for session_id, cursor, _ in places:
        page = store.events.page(EventQuery(memva_session_id=session_id), after=cursor, limit=_PAGE)
        assert len(page.events) == _PAGE


def _read_raw_pages(connection: sqlite3.Connection, places: Iterable[_PagePlace]) -> None:
    for session_id, _, place in places:
        assert len(raw.page(connection, session_id, place, limit=_PAGE)) == _PAGE
