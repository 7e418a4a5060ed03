"""The floor of jobs: the least that a host could write itself, in plain `sqlite3`.

Its promises are memva's: a claim is atomic, leaves no job that is due out of its order, counts
the attempt, is good for a lease and is fenced by a token; a job is completed by its holder alone.
Each step is one statement, which is a transaction of its own and takes SQLite's write lock at its
start, so that it needs no BEGIN and COMMIT; no quicker form of these promises was found. Jobs have
no keys here.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from typing import Any, Final, TypeAlias

RawJob: TypeAlias = tuple[int, str, str, int, Any]
"""A claimed job's position, the token of its claim, its id, its attempts and its data."""

_INSERT: Final = """
    INSERT INTO jobs (
        id, type, status, stage, priority, attempts, max_attempts, claims, scheduled_at,
        created_at, updated_at, unique_scope, checkpoint, result, data
    ) VALUES (?, ?, 'pending', 'ready', ?, 0, ?, 0, ?, ?, ?, 'until_finished', 'null', 'null', ?)
"""
_PRIORITY: Final = 0
_MAX_ATTEMPTS: Final = 3
# Where a job has become due since the last claim, it changes nothing: that one may come first.
_CLAIM: Final = """
    UPDATE jobs SET stage = 'claimed', status = 'processing', attempts = attempts + 1,
        claims = claims + 1, started_at = ?, updated_at = ?, lease_until = ?, claim_token = ?
    WHERE position = (
        SELECT position FROM jobs
        WHERE stage IN ('claimed', 'ready') AND stage = 'ready' AND type = ? AND scheduled_at <= ?
        ORDER BY priority DESC, scheduled_at, created_at, position LIMIT 1
    )
    AND NOT EXISTS (SELECT 1 FROM jobs WHERE stage = 'waiting' AND scheduled_at <= ?)
    RETURNING position, claim_token, id, attempts, data
"""
_PROMOTE: Final = "UPDATE jobs SET stage = 'ready' WHERE stage = 'waiting' AND scheduled_at <= ?"
_COMPLETE: Final = """
    UPDATE jobs SET stage = NULL, status = 'completed', result = ?, error = NULL, completed_at = ?,
        updated_at = ?, lease_until = NULL
    WHERE position = ? AND claim_token = ? AND status = 'processing'
"""
_LEASE: Final = timedelta(minutes=15)


def enqueue(connection: sqlite3.Connection, type_: str, data: object) -> str:
    """Store a job that is due at once, in a transaction of its own, and return its id."""
    row = _row(type_, data, _text(datetime.now(UTC)))
    connection.execute(_INSERT, row)
    return row[0]


def enqueue_batch(connection: sqlite3.Connection, type_: str, datas: Iterable[object]) -> list[str]:
    """Store jobs that are due at once, in one transaction, and return their ids."""
    now = _text(datetime.now(UTC))
    rows = [_row(type_, data, now) for data in datas]
    connection.execute("BEGIN IMMEDIATE")
    connection.executemany(_INSERT, rows)
    connection.execute("COMMIT")
    return [row[0] for row in rows]


def claim(connection: sqlite3.Connection, type_: str) -> RawJob | None:
    """Claim the first job of a type that is due, in a transaction of its own."""
    moment = datetime.now(UTC)
    now, lease_until, token = _text(moment), _text(moment + _LEASE), os.urandom(16).hex()
    values = (now, now, lease_until, token, type_, now, now)
    rows = connection.execute(_CLAIM, values).fetchall()
    if not rows:
        connection.execute("BEGIN IMMEDIATE")
        connection.execute(_PROMOTE, (now,))
        rows = connection.execute(_CLAIM, values).fetchall()
        connection.execute("COMMIT")
        if not rows:
            return None
    position, token, id_, attempts, data = rows[0]
    return position, token, id_, attempts, json.loads(data)


def complete(connection: sqlite3.Connection, job: RawJob, result: object) -> None:
    """Complete a claimed job, in a transaction of its own."""
    now = _text(datetime.now(UTC))
    values = (json.dumps(result), now, now, job[0], job[1])
    if connection.execute(_COMPLETE, values).rowcount != 1:
        raise LookupError(f"job {job[2]} is under another claim")


def _row(type_: str, data: object, now: str) -> tuple[str, str, int, int, str, str, str, str]:
    return new_id(), type_, _PRIORITY, _MAX_ATTEMPTS, now, now, now, json.dumps(data)


def new_id() -> str:
    """Return an id that grows with time, as a UUID of version 7 does."""
    digits = f"{time.time_ns() // 1_000_000:012x}7{os.urandom(10).hex()}"
    return f"{digits[:8]}-{digits[8:12]}-{digits[12:16]}-8{digits[17:20]}-{digits[20:32]}"


def _text(moment: datetime) -> str:
    return moment.isoformat(timespec="microseconds")[:26] + "Z"
