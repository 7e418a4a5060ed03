"""The floor: the least that a host could write itself, in plain `sqlite3`, on memva's own schema.

It has the statements that memva needs and nothing around them: no entities, no idempotence, no
retries, no pool. The connection is set up as memva's is, so that both do the same work on disk.
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, TypeAlias

from memva import Event, JsonObject
from memva.adapters.sqlite import Durability
from memva.adapters.sqlite.migrations import APPLICATION_ID, MIGRATIONS

Place: TypeAlias = tuple[str, str, str, str, int, int]
"""Where a page begins: after the event with these values of `_ORDER`."""

_COLUMNS: Final = (
    "uuid, session_id, event_type, timestamp, is_sidechain, parent_uuid, cwd, project_name, data, "
    "memva_session_id, project_key, subpath, line, sort_at"
)
_ORDER: Final = "sort_at, project_key, session_id, subpath, line, position"
_INSERT: Final = f"INSERT INTO events ({_COLUMNS}) VALUES ({', '.join('?' * 14)})"
_PAGE: Final = f"""
    SELECT {_COLUMNS}, position FROM events
    WHERE memva_session_id = ? AND ({_ORDER}) > (?, ?, ?, ?, ?, ?) ORDER BY {_ORDER} LIMIT ?
"""
_DATA: Final = 8
_SESSION: Final = """
    INSERT INTO sessions (id, created_at, updated_at, status, project_path, claude_status)
    VALUES (?, ?, ?, 'active', '', 'completed')
"""
_NOW: Final = "2026-01-02T03:04:05.678901Z"


class RawEvent(NamedTuple):
    """An event's columns, ready but for the JSON of its data."""

    before: tuple[object, ...]
    data: JsonObject
    after: tuple[object, ...]


def raw_event(event: Event) -> RawEvent:
    """Return the columns of an event whose time is later than those before it."""
    timestamp = event.timestamp.isoformat(timespec="microseconds")[:26] + "Z"
    return RawEvent(
        (
            event.uuid,
            event.session_id,
            event.event_type,
            timestamp,
            event.is_sidechain,
            event.parent_uuid,
            event.cwd,
            event.project_name,
        ),
        event.data,
        (event.memva_session_id, event.project_key, event.subpath, event.line, timestamp),
    )


def connect(path: Path, durability: Durability) -> sqlite3.Connection:
    """Open a file that memva made, as memva does."""
    connection = sqlite3.connect(path, isolation_level=None, cached_statements=256)
    for setting in (
        "journal_mode = WAL",
        f"synchronous = {durability}",
        "fullfsync = ON",
        "checkpoint_fullfsync = ON",
        "foreign_keys = ON",
    ):
        connection.execute(f"PRAGMA {setting}")
    return connection


def create(path: Path, durability: Durability) -> sqlite3.Connection:
    """Make a file with memva's tables and indexes, and open it."""
    connection = connect(path, durability)
    for step in MIGRATIONS:
        for statement in step:
            connection.execute(statement)
    connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version = {len(MIGRATIONS)}")
    return connection


def add_sessions(connection: sqlite3.Connection, ids: Iterable[str]) -> None:
    """Add a session for each of `ids`."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_SESSION, [(id_, _NOW, _NOW) for id_ in ids])
    connection.execute("COMMIT")


def append(connection: sqlite3.Connection, event: RawEvent) -> None:
    """Append one event in a transaction of its own."""
    before, data, after = event
    connection.execute("BEGIN IMMEDIATE")
    connection.execute(_INSERT, (*before, json.dumps(data), *after))
    connection.execute("COMMIT")


def append_batch(connection: sqlite3.Connection, events: Sequence[RawEvent]) -> None:
    """Append many events in one transaction."""
    append_rows(connection, [(*before, json.dumps(data), *after) for before, data, after in events])


def append_rows(connection: sqlite3.Connection, rows: Sequence[Sequence[object]]) -> None:
    """Append whole rows in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, rows)
    connection.execute("COMMIT")


def page(connection: sqlite3.Connection, session_id: str, after: Place, *, limit: int) -> list[Any]:
    """Return the rows of a page and what their JSON says."""
    rows = connection.execute(_PAGE, (session_id, *after, limit)).fetchall()
    return [(row, json.loads(row[_DATA])) for row in rows]
