"""Jobs in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta
from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.errors import is_duplicate, is_foreign_key
from memva.adapters.sqlite.job_changes import SELECT_CLAIM, TAKES_KEY, store_change, unique_holder
from memva.adapters.sqlite.job_pages import finding
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.queue import (
    BEHIND,
    CLAIMED,
    CONCURRENCY_KEY,
    READY,
    SCHEDULED_AT,
    Queue,
)
from memva.adapters.sqlite.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    NEW_JOB_COLUMNS,
    attempt_from_row,
    job_columns,
    job_from_row,
    job_row,
    new_job_row,
    placeholders,
    text_or_null,
)
from memva.adapters.sqlite.sessions import check_sessions
from memva.adapters.sqlite.transactions import Transactions
from memva.adapters.stored_jobs import StoredChange, is_untouched, stage_of
from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    JobExists,
    JobNotFound,
    StoreError,
)
from memva.domain.job import EndedStatus, Job
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobPage, JobQuery, JobStats
from memva.domain.time import FIRST, from_text, to_text
from memva.domain.validation import to_utc

_INSERT: Final = f"INSERT INTO jobs ({JOB_COLUMNS}, stage) VALUES ({placeholders(JOB_COLUMNS)}, ?)"
_INSERT_NEW: Final = f"""
    INSERT INTO jobs (
        {NEW_JOB_COLUMNS}, stage, status, attempts, claims, checkpoint, result
    )
    VALUES ({placeholders(NEW_JOB_COLUMNS)}, ?, 'pending', 0, 0, 'null', 'null')
"""
# Where the unique key is taken, nothing is stored; what else is refused is an error.
_UNLESS_TAKEN: Final = f" ON CONFLICT (type, unique_key) WHERE {TAKES_KEY} DO NOTHING"
_SELECT: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = ?"
# What was seen must be there still: meanwhile the job may have been claimed and given up again.
_CLAIM: Final = """
    UPDATE jobs SET stage = 'claimed', status = ?, attempts = ?, claims = ?, started_at = ?,
        updated_at = ?, lease_until = ?, claim_token = ?, worker_id = ?
    WHERE position = ? AND stage = 'ready' AND id = ? AND claims = ? AND attempts = ?
"""
_EXPIRED: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE {CLAIMED} AND lease_until <= ?
    ORDER BY lease_until LIMIT ?
"""
_ATTEMPTS: Final = f"""
    SELECT {ATTEMPT_COLUMNS} FROM job_attempts
    WHERE position = (SELECT position FROM jobs WHERE id = ?) ORDER BY number
"""
# Each part reads an index that holds all it needs.
_STATS: Final = f"""
    SELECT type, status, sum(number), min(oldest_due) FROM (
        SELECT type, 'pending' AS status, count(*) AS number,
            min(CASE WHEN scheduled_at <= :now THEN scheduled_at END) AS oldest_due
        FROM jobs WHERE {READY} GROUP BY type
        UNION ALL
        SELECT type, 'pending', count(*), min(CASE WHEN scheduled_at <= :now THEN scheduled_at END)
        FROM jobs WHERE stage = 'waiting' GROUP BY type
        UNION ALL
        SELECT type, 'pending', count(*), min(CASE WHEN scheduled_at <= :now THEN scheduled_at END)
        FROM jobs WHERE concurrency_key IS NOT NULL AND {BEHIND} GROUP BY type
        UNION ALL
        SELECT type, 'processing', count(*), NULL
        FROM jobs WHERE {CLAIMED} GROUP BY type
        UNION ALL
        SELECT type, status, count(*), NULL
        FROM jobs WHERE completed_at IS NOT NULL GROUP BY status, type
    ) GROUP BY type, status ORDER BY type, status
"""
_ENDED_TYPES: Final = """
    WITH RECURSIVE types (type) AS (
        SELECT min(type) FROM jobs WHERE status = :status AND completed_at IS NOT NULL
        UNION ALL
        SELECT (
            SELECT min(jobs.type) FROM jobs
            WHERE status = :status AND completed_at IS NOT NULL AND jobs.type > types.type
        )
        FROM types WHERE types.type IS NOT NULL
    )
    SELECT type FROM types WHERE type IS NOT NULL
"""
_PRUNE: Final = """
    DELETE FROM jobs WHERE position IN (
        SELECT position FROM jobs
        WHERE status = ? AND type = ? AND completed_at < ? AND completed_at IS NOT NULL
        ORDER BY completed_at LIMIT ?
    )
"""


