"""Claiming jobs, and what a holder does with its claim: renew it, note a checkpoint, end it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from random import Random
from typing import Final

import attrs

from memva.domain.errors import IllegalTransition, InvalidValue, JobNotFound, LeaseLost
from memva.domain.ids import new_id
from memva.domain.job import DEFAULT_LEASE, Job, JobStatus, Transition
from memva.domain.job_change import JobChange
from memva.domain.json import JsonValue
from memva.domain.ports import Store
from memva.domain.rescue import Sightings
from memva.domain.retry import DEFAULT_RETRY, RetryPolicy
from memva.domain.text import clean_text
from memva.domain.time import later
from memva.domain.validation import check_limit, moment_or_none
from memva.services.job_moves import get_held, move_any, move_held

_RESCUED_AT_ONCE: Final = 500


def get_next_job(
    store: Store,
    *,
    types: Collection[str] | None = None,
    worker_id: str | None = None,
    lease: timedelta = DEFAULT_LEASE,
    claim_token: str | None = None,
    now: datetime | None = None,
) -> Job | None:
    """Claim the first job that is due and return it; None where none is.

    First is the higher priority, then what was due earlier, then what was created earlier. A job
    whose `concurrency_key` an active job holds is passed over. No other caller gets the same job.
    The job returned carries the claim: the calls that end it take it.

    Args:
        store: Where from.
        types: Jobs of these types alone; of any where None.
        worker_id: Names the claimer, for people to read.
        lease: How long the claim is good; `DEFAULT_LEASE` is 15 minutes.
        claim_token: Stands for the claim, and for no other ever; a new one where None.
        now: The present moment; the store's clock where None.

    Raises:
        InvalidValue: `lease` is not above zero, `types` is one text instead of several, or `now`
            does not know its time zone.
    """
    claimed = get_next_jobs(
        store,
        limit=1,
        types=types,
        worker_id=worker_id,
        lease=lease,
        claim_token=claim_token,
        now=now,
    )
    return claimed[0] if claimed else None


def get_next_jobs(
    store: Store,
    *,
    limit: int,
    types: Collection[str] | None = None,
    worker_id: str | None = None,
    lease: timedelta = DEFAULT_LEASE,
    claim_token: str | None = None,
    now: datetime | None = None,
) -> Sequence[Job]:
    """Claim the first jobs that are due, at most `limit`, and return them in their order.

    It is as if `get_next_job` were called that often, in one step. The arguments are those of
    `get_next_job`; the jobs share one claim token, and each is ended on its own.

    Raises:
        InvalidValue: As from `get_next_job`, or `limit` is below 1.
    """
    if isinstance(types, str):
        raise InvalidValue("types", types, "must be a collection of types")
    if lease <= timedelta(0):
        raise InvalidValue("lease", lease, "must be a timedelta above zero")
    check_limit(limit)
    return store.jobs.claim(
        claim_token=new_id() if claim_token is None else claim_token,
        lease=lease,
        limit=limit,
        types=types,
        worker_id=worker_id,
        now=moment_or_none("now", now),
    )


def complete_job(
    store: Store, job: Job, result: JsonValue = None, *, now: datetime | None = None
) -> Job:
    """End a claimed job as completed, with its result, and return it as far as `job` knew it.

    Inside `store.transaction()` the job and the effects stored there take effect together, exactly
    once.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
        InvalidValue: `result` is not JSON.
    """
    change = _completion(store, job, result, moment_or_none("now", now) or store.now())
    store.jobs.replace([change])
    return change.new


def complete_jobs(
    store: Store, results: Iterable[tuple[Job, JsonValue]], *, now: datetime | None = None
) -> Sequence[Job]:
    """End claimed jobs as completed, each with its result, all of them or none, in one step.

    They come back in the order given, as far as their callers knew them. Beside jobs that are ended
    one by one it saves a commit for each.

    Raises:
        LeaseLost: One does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: One has ended already.
        JobNotFound: One is not there any more.
        InvalidValue: A result is not JSON.
    """
    now = moment_or_none("now", now) or store.now()
    changes = [_completion(store, job, result, now) for job, result in results]
    store.jobs.replace(changes)
    return [change.new for change in changes]


def _completion(store: Store, job: Job, result: JsonValue, now: datetime) -> JobChange:
    # What was stored since the claim has no say in this, and need not be read; but whoever gives a
    # job that has ended is told why it cannot end.
    held = job if job.status == "processing" else get_held(store, job)
    return JobChange(held, held.completed(result, now=now).job)


def fail_job(
    store: Store,
    job: Job,
    error: str,
    *,
    retry: RetryPolicy = DEFAULT_RETRY,
    random: Random | None = None,
    now: datetime | None = None,
) -> Job:
    """End a claimed job's run in an error, and return the job.

    It becomes pending again, due when `retry` says, as long as attempts are left; else it has
    failed for good. A job that was asked to give in is cancelled.

    Args:
        store: Where it is.
        job: The claimed job.
        error: Why it failed, for people to read.
        retry: When it is tried again; `NoRetry()` fails it for good.
        random: Where `retry` takes chance from; a source of its own where None.
        now: The present moment; the store's clock where None.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
    """
    text = clean_text(error)

    def fail(held: Job, now: datetime) -> Transition:
        wait = retry(held.attempts, random or Random())
        return held.failed(text, now=now, retry_at=None if wait is None else later(now, wait))

    return move_held(store, job, fail, now)


def snooze_job(
    store: Store, job: Job, *, until: datetime | timedelta, now: datetime | None = None
) -> Job:
    """Hand a claimed job back, due at a moment or after a while, and return it.

    The attempt is not charged. A job that was asked to give in is cancelled.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
        InvalidValue: `until` does not know its time zone.
    """

    def snooze(held: Job, now: datetime) -> Transition:
        due = later(now, until) if isinstance(until, timedelta) else until
        return held.snoozed(until=due, now=now)

    return move_held(store, job, snooze, now)


def release_job(store: Store, job: Job, *, now: datetime | None = None) -> Job:
    """Hand a claimed job back, due as it was before, and return it.

    The attempt is not charged. A job that was asked to give in is cancelled.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
    """
    return move_held(store, job, lambda held, now: held.released(now=now), now)


def renew_lease(
    store: Store, job: Job, *, lease: timedelta = DEFAULT_LEASE, now: datetime | None = None
) -> Job:
    """Make a claim good for `lease` from now, and return the job.

    What is returned tells by its `cancel_requested_at` whether its holder is to give in. A lease
    that ran out can be renewed as long as nobody has taken the job.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
        InvalidValue: `lease` is not above zero.
    """
    if lease <= timedelta(0):
        raise InvalidValue("lease", lease, "must be a timedelta above zero")
    return move_held(
        store, job, lambda held, now: Transition(held.renewed(now=now, lease=lease)), now
    )


def checkpoint_job(
    store: Store, job: Job, checkpoint: JsonValue, *, now: datetime | None = None
) -> Job:
    """Note how far a claimed job has come, and return the job; the next attempt is given it.

    Raises:
        LeaseLost: `job` does not carry the claim that the job is under; nothing was changed.
        IllegalTransition: The job has ended already.
        JobNotFound: It is not there any more.
        InvalidValue: `checkpoint` is not JSON.
    """
    return move_held(
        store, job, lambda held, now: Transition(held.checkpointed(checkpoint, now=now)), now
    )


def rescue_expired_jobs(
    store: Store, sightings: Sightings, *, now: datetime | None = None
) -> Sequence[Job]:
    """Take jobs from holders that died, and return them as they are then.

    A lease counts as run out when this is called twice with the same `sightings`, an interval
    apart, and finds it expired both times. The holder loses its claim, the attempt is recorded as
    lost, and the job is due at once, or has failed where its attempts are spent.

    Raises:
        InvalidValue: `now` does not know its time zone.
    """
    now = moment_or_none("now", now) or store.now()
    rescued = []
    for seen in sightings.confirmed(store.jobs.expired(now=now, limit=_RESCUED_AT_ONCE)):

        def take(held: Job, now: datetime, seen: Job = seen) -> Transition:
            # Its holder may have renewed it since it was seen.
            if held.status != "processing" or held.lease_until != seen.lease_until:
                return Transition(held)
            return held.lost(now=now)

        # Somebody else may have rescued, ended or deleted it since then.
        with suppress(LeaseLost, JobNotFound):
            job = move_held(store, seen, take, now)
            if job.claim_token != seen.claim_token:
                rescued.append(job)
    return rescued


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
        InvalidValue: `result` is not JSON.
    """

    def move(held: Job, now: datetime) -> Transition:
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

    def take(held: Job, now: datetime) -> Transition:
        moved, attempt = move(held, now)
        return Transition(attrs.evolve(moved, claim_token=None), attempt)

    if isinstance(job, Job):
        return move_held(store, job, move, now)
    return move_any(store, job, take, now)
