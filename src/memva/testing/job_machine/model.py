"""A plain model of the jobs of a store: dicts, and the rules as the docstrings tell them.

It has the services for jobs as methods of the same names and arguments, and nothing in common with
any store, nor with the transitions in `memva.domain.job`: each rule stands here once more, so that
the two can be told apart where one of them is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from random import Random
from typing import Any

import attrs

from memva.domain.attempt import AttemptOutcome, JobAttempt
from memva.domain.errors import (
    IllegalTransition,
    JobExists,
    LeaseLost,
    SessionExists,
    SessionNotFound,
    UniqueKeyTaken,
)
from memva.domain.job import EndedStatus, Job, JobStatus
from memva.domain.json import JsonValue
from memva.domain.new_job import CreatedJob, NewJob
from memva.domain.retry import RetryPolicy
from memva.domain.text import clean_text
from memva.testing.job_machine.kept import KeptJobs


class JobModel(KeptJobs):
    """What a store's jobs must be, whatever is done to them."""

    def __init__(self, monotonic: Callable[[], float]) -> None:
        """Begin empty.

        Args:
            monotonic: The clock by which rescuers tell how far apart their sightings are.
        """
        super().__init__()
        self._monotonic = monotonic
        self._sightings: dict[timedelta, dict[tuple[object, ...], float]] = {}

    @contextmanager
    def all_or_nothing(self) -> Iterator[None]:
        """Leave everything as it was before the block where the block raises."""
        before = self.kept
        try:
            yield
        except BaseException:
            self.kept = before
            raise

    def create_session(self, session_id: str) -> None:
        """Add a session."""
        if session_id in self.kept.sessions:
            raise SessionExists(session_id)
        self.kept = attrs.evolve(self.kept, sessions=self.kept.sessions | {session_id})

    def delete_session(self, session_id: str) -> None:
        """Delete a session with its jobs."""
        if session_id not in self.kept.sessions:
            raise SessionNotFound(session_id)
        self._delete([job for job in self.jobs if job.memva_session_id == session_id])
        self.kept = attrs.evolve(self.kept, sessions=self.kept.sessions - {session_id})

    def create_job(self, new: NewJob, *, exist_ok: bool, now: datetime) -> Job:
        """Create one job."""
        [created] = self.create_jobs([new], now=now)
        if not (created.is_new or exist_ok):
            raise UniqueKeyTaken(new.type, str(new.unique_key), created.job.id)
        return created.job

    def create_jobs(self, new: Sequence[NewJob], *, now: datetime) -> list[CreatedJob]:
        """Create several jobs, all of them or none."""
        with self.all_or_nothing():
            return [self._create(one, now) for one in new]

    def get_next_jobs(
        self,
        *,
        limit: int,
        types: Collection[str] | None,
        worker_id: str | None,
        lease: timedelta,
        claim_token: str,
        now: datetime,
    ) -> list[Job]:
        """Claim the first jobs that are due."""
        claimed: list[Job] = []
        busy: set[str | None] = set()
        for job in sorted(self.claimable(types), key=_place):
            if job.scheduled_at > now or job.concurrency_key in busy or len(claimed) == limit:
                continue
            busy |= {job.concurrency_key} - {None}
            job = self._store(
                job,
                status="processing",
                attempts=job.attempts + 1,
                claims=job.claims + 1,
                started_at=now,
                updated_at=now,
                lease_until=now + lease,
                claim_token=claim_token,
                worker_id=worker_id,
            )
            attempt = JobAttempt(
                job_id=job.id,
                number=job.claims,
                worker_id=worker_id,
                started_at=now,
                checkpoint=job.checkpoint,
            )
            self._keep([*self.kept.attempts[job.id], attempt])
            claimed.append(job)
        return claimed

    def renew_lease(self, job: Job, *, lease: timedelta, now: datetime) -> Job:
        """Make a claim good for longer."""
        held = _check(self._held(job), "processing", legal=("processing",))
        return self._store(held, lease_until=now + lease, updated_at=now)

    def checkpoint_job(self, job: Job, checkpoint: JsonValue, *, now: datetime) -> Job:
        """Note how far a job has come."""
        held = _check(self._held(job), "processing", legal=("processing",))
        *before, attempt = self.kept.attempts[job.id]
        self._keep([*before, attrs.evolve(attempt, checkpoint=checkpoint)])
        return self._store(held, checkpoint=checkpoint, updated_at=now)

    def complete_job(self, job: Job, result: JsonValue, *, now: datetime) -> Job:
        """End a claimed job with its result."""
        return self._complete(self._held(job), result, now)

    def fail_job(self, job: Job, error: str, *, retry: RetryPolicy, now: datetime) -> Job:
        """End a claimed job's run in an error."""
        held = self._held(job)
        wait = retry(held.attempts, Random())
        return self._fail(
            held, clean_text(error), now, retry_at=None if wait is None else now + wait
        )

    def snooze_job(self, job: Job, *, until: datetime | timedelta, now: datetime) -> Job:
        """Hand a claimed job back, due later."""
        due = now + until if isinstance(until, timedelta) else until
        return self._hand_back(self._held(job), "snoozed", now, scheduled_at=due)

    def release_job(self, job: Job, *, now: datetime) -> Job:
        """Hand a claimed job back, due as before."""
        return self._hand_back(self._held(job), "released", now)

    def update_job_status(
        self,
        job: Job | str,
        status: JobStatus,
        *,
        result: JsonValue = None,
        error: str | None = None,
        now: datetime,
    ) -> Job:
        """Move a claimed job, or, by an operator's hand, any job."""
        stored = self._held(job) if isinstance(job, Job) else self.get_job(job)
        match status:
            case "completed":
                moved = self._complete(stored, result, now)
            case "failed":
                text = None if error is None else clean_text(error)
                moved = self._fail(stored, text, now, retry_at=None)
            case "cancelled":
                moved = self._cancel(stored, now)
            case "pending":
                moved = self._hand_back(stored, "released", now)
            case _:
                raise IllegalTransition(stored.id, stored.status, status)
        return moved if isinstance(job, Job) else self._store(moved, claim_token=None)

    def cancel_job(self, job_id: str, *, now: datetime) -> Job:
        """Cancel a waiting job; ask the holder of a running one to give in."""
        job = self.get_job(job_id)
        if job.status != "processing":
            return self._cancel(job, now)
        if job.cancel_requested_at is not None:
            return job
        return self._store(job, cancel_requested_at=now, updated_at=now)

    def retry_job(self, job_id: str, *, now: datetime) -> Job:
        """Begin a job anew that failed or was cancelled."""
        job = _check(self.get_job(job_id), "pending", legal=("failed", "cancelled"))
        anew = attrs.evolve(
            job,
            status="pending",
            attempts=0,
            scheduled_at=now,
            started_at=None,
            completed_at=None,
            updated_at=now,
            claim_token=None,
            worker_id=None,
            cancel_requested_at=None,
        )
        holder = self.unique_holder(anew)
        if holder is not None:
            raise UniqueKeyTaken(job.type, str(job.unique_key), holder.id)
        return self._store(anew)

    def rescue_expired_jobs(self, interval: timedelta, *, now: datetime) -> list[Job]:
        """Take jobs from holders that died, by the rescuer whose sightings are `interval` apart."""
        moment = self._monotonic()
        before = self._sightings.get(interval, {})
        expired = {(job.id, job.claim_token, job.lease_until): job for job in self.expired(now=now)}
        seen = self._sightings[interval] = {lease: before.get(lease, moment) for lease in expired}
        return [
            self._lose(job, now)
            for lease, job in expired.items()
            if moment - seen[lease] >= interval.total_seconds()
        ]

    def prune_jobs(
        self, *, older_than: timedelta, status: Collection[EndedStatus], now: datetime
    ) -> int:
        """Delete jobs that ended some time ago."""
        gone = [
            job
            for job in self.jobs
            if job.status in status and job.completed_at and job.completed_at < now - older_than
        ]
        self._delete(gone)
        return len(gone)

    def prune(self, status: EndedStatus, *, ended_before: datetime, limit: int) -> list[int]:
        """Delete jobs, at most `limit` at once; return how many each time, until none is left."""
        left = self.prune_jobs(older_than=timedelta(0), status=[status], now=ended_before)
        return [min(limit, left - gone) for gone in range(0, left, limit)]

    def _create(self, new: NewJob, now: datetime) -> CreatedJob:
        assert new.id is not None
        if new.id in self.kept.jobs:
            raise JobExists(new.id)
        session = new.memva_session_id
        if session is not None and session not in self.kept.sessions:
            raise SessionNotFound(session)
        fields = attrs.asdict(new, recurse=False)
        fields["scheduled_at"] = new.scheduled_at or now
        job = Job(**fields, created_at=now, updated_at=now)
        holder = self.unique_holder(job)
        if holder is not None:
            return CreatedJob(holder, is_new=False)
        self.kept = attrs.evolve(self.kept, attempts={**self.kept.attempts, job.id: []})
        return CreatedJob(self._store(job), is_new=True)

    def _held(self, job: Job) -> Job:
        """Return the stored job where it is under the claim that `job` carries."""
        stored = self.get_job(job.id)
        if stored.claim_token != job.claim_token:
            raise LeaseLost(job.id)
        return stored

    def _complete(self, job: Job, result: JsonValue, now: datetime) -> Job:
        _check(job, "completed", legal=("processing",))
        self._end_attempt(job, "completed", now)
        return self._end(job, "completed", now, result=result, error=None)

    def _fail(self, job: Job, error: str | None, now: datetime, retry_at: datetime | None) -> Job:
        _check(job, "failed", legal=("processing",))
        if job.cancel_requested_at is not None:
            self._end_attempt(job, "cancelled", now, error)
            kept = job.error if error is None else error
            return self._end(job, "cancelled", now, error=kept)
        self._end_attempt(job, "failed", now, error)
        if retry_at is None or job.attempts >= job.max_attempts:
            return self._end(job, "failed", now, error=error)
        return self._wait(job, now, error=error, scheduled_at=retry_at)

    def _hand_back(self, job: Job, outcome: AttemptOutcome, now: datetime, **changes: Any) -> Job:
        _check(job, "pending", legal=("processing",))
        if job.cancel_requested_at is not None:
            return self._cancel(job, now)
        self._end_attempt(job, outcome, now)
        return self._wait(job, now, attempts=job.attempts - 1, **changes)

    def _lose(self, job: Job, now: datetime) -> Job:
        error = f"the lease of worker {job.worker_id or '(unnamed)'} ran out"
        self._end_attempt(job, "lost", now, error)
        if job.cancel_requested_at is not None:
            return self._end(job, "cancelled", now, error=error, claim_token=None)
        if job.attempts >= job.max_attempts:
            return self._end(job, "failed", now, error=error, claim_token=None)
        return self._wait(job, now, error=error)

    def _cancel(self, job: Job, now: datetime) -> Job:
        _check(job, "cancelled", legal=("pending", "processing"))
        if job.status == "processing":
            self._end_attempt(job, "cancelled", now)
        return self._end(job, "cancelled", now)

    def _wait(self, job: Job, now: datetime, **changes: Any) -> Job:
        return self._store(
            job, status="pending", updated_at=now, lease_until=None, claim_token=None, **changes
        )

    def _end(self, job: Job, status: EndedStatus, now: datetime, **changes: Any) -> Job:
        return self._store(
            job, status=status, completed_at=now, updated_at=now, lease_until=None, **changes
        )

    def _end_attempt(
        self, job: Job, outcome: AttemptOutcome, now: datetime, error: str | None = None
    ) -> None:
        *before, attempt = self.kept.attempts[job.id]
        ended = attrs.evolve(attempt, ended_at=now, outcome=outcome, error=error)
        self._keep([*before, ended])

    def _store(self, job: Job, **changes: Any) -> Job:
        job = attrs.evolve(job, **changes)
        self.kept = attrs.evolve(self.kept, jobs={**self.kept.jobs, job.id: job})
        return job

    def _keep(self, attempts: list[JobAttempt]) -> None:
        job_id = attempts[-1].job_id
        self.kept = attrs.evolve(self.kept, attempts={**self.kept.attempts, job_id: attempts})

    def _delete(self, jobs: Sequence[Job]) -> None:
        gone = {job.id for job in jobs}
        self.kept = attrs.evolve(
            self.kept,
            jobs={id_: job for id_, job in self.kept.jobs.items() if id_ not in gone},
            attempts={id_: past for id_, past in self.kept.attempts.items() if id_ not in gone},
        )


def _place(job: Job) -> tuple[int, datetime, datetime]:
    # Sorting is stable: of equals the one added first comes first.
    return -job.priority, job.scheduled_at, job.created_at


def _check(job: Job, wanted: JobStatus, *, legal: Collection[str]) -> Job:
    if job.status not in legal:
        raise IllegalTransition(job.id, job.status, wanted)
    return job
