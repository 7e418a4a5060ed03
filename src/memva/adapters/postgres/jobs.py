"""Jobs in PostgreSQL."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.errors import is_division_by_zero, is_duplicate, is_foreign_key
from memva.adapters.postgres.job_changes import (
    SELECT_CLAIM,
    TAKES_KEY,
    alike_changes,
    keep_attempts,
    store_change,
    unique_holder,
)
from memva.adapters.postgres.job_pages import finding
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.queue import Claim, Queue
from memva.adapters.postgres.rows import (
    ATTEMPT_COLUMNS,
    JOB_COLUMNS,
    NEW_JOB_COLUMNS,
    attempt_from_row,
    job_columns,
    job_from_row,
    job_row,
    new_job_row,
    placeholders,
)
from memva.adapters.postgres.sessions import check_sessions
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.probe_number import probe_number
from memva.adapters.stored_jobs import StoredChange, is_untouched, stage_of
from memva.domain import validation
from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    JobExists,
    JobNotFound,
    StoreError,
)
from memva.domain.job import EndedStatus, Job
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobPage, JobQuery, JobStats
from memva.domain.time import FIRST
from memva.domain.validation import to_utc

_INSERT: Final = f"INSERT INTO jobs ({JOB_COLUMNS}, stage) VALUES ({placeholders(JOB_COLUMNS)}, %s)"
_INSERT_NEW: Final = f"""
    INSERT INTO jobs (
        {NEW_JOB_COLUMNS}, stage, status, attempts, claims, checkpoint, result
    )
    VALUES ({placeholders(NEW_JOB_COLUMNS)}, %s, 'pending', 0, 0, 'null', 'null')
"""
_AND_TELL: Final = " RETURNING pg_notify(%s, '')"
# Where the unique key is taken, nothing is stored; what else is refused is an error.
_UNLESS_TAKEN: Final = f" ON CONFLICT (type, unique_key) WHERE {TAKES_KEY} DO NOTHING"
_SELECT: Final = f"SELECT {JOB_COLUMNS} FROM jobs WHERE id = %s"
_HOLD: Final = f"{_SELECT} FOR NO KEY UPDATE"
_SELECT_KEY: Final = "SELECT concurrency_key FROM jobs WHERE id = %s"
_EXPIRED: Final = f"""
    SELECT {JOB_COLUMNS} FROM jobs WHERE stage = 'claimed' AND lease_until <= %s
    ORDER BY lease_until LIMIT %s
"""
_ATTEMPTS: Final = f"""
    SELECT {ATTEMPT_COLUMNS} FROM job_attempts
    WHERE position = (SELECT position FROM jobs WHERE id = %s) ORDER BY number
"""
_STATS: Final = """
    SELECT type, status, sum(number)::bigint, min(oldest_due) FROM (
        SELECT type, 'pending' AS status, count(*) AS number,
            min(scheduled_at) FILTER (WHERE scheduled_at <= %(now)s) AS oldest_due
        FROM jobs WHERE stage = 'ready' GROUP BY type
        UNION ALL
        SELECT type, 'pending', count(*), min(scheduled_at) FILTER (WHERE scheduled_at <= %(now)s)
        FROM jobs WHERE stage = 'waiting' GROUP BY type
        UNION ALL
        SELECT type, 'pending', count(*), min(scheduled_at) FILTER (WHERE scheduled_at <= %(now)s)
        FROM jobs WHERE stage = 'behind' GROUP BY type
        UNION ALL
        SELECT type, 'processing', count(*), NULL FROM jobs WHERE stage = 'claimed' GROUP BY type
        UNION ALL
        SELECT type, status, count(*), NULL FROM jobs WHERE completed_at IS NOT NULL
        GROUP BY status, type
    ) AS counted
    GROUP BY type, status ORDER BY type, status
"""
_PRUNE: Final = """
    DELETE FROM jobs WHERE position IN (
        SELECT position FROM jobs WHERE status = %s AND completed_at < %s
        ORDER BY completed_at LIMIT %s FOR UPDATE SKIP LOCKED
    )
