"""Creating, finding, cancelling and deleting jobs; whoever runs them calls `services.claims`."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Sequence
from datetime import datetime, timedelta
from functools import partial
from typing import Final, get_args

from memva.domain.abilities import WatchableStore
from memva.domain.attempt import JobAttempt
from memva.domain.errors import InvalidValue, UniqueKeyTaken
from memva.domain.job import EndedStatus, Job, JobStatus, UniqueScope
from memva.domain.job_page import JobPage, JobQuery, JobStats
from memva.domain.json import JsonValue
from memva.domain.new_job import CreatedJob, NewJob
from memva.domain.ports import Store
from memva.domain.validation import check_each, check_limit, moment_or_none
from memva.services.ages import moment_ago
from memva.services.job_moves import move_any
from memva.services.waiting import Steps, in_this_thread, looked

_PRUNED_AT_ONCE: Final = 500
_LOOK_SECONDS: Final = 1.0


def create_job(
    store: Store,
    *,
    type: str,
    data: JsonValue = None,
    priority: int = 0,
    max_attempts: int = 3,
    scheduled_at: datetime | None = None,
    memva_session_id: str | None = None,
    concurrency_key: str | None = None,
    unique_key: str | None = None,
    unique_scope: UniqueScope = "until_finished",
    exist_ok: bool = True,
    timeout: timedelta | None = None,
    id: str | None = None,
    now: datetime | None = None,
) -> Job:
    """Store a new job and return it, or return the one that has its unique key.

    Inside `store.transaction()` it takes effect together with whatever else stands there.

    Args:
        store: Where to.
        type: Names the handler that will run it.
        data: What the handler is given.
        priority: Higher is sooner.
        max_attempts: How many claims it may be charged.
        scheduled_at: When it is due; at once where None.
        memva_session_id: The session it belongs to.
        concurrency_key: One job at a time runs per key, in the order of claims.
        unique_key: At most one such job of its type; a second creation stores nothing.
        unique_scope: How long: `until_claimed`, so that one may wait behind a running one, or
            `until_finished`.
        exist_ok: Whether the job that has the unique key is returned; with False,
            `UniqueKeyTaken` names it. `create_jobs` tells both apart without an error.
        timeout: How long one run may take.
        id: Its id; a new UUID where None.
        now: The present moment; the store's clock where None.

    Raises:
        JobExists: The id is taken.
        UniqueKeyTaken: The unique key is, and `exist_ok` is False.
        SessionNotFound: It belongs to a session that is not there.
        InvalidValue: A field has a value that it cannot have.
    """
    new = NewJob(
        type=type,
        data=data,
        priority=priority,
        max_attempts=max_attempts,
        scheduled_at=scheduled_at,
        memva_session_id=memva_session_id,
        concurrency_key=concurrency_key,
        unique_key=unique_key,
        unique_scope=unique_scope,
        timeout=timeout,
        id=id,
    )
    [created] = create_jobs(store, [new], now=now)
    if not (created.is_new or exist_ok):
        raise UniqueKeyTaken(type, str(unique_key), created.job.id)
    return created.job


def create_jobs(
    store: Store, jobs: Iterable[NewJob], *, now: datetime | None = None
) -> Sequence[CreatedJob]:
    """Store new jobs, all of them or none; return, in their order, what each came to.

    Where a unique key is taken, by a stored job or by one before it, nothing is stored for it; the
    job that has the key is returned, and `is_new` is False.

    Raises:
        JobExists: An id is taken.
        SessionNotFound: One belongs to a session that is not there.
        InvalidValue: The data of one is not JSON.
    """
    now = moment_or_none("now", now) or store.now()
    wanted = [job.created(now=now) for job in jobs]
    there = store.jobs.add(wanted)
    return [
        CreatedJob(job, is_new=job.id == new.id) for job, new in zip(there, wanted, strict=True)
    ]


def get_job(store: Store, job_id: str) -> Job:
    """Return the job with this id.

    Raises:
        JobNotFound: There is none.
    """
    return store.jobs.get(job_id)


def get_job_attempts(store: Store, job_id: str) -> Sequence[JobAttempt]:
    """Return a job's attempts, the first first; one that goes on has no outcome yet.

    Raises:
        JobNotFound: There is no job with this id.
    """
    with store.snapshot():
        job = store.jobs.get(job_id)
        attempts = store.jobs.attempts(job_id)
    last = job.last_attempt
    if last is None or (attempts and attempts[-1].number == last.number):
        return attempts
    return [*attempts, last]


def list_jobs(
    store: Store,
    *,
    status: JobStatus | Collection[JobStatus] | None = None,
    type: str | Collection[str] | None = None,
    memva_session_id: str | None = None,
    concurrency_key: str | None = None,
    after: int | None = None,
    limit: int = 100,
) -> JobPage:
    """Return a page of jobs, the last added first; iterating over it gives them.

    Args:
        store: Where from.
        status: Those with this status, or with one of these, alone.
        type: Those of this type, or of one of these, alone.
        memva_session_id: Those of this session alone.
        concurrency_key: Those of this key alone.
        after: The `next` of the page before this one; None for the first page.
        limit: How many at most.

    Raises:
        InvalidValue: `limit` is below 1, or there is no such status.
    """
    check_limit(limit)
    statuses = [status] if isinstance(status, str) else status
    check_each("status", statuses or (), get_args(JobStatus))
    query = JobQuery(
        statuses=statuses,
        types=[type] if isinstance(type, str) else type,
        memva_session_id=memva_session_id,
        concurrency_key=concurrency_key,
    )
    return store.jobs.find(query, after=after, limit=limit)


def get_active_job(
    store: Store, *, concurrency_key: str | None = None, memva_session_id: str | None = None
) -> Job | None:
    """Return the job of a key, of a session or of both that runs or waits for its next run.

    A job that was never claimed is not active yet, and one that has ended is not any more. A key
    has one active job at most; of several of a session's, the last added is returned.

    Raises:
        InvalidValue: Neither a key nor a session is named.
    """
    if concurrency_key is None and memva_session_id is None:
        raise InvalidValue("concurrency_key", None, "must be given where no session is")
    query = JobQuery(
        concurrency_key=concurrency_key, memva_session_id=memva_session_id, active=True
    )
    return next(iter(store.jobs.find(query, limit=1)), None)


def get_job_stats(store: Store, *, now: datetime | None = None) -> Sequence[JobStats]:
    """Return how many jobs there are of each type and status, sorted by type, then status.

    Each row of waiting jobs says since when the longest waiting of them is due. It is one
    statement, whatever the number of jobs.

    Raises:
        InvalidValue: `now` does not know its time zone.
    """
    return store.jobs.stats(now=moment_or_none("now", now))


def cancel_job(store: Store, job_id: str, *, now: datetime | None = None) -> Job:
    """Cancel a waiting job at once; ask the holder of a running one to give in. Return the job.

    A running job stays `processing`, and keeps its key, until its holder gives in or is rescued.

    Raises:
        JobNotFound: There is no job with this id.
        IllegalTransition: The job has ended already.
    """
    return move_any(store, job_id, lambda job, now: job.cancel_requested(now=now), now)


def retry_job(store: Store, job_id: str, *, now: datetime | None = None) -> Job:
    """Begin a job anew that failed or was cancelled, and return it.

    It is due at once, all of its attempts are left, and its checkpoint and its history stay.

    Raises:
        JobNotFound: There is no job with this id.
        IllegalTransition: It has neither failed nor been cancelled.
        UniqueKeyTaken: Another job has its unique key meanwhile.
    """
    return move_any(store, job_id, lambda job, now: job.retried(now=now), now)


def prune_jobs(
    store: Store,
    *,
    older_than: timedelta,
    status: EndedStatus | Collection[EndedStatus] = ("completed", "cancelled"),
    on_progress: Callable[[int], None] | None = None,
    now: datetime | None = None,
) -> int:
    """Delete jobs that ended some time ago, with their attempts; return how many.

    It goes by small batches, so that no other writer waits long. What was deleted before an error
    stays deleted.

    Args:
        store: Where from.
        older_than: How long ago they ended at least.
        status: How they ended: one way, or several. Failed ones are kept unless they are named.
        on_progress: Told how many have been deleted so far, after each batch.
        now: The present moment; the store's clock where None.

    Raises:
        InvalidValue: `older_than` is below zero, or a status is none in which a job has ended.
    """
    statuses = [status] if isinstance(status, str) else status
    check_each("status", statuses, get_args(EndedStatus))
    ended_before = moment_ago(store, older_than, now)
    deleted = 0
    for wanted in statuses:
        while batch := store.jobs.prune(wanted, ended_before=ended_before, limit=_PRUNED_AT_ONCE):
            deleted += batch
            if on_progress is not None:
                on_progress(deleted)
    return deleted


def wait_for_job(store: WatchableStore, job_id: str, *, timeout: float | None = None) -> Job:
    """Return a job once it has ended: completed, failed for good, or cancelled.

    While a server restarts it waits up to a minute, and goes on.

    Args:
        store: Where it is.
        job_id: Which.
        timeout: How many seconds to wait at most; None for as long as it takes.

    Raises:
        JobNotFound: There is no job with this id, or it was deleted meanwhile.
        TimeoutError: It has not ended in time.
        StoreUnavailable: The store was closed meanwhile, or could not be reached for a minute, or
            when `timeout` had passed.
    """
    [job] = in_this_thread(store, job_steps(store, job_id, timeout=timeout))
    return job


def job_steps(store: WatchableStore, job_id: str, *, timeout: float | None = None) -> Steps[Job]:
    """Return the steps of `wait_for_job`, which has the same arguments and errors."""
    begin, left = time.monotonic(), timeout
    look = partial(store.jobs.get, job_id)
    while (job := (yield from looked(look, patience=left))).completed_at is None:
        if timeout is not None:
            left = begin + timeout - time.monotonic()
            if left <= 0:
                raise TimeoutError(f"job {job_id!r} is {job.status} after {timeout} seconds")
        yield _LOOK_SECONDS if left is None else min(left, _LOOK_SECONDS)
    yield [job]
