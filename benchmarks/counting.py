"""What keeping counts costs an append, and whether a host's home screen stays quick."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import islice
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any, Final
from unittest.mock import patch

from benchmarks import raw
from benchmarks.grown import grown
from benchmarks.hosts import BLOCK, add_sessions, begun
from benchmarks.measure import Figure, Round, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import BEGIN, Conversation, conversations, event_of
from memva import (
    CountingStore,
    Event,
    Session,
    get_session_stats,
    list_session_summaries,
    record_events,
)
from memva.adapters.sqlite import SqliteStore, events, rows

_BATCH: Final = 500
_EVENTS_EACH: Final = 200
_LARGEST: Final = "ffffffff-1a09-4e1c-8a9b-0b6d2f1c9e10"
_LATER: Final = BEGIN + timedelta(days=365)

# The schema without what is there for counting alone.
_WITHOUT: Final = (
    "DROP TRIGGER events_come",
    "DROP TRIGGER events_go",
    "DROP TRIGGER events_move",
    "DROP INDEX events_said",
    "DROP INDEX events_by_memva_session",
    """
    CREATE INDEX events_by_memva_session
        ON events (memva_session_id, sort_at, project_key, session_id, subpath, line)
        WHERE memva_session_id IS NOT NULL
    """,
)


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    yield _cost(sizes, place)
    few = place.copy(grown(place, sizes.few_events))
    many = place.copy(grown(place, sizes.many_events))
    with SqliteStore.open(few) as small, SqliteStore.open(many) as large:
        _add_largest(large, sizes.largest_events)
        yield _home(sizes, small, large)
        yield _stats(sizes, small, large)


def _cost(sizes: Sizes, place: Place) -> Figure:
    """Bulk appends with counts, against the same without.

    The durability is `normal`, so that waiting for the disk does not hide what it costs.
    """
    rounds = [_cost_round(sizes, place, seed) for seed in range(sizes.bulk_rounds)]
    rates = [sizes.bulk_events / median(seconds) for seconds in zip(*rounds, strict=True)]
    ratios = sorted(seconds.ours / seconds.floor for seconds in rounds)
    beside = f"with {rates[0]:,.0f}/s, without {rates[1]:,.0f}/s"
    return Figure(
        "events.bulk_append.counts_cost",
        median(ratios),
        f"{beside} ({ratios[0]:.2f} to {ratios[-1]:.2f})",
    )


def _cost_round(sizes: Sizes, place: Place, seed: int) -> Round:
    folder = place.new_folder()
    with (
        SqliteStore.open(folder / "counting.db", durability="normal") as counting,
        SqliteStore.open(folder / "plain.db", durability="normal") as plain,
    ):
        _leave_out_counts(folder / "plain.db")
        return together(
            in_turns(
                lambda batch: record_events(counting, batch),
                lambda batch: _record_without_counts(plain, batch),
                _batches(counting, plain, seed, total=sizes.bulk_events),
            )
        )


def _leave_out_counts(path: Path) -> None:
    connection = raw.connect(path, "normal")
    for statement in _WITHOUT:
        connection.execute(statement)
    connection.close()


def _record_without_counts(store: SqliteStore, batch: list[Event]) -> None:
    with _no_counts():
        record_events(store, batch)


@contextmanager
def _no_counts() -> Iterator[None]:
    with patch.object(rows, "said_in", _nothing), patch.object(events, "Counting", _NoCounting):
        yield


def _nothing(_: Event) -> None:
    return None


class _NoCounting:
    def __init__(self, _: Any) -> None:
        pass

    def appended(self, *_: Any) -> None:
        pass


def _batches(
    one: SqliteStore, other: SqliteStore, seed: int, *, total: int
) -> Iterator[list[Event]]:
    """Yield `total` realistic events in batches, the sessions they begin being in both stores."""
    turns = conversations(seed, events_each=_EVENTS_EACH)
    for begin in range(0, total, _BATCH):
        batch = [
            event_of(conversation, conversation.line(), number=number)
            for conversation, number in islice(turns, min(_BATCH, total - begin))
        ]
        for store in (one, other):
            add_sessions(store, begun(batch))
        yield batch


def _add_largest(store: SqliteStore, total: int) -> None:
    """Add the session that is the largest and was updated last."""
    store.sessions.add(Session(id=_LARGEST, created_at=_LATER, updated_at=_LATER, project_path=""))
    conversation = Conversation(random.Random(total), session_id=_LARGEST, begin=_LATER)
    for begin in range(0, total, _BATCH):
        size = min(_BATCH, total - begin)
        record_events(
            store,
            [event_of(conversation, conversation.small_line(), number=0) for _ in range(size)],
        )


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
    some = small.sessions.find(limit=1)[0].id
    rounds = [
        together(
            in_turns(
                lambda looks: _looks_at_stats(large, _LARGEST, looks),
                lambda looks: _looks_at_stats(small, some, looks),
                _blocks(sizes.looks),
            )
        )
        for _ in range(sizes.look_rounds)
    ]
    conversation = Conversation(random.Random(1), session_id=_LARGEST, begin=_LATER)
    changed = []
    for _ in range(sizes.look_rounds):
        record_events(large, [event_of(conversation, conversation.small_line(), number=0)])
        changed.append(_milliseconds(large, lambda store: get_session_stats(store, _LARGEST)))
    names = (
        f"{sizes.largest_events:,} events (just changed {median(changed):.0f} ms)",
        f"{_EVENTS_EACH:,} events",
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
