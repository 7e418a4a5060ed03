"""Changes of stored jobs in PostgreSQL: what each stores, and what refuses it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Final

import attrs

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.errors import is_duplicate
from memva.adapters.postgres.queue import stage_of
from memva.adapters.postgres.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    attempt_row,
    job_column_type,
    job_columns,
    job_from_row,
    placeholders,
)
from memva.domain.errors import (
    IllegalTransition,
    JobNotFound,
    LeaseLost,
    StoreError,
    UniqueKeyTaken,
)
from memva.domain.job import Job
from memva.domain.job_change import JobChange

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


@attrs.frozen
class StoredChange:
    """A change of a job as it is stored."""

    change: JobChange
    columns: dict[str, object]
    moves: bool

    @classmethod
    def of(cls, change: JobChange) -> StoredChange:
        """Return how `change` is stored."""
        changes = change.new.changes_from(change.old)
        columns = job_columns(changes)
        moves = not changes.keys().isdisjoint(("status", "scheduled_at", "started_at"))
        if moves:
            columns["stage"] = stage_of(change.new)
        return cls(change, columns, moves)

    @property
    def moved_key(self) -> str | None:
        """The concurrency key of which jobs may be ready now, or not any more; None where none."""
        return self.change.new.concurrency_key if self.moves else None

    @property
    def may_collide(self) -> bool:
        """Whether another job may have its unique key."""
        return self.moves and self.change.new.takes_unique_key

    @property
    def condition(self) -> Row:
        """The job's id, and the claim and the status that it must have."""
        old, new, _ = self.change
        return (new.id, old.claim_token, old.status)

    @property
    def attempt_row(self) -> Row | None:
        """What `_KEEP_ATTEMPT` stores, or None."""
        attempt = self.change.attempt
        return None if attempt is None else (*attempt_row(attempt), self.change.new.id)

    def store(self, connection: Connection) -> None:
        """Store it.

        Raises:
            JobNotFound: The job is not there.
            LeaseLost: It is under another claim.
            IllegalTransition: It has another status.
            UniqueKeyTaken: Another job has its unique key.
        """
        old, new, _ = self.change
        statement, values = (
            _changing(tuple(self.columns)),
            (*self.columns.values(), *self.condition),
        )
        if self.may_collide:
            found = _run_unless_taken(connection, statement, values, new)
        else:
            found = connection.run(statement, values)
        if not found:
            raise _refusal(connection, old, new)
        if self.attempt_row is not None:
            connection.run(_KEEP_ATTEMPT, self.attempt_row)


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
    rows = [change.attempt_row for change in changes if change.attempt_row is not None]
    if rows:
        connection.run_many(_KEEP_ATTEMPT, rows)


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


def _refusal(connection: Connection, old: Job, new: Job) -> Exception:
    """Return the error that says why `new` was not stored."""
    stored = connection.rows(SELECT_CLAIM, (new.id,))
    if not stored:
        return JobNotFound(new.id)
    [(token, status)] = stored
    if token != old.claim_token:
        return LeaseLost(new.id)
    return IllegalTransition(new.id, status, new.status)
