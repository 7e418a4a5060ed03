"""What every benchmark of events does with a store, as a host would."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Final

import attrs

from benchmarks import raw
from benchmarks.place import Place
from benchmarks.workload import BEGIN
from memva import Event, Session, Store
from memva.adapters.sqlite import Durability, SqliteStore

BLOCK: Final = 25
"""How many small operations a contender does before it is the other's turn."""


@attrs.frozen
class Files:
    """A file of memva's and one of the floor's, both new."""

    store: SqliteStore
    connection: sqlite3.Connection

    def add_sessions(self, events: Iterable[Event]) -> None:
        """Add the sessions that begin with `events` to both."""
        ids = begun(events)
        add_sessions(self.store, ids)
        raw.add_sessions(self.connection, ids)


@contextmanager
def new_files(place: Place, durability: Durability) -> Iterator[Files]:
    """Give both files, which go when the block ends; the floor has no search either."""
    folder = place.new_folder()
    path = folder / "memva.db"
    with SqliteStore.open(path, durability=durability, search=False) as store:
        connection = raw.create(folder / "raw.db", durability)
        try:
            yield Files(store, connection)
        finally:
            connection.close()
    shutil.rmtree(folder)


def add_sessions(store: Store, ids: Iterable[str]) -> None:
    """Add a session for each of `ids`."""
    with store.transaction():
        for id_ in ids:
            store.sessions.add(Session(id=id_, created_at=BEGIN, updated_at=BEGIN, project_path=""))


def begun(events: Iterable[Event]) -> set[str]:
    """Return the conversations that begin with one of `events`."""
    return {event.session_id for event in events if event.parent_uuid is None}


def append_each(store: Store, events: Iterable[Event]) -> None:
    """Append events one by one, each in a transaction of its own."""
    for event in events:
        store.events.append([event])
