"""Databases of the TypeScript Memva, of each age, which a test writes with SQL."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from memva import (
    DatabaseImportReport,
    Event,
    EventQuery,
    Session,
    Store,
    import_memva_database,
    list_jobs,
    list_sessions,
)
from memva.adapters.typescript_memva import TypescriptMemva

CLAUDE = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"

FIRST = (
    """
    CREATE TABLE sessions (
        id TEXT PRIMARY KEY, title TEXT, created_at TEXT NOT NULL, updated_at TEXT NOT NULL,
        status TEXT NOT NULL, project_path TEXT NOT NULL, metadata TEXT
    )
    """,
    """
    CREATE TABLE events (
        uuid TEXT PRIMARY KEY, session_id TEXT NOT NULL, event_type TEXT NOT NULL,
        timestamp TEXT NOT NULL, is_sidechain INTEGER NOT NULL, parent_uuid TEXT,
        cwd TEXT NOT NULL, project_name TEXT NOT NULL, data TEXT NOT NULL
    )
    """,
)
JOBS = """
    CREATE TABLE jobs (
        id TEXT PRIMARY KEY, type TEXT NOT NULL, data TEXT, status TEXT NOT NULL,
        priority INTEGER, attempts INTEGER, max_attempts INTEGER, error TEXT, result TEXT,
        scheduled_at TEXT, started_at TEXT, completed_at TEXT, created_at TEXT, updated_at TEXT
    )
"""
ASSOCIATED = (JOBS, "ALTER TABLE events ADD COLUMN memva_session_id TEXT")
GROWN = (
    "ALTER TABLE sessions ADD COLUMN claude_status TEXT",
    "ALTER TABLE sessions ADD COLUMN settings TEXT",
    "ALTER TABLE events ADD COLUMN visible INTEGER DEFAULT 1",
    "CREATE TABLE settings (id TEXT PRIMARY KEY, config TEXT)",
    """
    CREATE TABLE permission_requests (
        id TEXT PRIMARY KEY, session_id TEXT, tool_name TEXT, tool_use_id TEXT, input TEXT,
        status TEXT, decision TEXT, decided_at TEXT, created_at TEXT, expires_at TEXT
    )
    """,
)
LATEST = (*FIRST, *ASSOCIATED, *GROWN)
AGES: Mapping[str, tuple[str, ...]] = {
    "first": FIRST,
    "associated": (*FIRST, *ASSOCIATED),
    "latest": LATEST,
}


def at(second: int) -> str:
    """Return a moment as JavaScript writes it."""
    return f"2026-03-02T09:{second // 60:02}:{second % 60:02}.000Z"


class Seed:
    """A database of the TypeScript Memva."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def make(self, schema: tuple[str, ...] = LATEST, *, mode: str = "wal") -> Seed:
        """Make it, with tables alone."""
        with closing(sqlite3.connect(self.path)) as raw:
            raw.execute(f"PRAGMA journal_mode = {mode}")
        return self.run(*schema)

    def run(self, *statements: str) -> Seed:
        """Run statements, and close it."""
        with closing(sqlite3.connect(self.path)) as raw, raw:
            for statement in statements:
                raw.execute(statement)
        return self

    def put(self, table: str, **columns: Any) -> Seed:
        """Put a row into it, in place of the one with its key; objects and lists become JSON."""
        names, marks = ", ".join(columns), ", ".join("?" * len(columns))
        values = [
            json.dumps(value) if isinstance(value, dict | list) else value
            for value in columns.values()
        ]
        with closing(sqlite3.connect(self.path)) as raw, raw:
            raw.execute(f"INSERT OR REPLACE INTO {table} ({names}) VALUES ({marks})", values)
        return self

    def session(self, id: str = "s1", **columns: Any) -> Seed:
        return self.put(
            "sessions",
            **{
                "id": id,
                "title": "Fix the login",
                "created_at": at(0),
                "updated_at": at(30),
                "status": "active",
                "project_path": "/code/app",
                "metadata": None,
                **columns,
            },
        )

    def event(self, uuid: str = "row-1", second: int = 1, **columns: Any) -> Seed:
        return self.put(
            "events",
            **{
                "uuid": uuid,
                "session_id": CLAUDE,
                "event_type": "user",
                "timestamp": at(second),
                "is_sidechain": 0,
                "parent_uuid": None,
                "cwd": "/code/app",
                "project_name": "app",
                "data": {"type": "user", "content": f"prompt {uuid}"},
                **columns,
            },
        )

    def said(self, uuid: str, second: int, own: str, **columns: Any) -> Seed:
        """Put an answer that Claude Code gave the uuid `own`."""
        return self.event(
            uuid, second, **{"event_type": "assistant", "data": answer(own), **columns}
        )

    def job(self, id: str = "j1", **columns: Any) -> Seed:
        return self.put(
            "jobs",
            **{
                "id": id,
                "type": "session-runner",
                "data": {"prompt": "hi"},
                "status": "completed",
                "priority": 5,
                "attempts": 1,
                "max_attempts": 3,
                "error": None,
                "result": {"ok": True},
                "scheduled_at": at(1),
                "started_at": at(2),
                "completed_at": at(3),
                "created_at": at(1),
                "updated_at": at(3),
                **columns,
            },
        )


def answer(own: str, text: str = "Done.", **message: Any) -> dict[str, Any]:
    """Return an answer as the Agent SDK streams it."""
    return {
        "type": "assistant",
        "uuid": own,
        "session_id": CLAUDE,
        "parent_tool_use_id": None,
        "message": {
            "id": "msg-1",
            "role": "assistant",
            "model": "claude-1",
            "content": [{"type": "text", "text": text}],
            "stop_reason": None,
            "usage": {"input_tokens": 10, "output_tokens": 1},
            **message,
        },
    }


def imported(store: Store, seed: Seed, **options: Any) -> DatabaseImportReport:
    with TypescriptMemva(seed.path) as source:
        return import_memva_database(store, source, **options)


def all_events(store: Store) -> list[Event]:
    return list(store.events.page(EventQuery(), limit=100_000).events)


def everything(store: Store) -> list[Any]:
    """Return all that an import stores, positions included: nothing was even stored anew."""
    return [*list_sessions(store, archived=None), *all_events(store), *list_jobs(store)]


def only_session(store: Store) -> Session:
    [session] = list_sessions(store, archived=None)
    return session


def only_event(store: Store) -> Event:
    [event] = all_events(store)
    return event


def around(path: Path) -> dict[str, bytes]:
    """Return the bytes of a database and of all files beside it."""
    return {file.name: file.read_bytes() for file in path.parent.iterdir()}


@pytest.fixture
def seed(tmp_path: Path) -> Seed:
    (tmp_path / "typescript").mkdir()
    return Seed(tmp_path / "typescript" / "memva-prod.db")
