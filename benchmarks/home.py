"""Whether a host's home screen, and the stats of a session, stay quick in a long history."""

from __future__ import annotations

from collections.abc import Iterator
from statistics import median
from time import perf_counter
from typing import Any

from benchmarks.grown import EVENTS_EACH
from benchmarks.hosts import BLOCK
from benchmarks.long_history import LARGEST, histories, next_of_largest
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import (
    CountingStore,
    get_session_stats,
    list_session_summaries,
    list_sessions,
    record_events,
)
from memva.adapters.sqlite import SqliteStore


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    with histories(sizes, place) as (large, small):
        yield _home(sizes, small, large)
        yield _stats(sizes, small, large)


def _home(sizes: Sizes, small: SqliteStore, large: SqliteStore) -> Figure:
    """The home screen of the large file, its largest session on it, against the small one's."""
    first = [_milliseconds(store, _look_at_home) for store in (large, small)]
    for store in (large, small):
        for _ in range(2):
            _look_at_home(store)
    rounds = [
        together(
            in_turns(
                lambda looks: _looks_at_home(large, looks),
                lambda looks: _looks_at_home(small, looks),
                _blocks(sizes.looks),
            )
        )
        for _ in range(sizes.look_rounds)
    ]
    names = (
        f"at {sizes.many_events:,} (first look {first[0]:.0f} ms)",
        f"at {sizes.few_events:,} (first look {first[1]:.0f} ms)",
    )
    return compared("sessions.home.flat", rounds, count=sizes.looks, names=names)


def _stats(sizes: Sizes, small: SqliteStore, large: SqliteStore) -> Figure:
    """The stats of the largest session, against those of any in the small file.

    Both were looked at before, so that they were kept; beside it stands how long the largest takes
    when it has just changed.
    """
    [some] = list_sessions(small, limit=1)
    rounds = [
        together(
            in_turns(
                lambda looks: _looks_at_stats(large, LARGEST, looks),
                lambda looks: _looks_at_stats(small, some.id, looks),
                _blocks(sizes.looks),
            )
        )
        for _ in range(sizes.look_rounds)
    ]
    changed = []
    for number in range(sizes.look_rounds):
        record_events(large, [next_of_largest(number)])
        changed.append(_milliseconds(large, lambda store: get_session_stats(store, LARGEST)))
    names = (
        f"{sizes.largest_events:,} events (just changed {median(changed):.0f} ms)",
        f"{EVENTS_EACH:,} events",
    )
    return compared("sessions.stats.flat", rounds, count=sizes.looks, names=names)


def _look_at_home(store: CountingStore) -> None:
    assert len(list_session_summaries(store, limit=50)) > 1


def _looks_at_home(store: CountingStore, looks: int) -> None:
    for _ in range(looks):
        _look_at_home(store)


def _looks_at_stats(store: CountingStore, session_id: str, looks: int) -> None:
    for _ in range(looks):
        assert get_session_stats(store, session_id).events


def _milliseconds(store: SqliteStore, look: Any) -> float:
    begin = perf_counter()
    look(store)
    return (perf_counter() - begin) * 1e3


def _blocks(looks: int) -> Iterator[int]:
    for begin in range(0, looks, BLOCK):
        yield min(BLOCK, looks - begin)
