"""Whether pages deep in a very long session are as quick as those of a short history."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, NamedTuple

from benchmarks.hosts import BLOCK
from benchmarks.long_history import LARGEST, histories
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import (
    EventCursor,
    EventQuery,
    Store,
    get_events_for_session,
    list_sessions,
    locate_event,
    page_events,
)

_PAGE: Final = 100
_PLACES: Final = 400


class _Place(NamedTuple):
    """Where a page begins, and which way it goes."""

    session_id: str
    cursor: EventCursor
    newest_first: bool


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figure: whole pages from anywhere in a session, in either direction."""
    with histories(sizes, place) as (large, small):
        deep = _places(large, [LARGEST])
        others = _places(small, [session.id for session in list_sessions(small)])
        chance = random.Random(0)
        rounds = [
            together(
                in_turns(
                    lambda pair: _read_pages(large, pair[0]),
                    lambda pair: _read_pages(small, pair[1]),
                    _blocks(chance, (deep, others), sizes.pages),
                )
            )
            for _ in range(sizes.page_rounds)
        ]
    names = (f"of {sizes.largest_events:,} events", "of a short session")
    yield compared("events.page_deep.flat", rounds, count=sizes.pages, names=names)


def _places(store: Store, session_ids: Iterable[str]) -> list[_Place]:
    """Return places from all over the sessions, each with the direction that more lies in."""
    places = []
    for session_id in session_ids:
        events = list(get_events_for_session(store, session_id))
        for number in range(0, len(events), max(1, len(events) // _PLACES)):
            cursor = locate_event(store, events[number].key)
            places.append(_Place(session_id, cursor, newest_first=number > len(events) // 2))
    return places


def _blocks(
    chance: random.Random,
    places: Sequence[Sequence[_Place]],
    count: int,
) -> Iterator[list[list[_Place]]]:
    for begin in range(0, count, BLOCK):
        yield [chance.choices(some, k=min(BLOCK, count - begin)) for some in places]


def _read_pages(store: Store, places: Iterable[_Place]) -> None:
    for session_id, after, newest_first in places:
        query = EventQuery(memva_session_id=session_id)
        page = page_events(store, query, after=after, newest_first=newest_first, limit=_PAGE)
        assert len(page) >= _PAGE - 1
