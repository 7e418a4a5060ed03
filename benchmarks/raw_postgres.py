"""The floor of jobs on PostgreSQL: the least that a host could write itself, in plain psycopg.

Its promises are memva's, as `benchmarks.raw_jobs` says of the floor on SQLite. It works on memva's
own table and indexes. Each step is one statement, prepared once, and so a transaction of its own;
the time is the server's, which asks nothing.
"""

from __future__ import annotations

import json
import os
from collections.abc import Sequence
from typing import Any, Final, NamedTuple

import attrs

from benchmarks.contenders import timed
from benchmarks.job_hosts import RESULT, TYPE
from benchmarks.raw_jobs import new_id
from benchmarks.schemas import RawConnection
from memva import JsonObject

_INSERT: Final = """
    INSERT INTO jobs (
        id, type, status, stage, priority, attempts, max_attempts, claims, scheduled_at,
        created_at, updated_at, unique_scope, checkpoint, result, data
    ) VALUES (
        %s, %s, 'pending', 'ready', 0, 0, 3, 0, now(), now(), now(), 'until_finished', 'null',
        'null', %s
    )
"""
# Where a job has become due since the last claim, it changes nothing: that one may come first.
_CLAIM: Final = """
    UPDATE jobs SET stage = 'claimed', status = 'processing', attempts = attempts + 1,
        claims = claims + 1, started_at = now(), updated_at = now(),
        lease_until = now() + interval '15 minutes', claim_token = %s
    WHERE position = ANY(ARRAY(
        SELECT position FROM jobs WHERE stage = 'ready' AND type = %s AND scheduled_at <= now()
        ORDER BY priority DESC, scheduled_at, created_at, position LIMIT %s
        FOR UPDATE SKIP LOCKED
    ))
    AND NOT EXISTS (SELECT FROM jobs WHERE stage = 'waiting' AND scheduled_at <= now())
    RETURNING position, claim_token, id, attempts, data
"""
_PROMOTE: Final = """
    UPDATE jobs SET stage = 'ready' WHERE stage = 'waiting' AND scheduled_at <= now()
"""
_COMPLETE: Final = """
    UPDATE jobs SET stage = NULL, status = 'completed', result = %s, error = NULL,
        completed_at = now(), updated_at = now(), lease_until = NULL
    WHERE position = %s AND claim_token = %s AND status = 'processing'
"""
_COMPLETE_MANY: Final = """
    UPDATE jobs SET stage = NULL, status = 'completed', result = done.result, error = NULL,
        completed_at = now(), updated_at = now(), lease_until = NULL
    FROM unnest(%b::text[], %b::bigint[], %b::text[]) AS done (result, position, claim_token)
    WHERE jobs.position = done.position AND jobs.claim_token = done.claim_token
        AND status = 'processing'
"""
_COMPLETED: Final = "SELECT count(*) FROM jobs WHERE status = 'completed'"


class RawJob(NamedTuple):
    """A claimed job."""

    position: int
    claim_token: str
    id: str
    attempts: int
    data: Any


@attrs.frozen
class RawPostgres:
    """The floor, which claims and completes jobs one by one, or so many in a batch."""

    connection: RawConnection
    in_batches: bool = False

    def add(self, datas: Sequence[JsonObject]) -> None:
        """Create jobs that are due at once."""
        with self.connection.transaction(), self.connection.cursor() as cursor:
            cursor.executemany(_INSERT, [(new_id(), TYPE, json.dumps(data)) for data in datas])

    def run(self, count: int) -> float:
        """Claim and complete so many."""
        return timed(lambda: self._run_batch(count) if self.in_batches else self._run(count))

    def completed(self) -> int:
        """Return how many jobs were completed."""
        [(count,)] = self.connection.execute(_COMPLETED).fetchall()
        return int(count)

    def claim(self, limit: int = 1) -> list[RawJob]:
        """Claim the first jobs that are due."""
        values = (os.urandom(16).hex(), TYPE, limit)
        rows = self.connection.execute(_CLAIM, values).fetchall()
        if not rows:
            self.connection.execute(_PROMOTE)
            rows = self.connection.execute(_CLAIM, values).fetchall()
        return [
            RawJob(position, token, id_, attempts, json.loads(data))
            for position, token, id_, attempts, data in rows
        ]

    def complete(self, jobs: Sequence[RawJob]) -> None:
        """Complete claimed jobs."""
        if len(jobs) == 1:
            [job] = jobs
            values: Any = (json.dumps(RESULT), job.position, job.claim_token)
            done = self.connection.execute(_COMPLETE, values).rowcount
        else:
            rows = [(json.dumps(RESULT), job.position, job.claim_token) for job in jobs]
            values = [list(column) for column in zip(*rows, strict=True)]
            done = self.connection.execute(_COMPLETE_MANY, values).rowcount
        if done != len(jobs):
            raise LookupError("a job is under another claim")

    def _run(self, count: int) -> None:
        for _ in range(count):
            self._run_batch(1)

    def _run_batch(self, count: int) -> None:
        jobs = self.claim(count)
        assert len(jobs) == count
        self.complete(jobs)
