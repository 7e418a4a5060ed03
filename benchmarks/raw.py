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
from memva.adapters.sqlite.identity import APPLICATION_ID
from memva.adapters.sqlite.migrations import MIGRATIONS

Place: TypeAlias = tuple[str, str, str, str, int, int]
"""Where a page begins: after the event with these values of `_ORDER`."""

COLUMNS: Final = (
    "uuid, session_id, event_type, timestamp, is_sidechain, parent_uuid, cwd, project_name, data, "
    "memva_session_id, project_key, subpath, line, sort_at, said"
)
_ORDER: Final = "sort_at, project_key, session_id, subpath, line, position"
_INSERT: Final = f"INSERT INTO events ({COLUMNS}) VALUES ({', '.join('?' * 15)})"
_TELL: Final = f"""
    INSERT INTO responses VALUES ({", ".join("?" * 17)})
    ON CONFLICT DO UPDATE SET
        input_tokens = max(input_tokens, excluded.input_tokens),
        output_tokens = max(output_tokens, excluded.output_tokens),
        cache_creation_tokens = max(cache_creation_tokens, excluded.cache_creation_tokens),
        cache_read_tokens = max(cache_read_tokens, excluded.cache_read_tokens),
        positions = rtrim(positions, ']') || ',' || ltrim(excluded.positions, '[')
"""
_PAGE: Final = f"""
    SELECT {COLUMNS}, position FROM events
    WHERE memva_session_id = ? AND ({_ORDER}) > (?, ?, ?, ?, ?, ?) ORDER BY {_ORDER} LIMIT ?
"""
_DATA: Final = 8
_SESSION: Final = """
    INSERT INTO sessions (id, created_at, updated_at, status, project_path, claude_status)
    VALUES (?, ?, ?, 'active', '', 'completed')
"""
_NOW: Final = "2026-01-02T03:04:05.678901Z"


Told: TypeAlias = tuple[object, ...]
"""What a line tells of its response, but for the line's position."""


class RawEvent(NamedTuple):
    """An event's columns, ready but for the JSON of its data, and what it tells of its response."""

    before: tuple[object, ...]
    data: JsonObject
    after: tuple[object, ...]
    told: Told | None


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
        (
            event.memva_session_id,
            event.project_key,
            event.subpath,
            event.line,
            timestamp,
            said(event.data),
        ),
        told(
            event.data,
            (event.memva_session_id, event.session_id, event.project_key, event.subpath),
            (timestamp, event.line, event.project_name, event.is_sidechain),
        ),
    )


def said(line: Any) -> str | None:
    """Return what memva finds said in one of the lines that the benchmarks have."""
    content = line["message"]["content"] if line["type"] == "assistant" else ()
    if isinstance(content, str):
        return "answer"
    return "answer" if any(block["type"] == "text" for block in content) else None


def told(line: Any, place: tuple[object, ...], rest: tuple[object, ...]) -> Told | None:
    """Return what one of these lines tells of its response."""
    if line["type"] != "assistant":
        return None
    memva_session_id, session_id, project_key, subpath = place
    message = line["message"]
    usage = message["usage"]
    calls = [
        [block["name"], line.get("isSidechain", False), block["id"]]
        for block in message["content"]
        if isinstance(block, dict) and block["type"] == "tool_use"
    ]
    return (
        memva_session_id,
        session_id,
        message["id"],
        project_key,
        subpath,
        message["model"],
        *rest,
        message["stop_reason"] is not None,
        usage["input_tokens"],
        usage["output_tokens"],
        usage["cache_creation_input_tokens"],
        usage["cache_read_input_tokens"],
        json.dumps(calls, separators=(",", ":")) if calls else None,
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
    before, data, after, told = event
    connection.execute("BEGIN IMMEDIATE")
    position = connection.execute(_INSERT, (*before, json.dumps(data), *after)).lastrowid
    if told is not None:
        connection.execute(_TELL, (*told, f"[{position}]"))
    connection.execute("COMMIT")


def append_batch(connection: sqlite3.Connection, events: Sequence[RawEvent]) -> None:
    """Append many events in one transaction."""
    append_rows(
        connection,
        [(*event.before, json.dumps(event.data), *event.after) for event in events],
        [event.told for event in events],
    )


def append_rows(
    connection: sqlite3.Connection, rows: Sequence[Sequence[object]], told: Sequence[Told | None]
) -> None:
    """Append whole rows, and what they tell of responses, in one transaction."""
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, rows)
    [(last,)] = connection.execute("SELECT last_insert_rowid()").fetchall()
    connection.executemany(
        _TELL,
        [
            (*row, f"[{position}]")
            for position, row in enumerate(told, start=last - len(rows) + 1)
            if row is not None
        ],
    )
    connection.execute("COMMIT")


def page(connection: sqlite3.Connection, session_id: str, after: Place, *, limit: int) -> list[Any]:
    """Return the rows of a page and what their JSON says."""
    rows = connection.execute(_PAGE, (session_id, *after, limit)).fetchall()
    return [(row, json.loads(row[_DATA])) for row in rows]
