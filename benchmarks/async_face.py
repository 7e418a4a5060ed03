"""The async face, beside `asyncio.to_thread` around the same calls."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Iterator, Sequence
from itertools import islice
from statistics import median
from typing import Final, TypeAlias

from benchmarks.hosts import BLOCK, add_sessions, begun
from benchmarks.measure import Figure, Round, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import conversations, event_of
from memva import Event, Store, aio, get_events_for_session, record_events
from memva.adapters.sqlite import SqliteStore

_EVENTS_EACH: Final = 50
_READ_AFTER: Final = 5

_Work: TypeAlias = Callable[[Store, Sequence[Event]], Coroutine[None, None, None]]


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figure: how much longer memva.aio takes, a median over the rounds.

    Events are appended one by one; after each fifth its session is read. Beside it stands what as
    many tasks at once come to as a block has events.
    """
    alone = _rounds(sizes, place, _append_and_read, _append_and_read_in_threads)
    at_once = _rounds(sizes, place, _at_once, _at_once_in_threads)
    ours, floor = (sizes.awaited_events / median(taken) for taken in zip(*alone, strict=True))
    beside = f"memva.aio {ours:,.0f}/s, to_thread {floor:,.0f}/s; {BLOCK} tasks at once: "
    yield Figure("aio.cost", _cost(alone), f"{beside}{_cost(at_once):.2f}")


def _cost(rounds: Sequence[Round]) -> float:
    return median(seconds.ours / seconds.floor for seconds in rounds)


def _rounds(sizes: Sizes, place: Place, ours: _Work, floor: _Work) -> list[Round]:
    """Have both do the same work, each on a file of its own."""
    folder = place.new_folder()
    rounds = []
    with (
        SqliteStore.open(folder / "ours.db", durability="normal") as our_store,
        SqliteStore.open(folder / "floor.db", durability="normal") as floor_store,
        asyncio.Runner() as runner,
    ):
        for seed in range(sizes.awaited_rounds):
            turns = conversations(seed, events_each=_EVENTS_EACH)
            events = [
                event_of(conversation, conversation.line(), number=number)
                for conversation, number in islice(turns, sizes.awaited_events)
            ]
            for store in (our_store, floor_store):
                add_sessions(store, begun(events))
            seconds = in_turns(
                lambda block: runner.run(ours(our_store, block)),
                lambda block: runner.run(floor(floor_store, block)),
                [events[begin : begin + BLOCK] for begin in range(0, len(events), BLOCK)],
            )
            rounds.append(together(seconds))
    return rounds


async def _append_and_read(store: Store, events: Sequence[Event]) -> None:
    for number, event in enumerate(events):
        await aio.record_events(store, [event])
        if number % _READ_AFTER == 0:
            assert [e async for e in aio.get_events_for_session(store, event.session_id)]


async def _append_and_read_in_threads(store: Store, events: Sequence[Event]) -> None:
    for number, event in enumerate(events):
        await asyncio.to_thread(record_events, store, [event])
        if number % _READ_AFTER == 0:
            assert await asyncio.to_thread(_read, store, event.session_id)


def _read(store: Store, session_id: str) -> list[Event]:
    return list(get_events_for_session(store, session_id))


async def _at_once(store: Store, events: Sequence[Event]) -> None:
    await asyncio.gather(*(_append_and_read(store, [event]) for event in events))


async def _at_once_in_threads(store: Store, events: Sequence[Event]) -> None:
    await asyncio.gather(*(_append_and_read_in_threads(store, [event]) for event in events))
