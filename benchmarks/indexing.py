"""What it costs an append that the file can be searched."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Final

from benchmarks.hosts import add_sessions, begun
from benchmarks.measure import Figure, Round, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import conversations, event_of
from memva import Event, record_events, search_events
from memva.adapters.sqlite import SqliteStore

_BATCH: Final = 500
_EVENTS_EACH: Final = 200


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figure: bulk append until a search finds everything, over bulk append without.

    The durability is `normal`, so that waiting for the disk does not hide what it costs.
    """
    rounds = [_round(sizes, place, seed) for seed in range(sizes.indexed_rounds)]
    names = ("without", "with")
    measure = "events.bulk_append.indexed_cost"
    yield compared(measure, rounds, count=sizes.indexed_events, names=names)


def _round(sizes: Sizes, place: Place, seed: int) -> Round:
    """Return what it took without, in the place of `ours`, and with."""
    folder = place.new_folder()
    with (
        SqliteStore.open(folder / "without.db", durability="normal", search=False) as without,
        SqliteStore.open(folder / "with.db", durability="normal") as indexed,
    ):
        rounds = in_turns(
            lambda batch: record_events(without, batch),
            lambda batch: record_events(indexed, batch),
            _batches((without, indexed), seed, total=sizes.indexed_events),
        )
        begin = perf_counter()
        assert search_events(indexed, "store", limit=1).hits
        rounds.append(Round(0, perf_counter() - begin))
    shutil.rmtree(folder)
    return together(rounds)


def _batches(stores: Sequence[SqliteStore], seed: int, *, total: int) -> Iterator[Sequence[Event]]:
    """Yield `total` realistic events in batches, the sessions they begin being there."""
    turns = conversations(seed, events_each=_EVENTS_EACH)
    for begin in range(0, total, _BATCH):
        events = [
            event_of(conversation, conversation.line(), number=number)
            for conversation, number in islice(turns, min(_BATCH, total - begin))
        ]
        for store in stores:
            add_sessions(store, begun(events))
        yield events
