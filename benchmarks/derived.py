"""What it costs a bulk append that memva counts, and that it can search."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from time import perf_counter
from typing import Final

from benchmarks.hosts import add_sessions, begun
from benchmarks.measure import Figure, Round, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.uncounted import leave_out_counts, no_counts
from benchmarks.workload import conversations, event_of
from memva import Event, record_events, search_events
from memva.adapters.sqlite import SqliteStore

_BATCH: Final = 500
_EVENTS_EACH: Final = 200


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures: the time of bulk appends with it, over that of the same with neither.

    With search that is until a search has found something, so that all is indexed. The durability
    is `normal`, so that waiting for the disk does not hide what it costs.
    """
    for name, search in (("counts", False), ("indexed", True)):
        rounds = [
            _round(place, seed, total=sizes.derived_events, search=search)
            for seed in range(sizes.derived_rounds)
        ]
        measure = f"events.bulk_append.{name}_cost"
        yield compared(measure, rounds, count=sizes.derived_events, names=("without", "with"))


def _round(place: Place, seed: int, *, total: int, search: bool) -> Round:
    """Return what it took with neither, in the place of `ours`, and with."""
    folder = place.new_folder()
    with (
        SqliteStore.open(folder / "plain.db", durability="normal", search=False) as plain,
        SqliteStore.open(folder / "full.db", durability="normal", search=search) as full,
    ):
        leave_out_counts(folder / "plain.db")
        rounds = in_turns(
            lambda batch: _record_uncounted(plain, batch),
            lambda batch: record_events(full, batch),
            _batches((plain, full), seed, total=total),
        )
        if search:
            rounds.append(Round(0, _seconds(lambda: search_events(full, "store", limit=1))))
    shutil.rmtree(folder)
    return together(rounds)


def _record_uncounted(store: SqliteStore, batch: Sequence[Event]) -> None:
    with no_counts():
        record_events(store, batch)


def _seconds(work: Callable[[], object]) -> float:
    begin = perf_counter()
    assert work()
    return perf_counter() - begin


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
