"""Jobs in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from datetime import datetime, timedelta
from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.errors import is_duplicate, is_foreign_key
from memva.adapters.sqlite.rows import JOB_COLUMNS, job_from_row, job_row, probe
from memva.adapters.sqlite.transactions import Transactions
from memva.domain.errors import JobExists, JobNotFound, LeaseLost, SessionNotFound, StoreError
from memva.domain.job import Job, JobStatus
from memva.domain.json import encode_json
from memva.domain.time import to_text
from memva.domain.validation import to_utc

_VALUES: Final = ", ".join(f":{name}" for name in JOB_COLUMNS.split(", "))
_INSERT: Final = f"INSERT INTO jobs ({JOB_COLUMNS}) VALUES ({_VALUES})"
_SELECT: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?"
_SELECT_TOKEN: Final = "SELECT claim_token FROM jobs WHERE id = ?"
_FIND: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs
    WHERE (:status IS NULL OR status = :status) AND (:type IS NULL OR type = :type)
    ORDER BY created_at DESC, position DESC LIMIT :limit
"""
# The status stands as a literal: a bound one would miss the partial index.
_FIRST_DUE: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs
    WHERE status = 'pending' AND scheduled_at <= :now
        AND (:types IS NULL OR type IN (SELECT value FROM json_each(:types)))
    ORDER BY priority DESC, scheduled_at, created_at, position LIMIT 1
"""
_UPDATE: Final = f"""
    UPDATE jobs SET ({JOB_COLUMNS}) = ({_VALUES}) WHERE id = :id AND claim_token IS :held_token
"""


class SqliteJobs:
    """The jobs of a SQLite store; `memva.domain.ports.JobRepository` says what it does."""

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._clock = clock

    def add(self, job: Job, /) -> None:
        """Store a new job."""
        row = job_row(job)
        with self._transactions.writing() as connection:
            try:
                _write(connection, job, _INSERT, row)
            except StoreError as error:
                if is_duplicate(error):
                    raise JobExists(job.id) from error
                raise

    def get(self, job_id: str, /) -> Job:
        """Return the job with this id."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (probe(job_id),))
        if not rows:
            raise JobNotFound(job_id)
        return job_from_row(rows[0])

    def find(
        self, *, status: JobStatus | None = None, type: str | None = None, limit: int | None = None
    ) -> list[Job]:
        """Return jobs, the last created first."""
        narrowing = {
            "status": status,
            "type": None if type is None else probe(type),
            "limit": -1 if limit is None else limit,
        }
        with self._transactions.reading() as connection:
            rows = connection.rows(_FIND, narrowing)
        return [job_from_row(row) for row in rows]

    def claim(
        self,
        *,
        claim_token: str,
        lease: timedelta,
        types: Collection[str] | None = None,
        worker_id: str | None = None,
        now: datetime | None = None,
    ) -> Job | None:
        """Claim the first pending job that is due; None where none is."""
        now = self._clock() if now is None else to_utc(now)
        narrowing = {
            "now": to_text(now),
            "types": None if types is None else encode_json(list(types), field="types"),
        }
        # The lock is taken before the job is chosen, so that no two workers choose the same.
        with self._transactions.writing() as connection:
            rows = connection.rows(_FIRST_DUE, narrowing)
            if not rows:
                return None
            job = job_from_row(rows[0])
            claimed = job.claimed(
                now=now, lease=lease, claim_token=claim_token, worker_id=worker_id
            )
            _replace(connection, claimed, held_token=job.claim_token)
        return claimed

    def update(self, job: Job, /, *, claim_token: str | None) -> None:
        """Store `job` in place of the one with its id, if that is under this very claim."""
        with self._transactions.writing() as connection:
            if _replace(connection, job, held_token=claim_token):
                return
            if connection.rows(_SELECT_TOKEN, (job.id,)):
                raise LeaseLost(job.id)
            raise JobNotFound(job.id)


def _replace(connection: Connection, job: Job, *, held_token: str | None) -> int:
    return _write(connection, job, _UPDATE, {**job_row(job), "held_token": held_token})


def _write(connection: Connection, job: Job, sql: str, row: Mapping[str, object]) -> int:
    try:
        return connection.run(sql, row)
    except StoreError as error:
        if is_foreign_key(error):
            raise SessionNotFound(str(job.memva_session_id)) from error
        raise
