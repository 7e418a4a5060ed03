"""Changes of stored jobs in PostgreSQL: what each stores, and what refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import attrs

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.errors import is_duplicate
from memva.adapters.postgres.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    attempt_row,
    job_column_type,
    job_from_row,
    placeholders,
)
from memva.adapters.stored_jobs import StoredChange
from memva.domain.errors import StoreError, UniqueKeyTaken
from memva.domain.job import Job

TAKES_KEY: Final = """
    unique_key IS NOT NULL AND completed_at IS NULL
        AND (unique_scope = 'until_finished' OR started_at IS NULL)
"""
SELECT_CLAIM: Final = "SELECT claim_token, status FROM jobs WHERE id = %s"
_SELECT_UNIQUE: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE type = %s AND unique_key = %s AND {TAKES_KEY}
"""
_CHANGE: Final = """
    UPDATE jobs SET {} WHERE id = %s AND claim_token IS NOT DISTINCT FROM %s AND status = %s
"""
# Where one of them is refused, the division by zero undoes the others.
_CHANGE_SEVERAL: Final = """
    WITH changed AS (
        UPDATE jobs SET {settings} FROM unnest({arrays}) AS change ({names})
        WHERE jobs.id = change.id AND jobs.claim_token IS NOT DISTINCT FROM {held_token}
            AND jobs.status = {held_status}
        RETURNING 1
    )
    SELECT 1 / (count(*) = %(number)s)::int FROM changed
"""
_KEEP_ATTEMPT: Final = f"""
    INSERT INTO job_attempts (position, {ATTEMPT_COLUMNS})
    SELECT position, {placeholders(ATTEMPT_COLUMNS)} FROM jobs WHERE id = %s
    ON CONFLICT (position, number) DO NOTHING
"""


def store_change(connection: Connection, change: StoredChange) -> None:
    """Store a change.

    Raises:
        JobNotFound: The job is not there.
        LeaseLost: It is under another claim.
        IllegalTransition: It has another status.
        UniqueKeyTaken: Another job has its unique key.
    """
    statement = _changing(tuple(change.columns))
    values = (*change.columns.values(), *change.condition)
    new = change.change.new
    if change.may_collide:
        found = _run_unless_taken(connection, statement, values, new)
    else:
        found = connection.run(statement, values)
    if not found:
        raise change.refusal(connection.rows(SELECT_CLAIM, (new.id,)))
    for row in _attempt_rows([change]):
        connection.run(_KEEP_ATTEMPT, row)


@attrs.frozen
class AlikeChanges:
    """Changes of several jobs, in the same columns, which are stored in one statement."""

    changes: Sequence[StoredChange]

    def store(self, connection: Connection) -> None:
        """Store them; where one is refused, an error that `is_division_by_zero` undoes it."""
        names = ("id", "held_token", "held_status", *self.changes[0].columns)
        rows = [(*change.condition, *change.columns.values()) for change in self.changes]
        values: dict[str, object] = {"number": len(rows)}
        own = []
        for name, column in zip(names, zip(*rows, strict=True), strict=True):
            # Mostly they differ in little more than their ids.
            if name != "id" and all(value == column[0] for value in column):
                values[name] = column[0]
            else:
                own.append(name)
                values[name] = list(column)
        connection.rows(_changing_several(names[3:], tuple(own)), values)


def alike_changes(changes: Sequence[StoredChange]) -> list[AlikeChanges]:
    """Return `changes` by what is stored at once; nothing where each must be stored by itself.

    They come in the order of their ids, in which their rows are held.
    """
    ids = {change.change.new.id for change in changes}
    if len(changes) < 2 or len(ids) < len(changes) or any(c.may_collide for c in changes):
        return []
    groups: dict[tuple[str, ...], list[StoredChange]] = {}
    for change in sorted(changes, key=lambda change: change.change.new.id):
        groups.setdefault(tuple(change.columns), []).append(change)
    return [AlikeChanges(group) for group in groups.values()]


def keep_attempts(connection: Connection, changes: Iterable[StoredChange]) -> None:
    """Keep the attempts of changes that were stored at once."""
    rows = _attempt_rows(changes)
    if rows:
        connection.run_many(_KEEP_ATTEMPT, rows)


def _attempt_rows(changes: Iterable[StoredChange]) -> list[Row]:
    """Return what `_KEEP_ATTEMPT` stores for each change that keeps an attempt."""
    return [
        (*attempt_row(attempt), new.id)
        for _, new, attempt in (stored.change for stored in changes)
        if attempt is not None
    ]


def unique_holder(connection: Connection, job: Job) -> Job | None:
    """Return the job that has the unique key of `job`, or None where it has none any more."""
    rows = connection.rows(_SELECT_UNIQUE, (job.type, job.unique_key))
    return job_from_row(rows[0]) if rows else None


def _run_unless_taken(connection: Connection, statement: str, values: Row, new: Job) -> int:
    """Run a statement; where it fails as the unique key of `new` is taken, tell of its holder."""
    connection.script("SAVEPOINT change")
    try:
        found = connection.run(statement, values)
    except StoreError as error:
        if not is_duplicate(error):
            raise
        connection.script("ROLLBACK TO change")
        holder = unique_holder(connection, new)
        if holder is None:
            raise
        raise UniqueKeyTaken(new.type, str(new.unique_key), holder.id) from error
    connection.script("RELEASE change")
    return found


@cache
def _changing(names: tuple[str, ...]) -> str:
    """Return the statement that stores these columns; transitions change few sets of them."""
    return _CHANGE.format(", ".join(f"{name} = %s" for name in names) or "id = id")


@cache
def _changing_several(names: tuple[str, ...], own: tuple[str, ...]) -> str:
    """Return the statement that stores these columns of several jobs, each with its `own`."""

    def value(name: str) -> str:
        return f"change.{name}" if name in own else f"%({name})s::{job_column_type(name)}"

    return _CHANGE_SEVERAL.format(
        settings=", ".join(f"{name} = {value(name)}" for name in names) or "id = jobs.id",
        arrays=", ".join(f"%({name})b::{job_column_type(name)}[]" for name in own),
        names=", ".join(own),
        held_token=value("held_token"),
        held_status=value("held_status"),
    )