"""
_MAY_HAVE_GONE: Final = (True, True, True, False)
"""The tries of a call that met a duplicate: whether one that is not found, as it may have been
deleted since, is a reason for another try."""

_CLAIMED_AT_ONCE: Final = 100
"""How many jobs one statement claims: each takes a lock, of which a server has some thousands."""

# How often a claim looks again where all that is ready is what others are about to take.
_SLACK, _MOST_PAUSES, _PAUSE_SECONDS = 8, 10, 0.002


class PostgresJobs:
    """The jobs of a PostgreSQL store, as `memva.domain.ports.JobRepository` has them."""

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

        def add_alone(connection: Connection) -> list[Job]:
            connection.rows(insert + _AND_TELL, (*rows[0], self._transactions.names.channel_name))
            return list(jobs)

        def add(connection: Connection) -> list[Job]:
            queue = Queue(connection, self._transactions.names)
            queue.lock(keys)
            there = list(jobs)
            if unique:
                for number, (job, row) in enumerate(zip(jobs, rows, strict=True)):
                    while not connection.run(insert + _UNLESS_TAKEN, row):
                        # A taken unique key hides what else is wrong with a job.
                        _check_new(connection, [job])
                        holder = unique_holder(connection, job)
                        if holder is not None:
                            there[number] = holder
                            break
            else:
                connection.run_many(insert, rows)
            queue.mend(keys)
            return there

        alone = len(jobs) == 1 and keys == {None} and not unique
        for may_go in _MAY_HAVE_GONE:
            try:
                return self._transactions.write(add_alone if alone else add, one_statement=alone)
            except StoreError as error:
                if not (is_duplicate(error) or is_foreign_key(error)):
                    raise
                with self._transactions.reading() as connection:
                    _check_new(connection, jobs)
                if not may_go:
                    raise
        raise AssertionError("the last try returns or raises")

    def get(self, job_id: str, /) -> Job:
        """Return the job with this id."""
        holds = self._transactions.holds()
        with self._transactions.reading(holds=holds) as connection:
            if holds:
                # A key's lock comes before the rows of its jobs.
                keys = connection.rows(_SELECT_KEY, (probe(job_id),))
                Queue(connection, self._transactions.names).lock(key for (key,) in keys)
            rows = connection.rows(_HOLD if holds else _SELECT, (probe(job_id),))
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
        """Return the first jobs of `query`, in the order in which they were added, or backwards."""
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
        validation.check_identifier("claim_token", claim_token)
        if worker_id is not None:
            validation.check_identifier("worker_id", worker_id)
        claim = Claim(
            claim_token=claim_token,
            lease=lease,
            types=types,
            worker_id=worker_id,
            now=self._clock() if now is None else to_utc(now),
        )
        if self._transactions.in_scope():
            with self._transactions.transaction():
                return [job for jobs in self._claiming(claim, limit) for job in jobs]
        claimed: list[Job] = []
        try:
            for jobs in self._claiming(claim, limit):
                claimed += jobs
        except StoreError:
            # What is committed and not returned would be nobody's until its lease runs out.
            if not claimed:
                raise
        return claimed

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        """Return a moment before which no claim of these types can succeed."""
        with self._transactions.reading() as connection:
            queue = self._queue(connection)
            _, is_ready = queue.look(types, FIRST)
            return FIRST if is_ready else queue.first_waiting()

    def replace(self, changes: Sequence[JobChange], /) -> None:
        """Store what each `new` changes about its `old`, if that is how the stored job stands."""
        stored = [StoredChange.of(change, job_columns) for change in changes]
        keys = {change.moved_key for change in stored}
        one_step = keys <= {None} and not any(change.attempt for change in changes)
        alike = alike_changes(stored)

        def store_at_once(connection: Connection) -> None:
            queue = self._queue(connection)
            queue.lock(keys)
            for group in alike:
                group.store(connection)
            keep_attempts(connection, stored)
            queue.mend(keys)

        def store_one_by_one(connection: Connection) -> None:
            queue = self._queue(connection)
            queue.lock(keys)
            for change in stored:
                store_change(connection, change)
            queue.mend(keys)

        if alike:
            try:
                return self._transactions.write(
                    store_at_once, one_statement=one_step and len(alike) == 1
                )
            except StoreError as error:
                # One by one they tell which is refused.
                if not is_division_by_zero(error):
                    raise
        alone = one_step and len(stored) == 1 and not stored[0].may_collide
        for may_go in _MAY_HAVE_GONE:
            try:
                return self._transactions.write(store_one_by_one, one_statement=alone)
            except StoreError as error:
                if not (may_go and is_duplicate(error)):
                    raise
        raise AssertionError("the last try returns or raises")

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        """Return jobs whose lease ran out at or before `now`."""
        now = self._clock() if now is None else to_utc(now)
        with self._transactions.reading() as connection:
            rows = connection.rows(_EXPIRED, (now, probe_number(limit)))
        return [job_from_row(row) for row in rows]

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        """Return how many jobs there are of each type and status."""
        now = self._clock() if now is None else to_utc(now)
        with self._transactions.reading() as connection:
            rows = connection.rows(_STATS, {"now": now})
        return [JobStats(*row) for row in rows]

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        """Delete jobs that came to `status` before that moment, with their attempts."""
        values = (status, to_utc(ended_before), probe_number(limit))
        return self._transactions.write(lambda on: on.run(_PRUNE, values), one_statement=True)

    def _queue(self, connection: Connection) -> Queue:
        return Queue(connection, self._transactions.names)

    def _aside(self, move: Callable[[Queue], int]) -> int:
        """Move jobs between stages, of which nobody need be told."""
        return self._transactions.write(lambda on: move(self._queue(on)), tells=False)

    def _claiming(self, claim: Claim, limit: int) -> Iterator[list[Job]]:
        """Claim jobs step by step, at most `limit`; outside a transaction each is committed."""
        left, slack, pauses = limit, _SLACK, 0
        only = None if claim.types is None or self._transactions.in_scope() else _only(claim.types)
        passes_over_due = False
        while left:
            wanted = min(left, _CLAIMED_AT_ONCE)
            if only is not None:
                got = self._take_without_keys(claim, only, wanted)
            else:
                got = self._take(claim, wanted, slack, passes_over_due=passes_over_due)
            yield got
            left -= len(got)
            if len(got) == wanted:
                continue
            with self._transactions.reading() as connection:
                has_become_due, is_ready = self._queue(connection).look(claim.types, claim.now)
            if has_become_due and self._aside(lambda q: q.promote(claim.now)):
                continue
            if is_ready and only is not None:
                # One of them has a key.
                only = None
                continue
            if left < limit or not (has_become_due or is_ready):
                return
            if is_ready and self._aside(lambda q: q.have_wait(claim.types, claim.now)):
                continue
            # All that is left is what somebody else is at, who may leave it yet.
            if pauses < _MOST_PAUSES:
                pauses, slack = pauses + 1, slack * 2
                time.sleep(_PAUSE_SECONDS * random.uniform(0.5, 1.5))
            elif has_become_due and is_ready and not passes_over_due:
                # What became due is somebody else's for longer; others need not wait for that.
                passes_over_due = True
            else:
                return

    def _take_without_keys(self, claim: Claim, type_: str, limit: int) -> list[Job]:
        return self._transactions.write(
            lambda on: self._queue(on).take_without_keys(claim, type_, limit=limit),
            one_statement=True,
        )

    def _take(self, claim: Claim, limit: int, slack: int, *, passes_over_due: bool) -> list[Job]:
        return self._transactions.write(
            lambda on: self._queue(on).take(
                claim, limit=limit, slack=slack, passes_over_due=passes_over_due
            ),
            tells=False,
        )


def _only(types: Collection[str]) -> str | None:
    """Return the only one of `types`; None where there are several, or none."""
    return next(iter(types)) if len(set(types)) == 1 else None


def _check_new(connection: Connection, jobs: Sequence[Job]) -> None:
    """Raise what keeps `jobs` from being added, for the first of them that is refused."""
    ids: set[str] = set()
    for job in jobs:
        if job.id in ids or connection.rows(SELECT_CLAIM, (job.id,)):
            raise JobExists(job.id)
        ids.add(job.id)
        if job.memva_session_id is not None:
            check_sessions(connection, {job.memva_session_id})