class SqliteJobs:
    """The jobs of a SQLite store; `memva.domain.ports.JobRepository` says what it does."""

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._clock = clock

    def add(self, jobs: Sequence[Job], /) -> list[Job]:
        """Store new jobs; return for each the job that is now there."""
        insert, row_of = (_INSERT, job_row)
        if all(map(is_untouched, jobs)):
            insert, row_of = (_INSERT_NEW, new_job_row)
        rows = [(*row_of(job), stage_of(job)) for job in jobs]
        keys = {job.concurrency_key for job in jobs}
        unique = any(job.unique_key is not None for job in jobs)
        alone = len(jobs) == 1 and keys == {None} and not unique
        there = list(jobs)
        try:
            with self._transactions.writing(one_statement=alone) as connection:
                if unique:
                    adding = insert + _UNLESS_TAKEN
                    for number, (job, row) in enumerate(zip(jobs, rows, strict=True)):
                        if not connection.run(adding, row):
                            # A taken unique key hides what else is wrong with a job.
                            _check_new(connection, [job])
                            there[number] = unique_holder(connection, job)
                elif alone:
                    connection.run(insert, rows[0])
                else:
                    connection.run_many(insert, rows)
                Queue(connection).mend(keys)
        except StoreError as error:
            if is_duplicate(error) or is_foreign_key(error):
                with self._transactions.reading() as connection:
                    _check_new(connection, jobs)
            raise
        return there

    def get(self, job_id: str, /) -> Job:
        """Return the job with this id."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (probe(job_id),))
        if not rows:
            raise JobNotFound(job_id)
        return job_from_row(rows[0])

    def find(
        self,
        query: JobQuery,
        /,
        *,
        after: int | None = None,
        oldest_first: bool = False,
        limit: int,
    ) -> JobPage:
        """Return the first jobs of `query`, the last added first, that follow `after`."""
        sql, values = finding(query, after=after, oldest_first=oldest_first)
        with self._transactions.reading() as connection:
            rows = connection.rows(sql, (*values, probe_number(limit + 1)))
        return JobPage(
            jobs=[job_from_row(row) for row in rows[:limit]],
            next=rows[limit - 1][-1] if len(rows) > limit else None,
        )

    def attempts(self, job_id: str, /) -> list[JobAttempt]:
        """Return the attempts that were kept of a job, the first first."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_ATTEMPTS, (probe(job_id),))
        return [attempt_from_row(job_id, row) for row in rows]

    def claim(
        self,
        *,
        claim_token: str,
        lease: timedelta,
        limit: int,
        types: Collection[str] | None = None,
        worker_id: str | None = None,
        now: datetime | None = None,
    ) -> list[Job]:
        """Claim the first jobs that are due, at most `limit`."""
        now = self._clock() if now is None else to_utc(now)
        moment = to_text(now)

        def take(connection: Connection, row: Row) -> Job | None:
            before = job_from_row(row)
            job = before.claimed(now=now, lease=lease, claim_token=claim_token, worker_id=worker_id)
            changes = _claim_row(job, moment)
            seen = (row[-1], before.id, before.claims, before.attempts)
            return job if connection.run(_CLAIM, (*changes, *seen)) else None

        if limit == 1:
            # A look takes no lock, and mostly nobody else takes what it finds.
            with self._transactions.reading() as connection:
                queue = Queue(connection)
                settled = not queue.has_become_due(moment)
                found = queue.first_ready(types, 1) if settled else []
            if settled and not found:
                return []
            if found and found[0][CONCURRENCY_KEY] is None and found[0][SCHEDULED_AT] <= moment:
                with self._transactions.writing(one_statement=True) as connection:
                    quick = take(connection, found[0])
                if quick is not None:
                    return [quick]
        while True:
            claimed: list[Job] = []
            # The lock is taken before the jobs are chosen: no two workers choose the same.
            with self._transactions.writing() as connection:
                queue = Queue(connection)
                queue.promote(moment)
                while len(claimed) < limit:
                    found = queue.first_due(types, moment, limit - len(claimed))
                    keys: set[str | None] = set()
                    for row in found:
                        if row[CONCURRENCY_KEY] is not None and row[CONCURRENCY_KEY] in keys:
                            continue
                        keys.add(row[CONCURRENCY_KEY])
                        if (job := take(connection, row)) is not None:
                            claimed.append(job)
                    queue.mend(keys)
                    if not found or keys == {None}:
                        # Keys may have held back some of those; others may stand behind them.
                        break
                left = queue.has_become_due(moment)
            # With so many that became due at once, those of these types may still be among them.
            if claimed or not left:
                return claimed

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        """Return a moment before which no claim of these types can succeed."""
        with self._transactions.reading() as connection:
            queue = Queue(connection)
            if queue.is_ready(types):
                return FIRST
            waiting = queue.first_waiting()
        return None if waiting is None else from_text(waiting)

    def replace(self, changes: Sequence[JobChange], /) -> None:
        """Store what each `new` changes about its `old`, if that is how the stored job stands."""
        stored = [StoredChange.of(change, job_columns) for change in changes]
        moved = {change.moved_key for change in stored} - {None}
        alone = len(stored) == 1 and not (moved or changes[0].attempt or stored[0].may_collide)
        with self._transactions.writing(one_statement=alone) as connection:
            for change in stored:
                store_change(connection, change)
            if moved:
                Queue(connection).mend(moved)

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        """Return jobs whose lease ran out at or before `now`."""
        now = self._clock() if now is None else to_utc(now)
        with self._transactions.reading() as connection:
            rows = connection.rows(_EXPIRED, (to_text(now), limit))
        return [job_from_row(row) for row in rows]

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        """Return how many jobs there are of each type and status."""
        now = self._clock() if now is None else to_utc(now)
        with self._transactions.reading() as connection:
            rows = connection.rows(_STATS, {"now": to_text(now)})
        return [
            JobStats(type_, status, count, None if oldest is None else from_text(oldest))
            for type_, status, count, oldest in rows
        ]

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        """Delete jobs that came to `status` before that moment, with their attempts."""
        before, deleted = to_text(to_utc(ended_before)), 0
        with self._transactions.writing() as connection:
            for (type_,) in connection.rows(_ENDED_TYPES, {"status": status}):
                deleted += connection.run(_PRUNE, (status, type_, before, limit - deleted))
        return deleted


def _check_new(connection: Connection, jobs: Sequence[Job]) -> None:
    """Raise what keeps `jobs` from being added, for the first of them that is refused."""
    ids: set[str] = set()
    for job in jobs:
        if job.id in ids or connection.rows(SELECT_CLAIM, (job.id,)):
            raise JobExists(job.id)
        ids.add(job.id)
        if job.memva_session_id is not None:
            check_sessions(connection, {job.memva_session_id})


def _claim_row(job: Job, now: str) -> Row:
    """Return what a claim at `now` changes, in the order of `_CLAIM`."""
    return (
        job.status,
        job.attempts,
        job.claims,
        now,
        now,
        text_or_null(job.lease_until),
        job.claim_token,
        job.worker_id,
    )
