"""Changes of stored jobs in SQLite: what each stores, and what refuses it."""

from __future__ import annotations

from functools import cache
from typing import Final

import attrs

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.errors import is_duplicate
from memva.adapters.sqlite.queue import stage_of
from memva.adapters.sqlite.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    attempt_row,
    job_column,
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

SELECT_CLAIM: Final = "SELECT claim_token, status FROM jobs WHERE id = ?"
_SELECT_UNIQUE: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs
    WHERE type = ? AND unique_key = ? AND unique_key IS NOT NULL AND completed_at IS NULL
        AND (unique_scope = 'until_finished' OR started_at IS NULL)
"""
_CHANGE: Final = "UPDATE jobs SET {} WHERE id = ? AND claim_token IS ? AND status = ?"
_KEEP_ATTEMPT: Final = f"""
    INSERT OR IGNORE INTO job_attempts (position, {ATTEMPT_COLUMNS})
    SELECT position, {placeholders(ATTEMPT_COLUMNS)} FROM jobs WHERE id = ?
"""


@attrs.frozen
class StoredChange:
    """A change of a job as it is stored."""

    _change: JobChange
    _columns: dict[str, object]
    _moves: bool

    @classmethod
    def of(cls, change: JobChange) -> StoredChange:
        """Return how `change` is stored."""
        changes = change.new.changes_from(change.old)
        columns = {name: job_column(name, value) for name, value in changes.items()}
        moves = not changes.keys().isdisjoint(("status", "scheduled_at", "started_at"))
        if moves:
            columns["stage"] = stage_of(change.new)
        return cls(change, columns, moves)

    @property
    def moved_key(self) -> str | None:
        """The concurrency key of which jobs may be ready now, or not any more; None where none."""
        return self._change.new.concurrency_key if self._moves else None

    @property
    def is_one_statement(self) -> bool:
        """Whether it is stored, or refused, in one statement."""
        return self._change.attempt is None and not (
            self._moves and self._change.new.takes_unique_key
        )

    def store(self, connection: Connection) -> None:
        """Store it.

        Raises:
            JobNotFound: The job is not there.
            LeaseLost: It is under another claim.
            IllegalTransition: It has another status.
            UniqueKeyTaken: Another job has its unique key.
        """
        old, new, attempt = self._change
        held = (new.id, old.claim_token, old.status)
        try:
            if not connection.run(
                _changing(tuple(self._columns)), (*self._columns.values(), *held)
            ):
                raise _refusal(connection, old, new)
        except StoreError as error:
            if is_duplicate(error):
                holder = unique_holder(connection, new)
                raise UniqueKeyTaken(new.type, str(new.unique_key), holder.id) from error
            raise
        if attempt is not None:
            connection.run(_KEEP_ATTEMPT, (*attempt_row(attempt), new.id))


def unique_holder(connection: Connection, job: Job) -> Job:
    """Return the job that has the unique key of `job`."""
    [row] = connection.rows(_SELECT_UNIQUE, (job.type, job.unique_key))
    return job_from_row(row)


@cache
def _changing(columns: tuple[str, ...]) -> str:
    """Return the statement that stores these columns; transitions change few sets of them."""
    return _CHANGE.format(", ".join(f"{name} = ?" for name in columns) or "id = id")


def _refusal(connection: Connection, old: Job, new: Job) -> Exception:
    """Return the error that says why `new` was not stored."""
    stored = connection.rows(SELECT_CLAIM, (new.id,))
    if not stored:
        return JobNotFound(new.id)
    [(token, status)] = stored
    if token != old.claim_token:
        return LeaseLost(new.id)
    return IllegalTransition(new.id, status, new.status)
