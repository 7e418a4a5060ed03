"""Changes of stored jobs in SQLite: what each stores, and what refuses it."""

from __future__ import annotations

from functools import cache
from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.errors import is_duplicate
from memva.adapters.sqlite.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    attempt_row,
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
SELECT_CLAIM: Final = "SELECT claim_token, status FROM jobs WHERE id = ?"
_SELECT_UNIQUE: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE type = ? AND unique_key = ? AND {TAKES_KEY}
"""
_CHANGE: Final = "UPDATE jobs SET {} WHERE id = ? AND claim_token IS ? AND status = ?"
_KEEP_ATTEMPT: Final = f"""
    INSERT OR IGNORE INTO job_attempts (position, {ATTEMPT_COLUMNS})
    SELECT position, {placeholders(ATTEMPT_COLUMNS)} FROM jobs WHERE id = ?
"""


def store_change(connection: Connection, change: StoredChange) -> None:
    """Store a change.

    Raises:
        JobNotFound: The job is not there.
        LeaseLost: It is under another claim.
        IllegalTransition: It has another status.
        UniqueKeyTaken: Another job has its unique key.
    """
    _, new, attempt = change.change
    statement = _changing(tuple(change.columns))
    try:
        found = connection.run(statement, (*change.columns.values(), *change.condition))
    except StoreError as error:
        if is_duplicate(error):
            holder = unique_holder(connection, new)
            raise UniqueKeyTaken(new.type, str(new.unique_key), holder.id) from error
        raise
    if not found:
        raise change.refusal(connection.rows(SELECT_CLAIM, (new.id,)))
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
