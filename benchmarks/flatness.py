"""Whether a large file is as quick as a small one."""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from typing import Final

from benchmarks.grown import EVENTS_EACH, grown
from benchmarks.hosts import BLOCK, append_each
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import BEGIN, LIVE, Conversation, event_of
from memva import Event, Store, list_sessions
from memva.adapters.sqlite import SqliteStore
from memva.domain.event_page import EventCursor, EventQuery

_PAGE: Final = 100
_PAGES_EACH: Final = EVENTS_EACH // _PAGE
_LATER: Final = BEGIN + timedelta(days=365)


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures, of copies that may be written to."""
    few = place.copy(grown(place, sizes.few_events))
    many = place.copy(grown(place, sizes.many_events))
    yield _pages(sizes, few, many)
    yield _single_append(sizes, few, many)


def _pages(sizes: Sizes, few: Path, many: Path) -> Figure:
    """Conversations page by page: any of the large file's, against any of the small one's."""
    chance = random.Random(0)
    with (
        SqliteStore.open(few, search=False) as small,
        SqliteStore.open(many, search=False) as large,
    ):
        ids = [[session.id for session in list_sessions(store)] for store in (large, small)]
        rounds = [
            together(
                in_turns(
                    lambda pair: _read_conversations(large, pair[0]),
                    lambda pair: _read_conversations(small, pair[1]),
                    _paired(chance, ids, sizes.pages // _PAGES_EACH),
                )
            )
            for _ in range(sizes.page_rounds)
        ]
    return compared("events.page.flat", rounds, count=sizes.pages, names=_names(sizes))


def _read_conversations(store: Store, session_ids: Iterable[str]) -> None:
    for session_id in session_ids:
        query = EventQuery(memva_session_id=session_id)
        cursor: EventCursor | None = None
        for _ in range(_PAGES_EACH):
            page = store.events.page(query, after=cursor, limit=_PAGE)
            assert len(page.events) == _PAGE
            cursor = page.next


def _single_append(sizes: Sizes, few: Path, many: Path) -> Figure:
    """Single appends to conversations of the large file, against as many of the small one's.

    In each round some of either file's conversations are taken up again, as many as are under way
    at any time. The durability is `normal`, so that waiting for the disk does not hide what grows.
    """
    chance = random.Random(0)
    with ExitStack() as stack:
        large, small = (
            stack.enter_context(SqliteStore.open(path, durability="normal", search=False))
            for path in (many, few)
        )
        ids = [[session.id for session in list_sessions(store)] for store in (large, small)]
        rounds = [
            together(
                in_turns(
                    lambda pair: append_each(large, pair[0]),
                    lambda pair: append_each(small, pair[1]),
                    (
                        [[_next_event(chance, id_) for id_ in chosen] for chosen in pair]
                        for pair in _paired(chance, live, sizes.flat_events)
                    ),
                )
            )
            for live in (
                [chance.sample(of_file, LIVE) for of_file in ids] for _ in range(sizes.flat_rounds)
            )
        ]
    return compared(
        "events.single_append.flat", rounds, count=sizes.flat_events, names=_names(sizes)
    )


def _paired(
    chance: random.Random, ids: Sequence[Sequence[str]], count: int
) -> Iterator[list[list[str]]]:
    """Yield as many of the large file's sessions as of the small one's, a block at a time."""
    for begin in range(0, count, BLOCK):
        yield [chance.choices(of_file, k=min(BLOCK, count - begin)) for of_file in ids]


def _next_event(chance: random.Random, session_id: str) -> Event:
    conversation = Conversation(chance, session_id=session_id, begin=_LATER)
    return event_of(conversation, conversation.small_line(), number=0)


def _names(sizes: Sizes) -> tuple[str, str]:
    return f"at {sizes.many_events:,}", f"at {sizes.few_events:,}"
