"""Creating, claiming and ending jobs."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from datetime import datetime, timedelta

import attrs

from memva.domain.errors import IllegalTransition, InvalidValue, LeaseLost
from memva.domain.ids import new_id
from memva.domain.job import DEFAULT_LEASE, Job, JobStatus
from memva.domain.json import JsonValue
from memva.domain.ports import Store
from memva.domain.text import clean_text
from memva.domain.validation import check_limit, moment


def create_job(
    store: Store,
    *,
    type: str,
    data: JsonValue = None,
    priority: int = 0,
    max_attempts: int = 3,
    scheduled_at: datetime | None = None,
    memva_session_id: str | None = None,
    id: str | None = None,
    now: datetime | None = None,
) -> Job:
    """Store a new job and return it.

    Inside `store.transaction()` it takes effect together with whatever else stands there.

    Args:
        store: Where to.
        type: Names the handler that will run it.
        data: What the handler is given.
        priority: Higher is sooner.
        max_attempts: How many claims it may be charged.
        scheduled_at: When it is due; at once where None.
        memva_session_id: The session it belongs to.
        id: Its id; a new UUID where None.
        now: The present moment; the store's clock where None.

    Raises:
        JobExists: The id is taken.
        SessionNotFound: It belongs to a session that is not there.
        InvalidValue: A field has a value that it cannot have.
    """
    now = store.now() if now is None else now
    job = Job(
        id=new_id() if id is None else id,
        type=type,
        data=data,
        priority=priority,
        max_attempts=max_attempts,
        scheduled_at=now if scheduled_at is None else scheduled_at,
        created_at=now,
        updated_at=now,
        memva_session_id=memva_session_id,
    )
    store.jobs.add(job)
    return job


def get_job(store: Store, job_id: str) -> Job:
    """Return the job with this id.

    Raises:
        JobNotFound: There is none.
    """
    return store.jobs.get(job_id)


def list_jobs(
    store: Store,
    *,
    status: JobStatus | None = None,
    type: str | None = None,
    limit: int | None = None,
) -> Sequence[Job]:
    """Return jobs, the last created first; of those created together, the last added first.

    Args:
        store: Where from.
        status: Those with this status alone.
        type: Those of this type alone.
        limit: How many at most; all where None.

    Raises:
        InvalidValue: `limit` is below 1.
    """
    check_limit(limit)
    return store.jobs.find(status=status, type=type, limit=limit)


def get_next_job(
    store: Store,
    *,
    types: Collection[str] | None = None,
    worker_id: str | None = None,
    lease: timedelta = DEFAULT_LEASE,
    now: datetime | None = None,
) -> Job | None:
    """Claim the first job that is due and return it; None where none is.

    First is the higher priority, then what was due earlier, then what was created earlier. No other
    caller gets the same job. The job returned carries the claim: the calls that end it take it.

    Args:
        store: Where from.
        types: Jobs of these types alone; of any where None.
        worker_id: Names the claimer, for people to read.
        lease: How long the claim is good; `DEFAULT_LEASE` is 15 minutes.
        now: The present moment; the store's clock where None.

    Raises:
        InvalidValue: `lease` is not above zero, `types` is one text instead of several, or `now`
            does not know its time zone.
    """
    if isinstance(types, str):
        raise InvalidValue("types", types, "must be a collection of types")
    if lease <= timedelta(0):
        raise InvalidValue("lease", lease, "must be a timedelta above zero")
    return store.jobs.claim(
        claim_token=new_id(),
        lease=lease,
        types=types,
        worker_id=worker_id,
        now=moment("now", now),
    )


def complete_job(
    store: Store, job: Job, result: JsonValue = None, *, now: datetime | None = None
) -> Job:
    """End a claimed job as completed, with its result, and return it.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
        InvalidValue: `result` is not JSON.
    """
    return _end(store, job, lambda held, now: held.completed(result, now=now), now=now)


def fail_job(
    store: Store,
    job: Job,
    error: str,
    *,
    retry_at: datetime | None = None,
    now: datetime | None = None,
) -> Job:
    """End a claimed job's run as failed, and return the job.

    It becomes pending again, due at `retry_at`, where that is given and attempts are left; else it
    has failed for good.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
    """
    text = clean_text(error)
    return _end(
        store, job, lambda held, now: held.failed(text, now=now, retry_at=retry_at), now=now
    )


def cancel_job(store: Store, job_id: str, *, now: datetime | None = None) -> Job:
    """Cancel a waiting job at once; ask the holder of a running one to give in. Return the job.

    Raises:
        JobNotFound: There is no job with this id.
        IllegalTransition: The job has ended already.
    """
    with store.transaction():
        before = store.jobs.get(job_id)
        job = before.cancel_requested(now=store.now() if now is None else now)
        if job is not before:
            store.jobs.update(job, claim_token=before.claim_token)
    return job


def update_job_status(
    store: Store,
    job: Job | str,
    status: JobStatus,
    *,
    result: JsonValue = None,
    error: str | None = None,
    now: datetime | None = None,
) -> Job:
    """Move a job to another status and return it.

    Given the job that `get_next_job` returned, it is fenced by the claim that the job carries.
    Given an id, it is an operator's hand: a holder loses its claim.

    Args:
        store: Where the job is.
        job: The claimed job, or an id.
        status: `completed`, `failed` for good, `cancelled`, or `pending` to hand it back, which is
            not charged as an attempt.
        result: What a completed job returned.
        error: Why a job failed.
        now: The present moment; the store's clock where None.

    Raises:
        IllegalTransition: The job cannot go there; to `processing` it comes by a claim alone.
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        JobNotFound: It is not there.
    """

    def move(held: Job, now: datetime) -> Job:
        match status:
            case "completed":
                return held.completed(result, now=now)
            case "failed":
                return held.failed(None if error is None else clean_text(error), now=now)
            case "cancelled":
                return held.cancelled(now=now)
            case "pending":
                return held.released(now=now)
            case _:
                raise IllegalTransition(held.id, held.status, status)

    if isinstance(job, Job):
        return _end(store, job, move, now=now)
    with store.transaction():
        stored = store.jobs.get(job)
        moved = move(stored, store.now() if now is None else now)
        moved = attrs.evolve(moved, claim_token=None)
        store.jobs.update(moved, claim_token=stored.claim_token)
    return moved


def _end(
    store: Store, job: Job, change: Callable[[Job, datetime], Job], *, now: datetime | None
) -> Job:
    """Apply `change` to the stored job, if it is under the claim that `job` carries."""
    with store.transaction():
        held = store.jobs.get(job.id)
        if held.claim_token != job.claim_token:
            raise LeaseLost(job.id)
        changed = change(held, store.now() if now is None else now)
        store.jobs.update(changed, claim_token=held.claim_token)
    return changed
