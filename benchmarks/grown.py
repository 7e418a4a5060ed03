"""Files of many events, as they would have grown with memva, made quickly."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from contextlib import closing
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Final, TypeAlias

from benchmarks import raw
from benchmarks.hosts import add_sessions, begun
from benchmarks.place import Place
from benchmarks.workload import Conversation, Line, conversations, event_of
from memva import Event, record_events
from memva.adapters.sqlite import SqliteStore
from memva.domain.json import encode_json

NextLine: TypeAlias = Callable[[Conversation], Line]
"""What gives a conversation's next line."""

EVENTS_EACH: Final = 200
"""Events in each conversation: a million are five thousand conversations."""

_AT_ONCE: Final = 10_000


def grown(place: Place, total: int) -> Path:
    """Return a file of `total` small streamed events, grown as memva would have grown it."""
    return place.cached(f"grown-{total}.db", partial(grow, total=total))


def grow(path: Path, *, total: int, line: NextLine = Conversation.small_line) -> None:
    """Write the rows that memva would write, without its care, which takes no time here."""
    turns = conversations(total, events_each=EVENTS_EACH)
    SqliteStore.open(path, search=False).close()
    with closing(raw.connect(path, "normal")) as connection:
        connection.execute("PRAGMA synchronous = OFF")
        for begin in range(0, total, _AT_ONCE):
            events = [
                event_of(conversation, line(conversation), number=0)
                for conversation, _ in islice(turns, min(_AT_ONCE, total - begin))
            ]
            raw.add_sessions(connection, begun(events))
            rows = [raw.raw_event(event) for event in events]
            raw.append_rows(
                connection,
                [(*row.before, encode_json(row.data, field="data"), *row.after) for row in rows],
                [row.told for row in rows],
            )
            if begin == 0:
                _check_is_memvas_own(connection, events, path.parent)
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


def _check_is_memvas_own(
    connection: sqlite3.Connection, events: Sequence[Event], folder: Path
) -> None:
    """Raise unless the rows are those that memva itself makes of `events`."""
    twin = folder / "twin.db"
    with SqliteStore.open(twin, search=False) as store:
        add_sessions(store, begun(events))
        record_events(store, events)
    with closing(raw.connect(twin, "normal")) as other:
        for table in ("events", "responses"):
            grown, memvas = (
                file.execute(f"SELECT * FROM {table}").fetchall() for file in (connection, other)
            )
            if grown != memvas:
                raise AssertionError(f"the {table} of the grown file are not those memva writes")
