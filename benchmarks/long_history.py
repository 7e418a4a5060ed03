"""A long history and a short one; in the long one, one session is far larger than the others."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final, NamedTuple

from benchmarks.grown import grown
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import BEGIN, Conversation, event_of
from memva import Event, Session, record_events
from memva.adapters.sqlite import SqliteStore

LARGEST: Final = "ffffffff-1a09-4e1c-8a9b-0b6d2f1c9e10"
"""The largest session of the long history, and the one that was updated last."""

_BATCH: Final = 500
_LATER: Final = BEGIN + timedelta(days=365)


class Histories(NamedTuple):
    """Both, open."""

    long: SqliteStore
    short: SqliteStore


@contextmanager
def histories(sizes: Sizes, place: Place) -> Iterator[Histories]:
    """Give both, as files that may be written to."""
    name = f"long-{sizes.many_events}-{sizes.largest_events}.db"
    grown_before = grown(place, sizes.many_events)
    long = place.cached(name, partial(_make, grown_before=grown_before, total=sizes.largest_events))
    with (
        SqliteStore.open(place.copy(long), search=False) as large,
        SqliteStore.open(place.copy(grown(place, sizes.few_events)), search=False) as small,
    ):
        yield Histories(large, small)


def next_of_largest(number: int) -> Event:
    """Return an event that the largest session goes on with."""
    conversation = Conversation(random.Random(number), session_id=LARGEST, begin=_LATER)
    return event_of(conversation, conversation.small_line(), number=0)


def _make(path: Path, *, grown_before: Path, total: int) -> None:
    shutil.copy(grown_before, path)
    conversation = Conversation(random.Random(0), session_id=LARGEST, begin=_LATER)
    with SqliteStore.open(path, durability="normal", search=False) as store:
        store.sessions.add(
            Session(id=LARGEST, created_at=_LATER, updated_at=_LATER, project_path="")
        )
        for begin in range(0, total, _BATCH):
            size = min(_BATCH, total - begin)
            lines = [conversation.small_line() for _ in range(size)]
            record_events(store, [event_of(conversation, line, number=0) for line in lines])
