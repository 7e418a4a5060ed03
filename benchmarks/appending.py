"""Appending events: many in a transaction, and one in each."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from typing import Final, NamedTuple

from benchmarks import raw
from benchmarks.hosts import BLOCK, append_each, new_files
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import conversations, event_of
from memva import Event, record_events
from memva.adapters.sqlite import Durability

BATCH: Final = 500
"""How many events are appended at once."""

_EVENTS_EACH: Final = 200


class Batch(NamedTuple):
    """The same events for all contenders, made before the clock runs."""

    events: Sequence[Event]
    raw_events: Sequence[raw.RawEvent]


def bulk_append(sizes: Sizes, place: Place, durability: Durability) -> Figure:
    """Entities to committed rows through `record_events`, against `executemany` of their columns.

    What the columns hold is ready for both but for the JSON, which both have to make; the entities
    were validated when they were made, before the clock ran.
    """
    rounds = []
    for seed in range(sizes.bulk_rounds):
        with new_files(place, durability) as files:
            made = batches(
                files.add_sessions, seed, total=sizes.bulk_events, size=BATCH, placed=True
            )
            seconds = in_turns(
                lambda batch: record_events(files.store, batch.events),
                lambda batch: raw.append_batch(files.connection, batch.raw_events),
                made,
            )
        rounds.append(together(seconds))
    measure = f"events.bulk_append.{durability}"
    return compared(measure, rounds, count=sizes.bulk_events, names=("memva", "raw"))


def single_append(sizes: Sizes, place: Place, durability: Durability) -> Figure:
    """One event in a transaction of its own, as a host appends what Claude Code streams."""
    rounds = []
    with new_files(place, durability) as files:
        for seed in range(sizes.single_rounds):
            made = batches(
                files.add_sessions, seed, total=sizes.single_events, size=BLOCK, placed=False
            )
            seconds = in_turns(
                lambda batch: append_each(files.store, batch.events),
                lambda batch: _append_each_raw(files.connection, batch.raw_events),
                made,
            )
            rounds.append(together(seconds))
    measure = f"events.single_append.{durability}"
    return compared(measure, rounds, count=sizes.single_events, names=("memva", "raw"))


def batches(
    add_sessions: Callable[[Iterable[Event]], None],
    seed: int,
    *,
    total: int,
    size: int,
    placed: bool,
) -> Iterator[Batch]:
    """Yield `total` realistic events in batches, once the sessions that they begin were added.

    Events that are not `placed` were only streamed, so that their lines are not known.
    """
    turns = conversations(seed, events_each=_EVENTS_EACH)
    for begin in range(0, total, size):
        events = [
            event_of(conversation, conversation.line(), number=number if placed else 0)
            for conversation, number in islice(turns, min(size, total - begin))
        ]
        add_sessions(events)
        yield Batch(events, [raw.raw_event(event) for event in events])


def _append_each_raw(connection: sqlite3.Connection, events: Iterable[raw.RawEvent]) -> None:
    for event in events:
        raw.append(connection, event)
