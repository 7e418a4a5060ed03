"""How a service moves a stored job: read it, apply a pure transition, write it, in one step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeAlias

from memva.domain.errors import LeaseLost
from memva.domain.job import Job, Transition
from memva.domain.job_change import JobChange
from memva.domain.ports import Store
from memva.domain.validation import moment_or_none

Move: TypeAlias = Callable[[Job, datetime], Transition]
"""Given the stored job and the present moment, it returns what the job becomes."""


def move_held(store: Store, job: Job, move: Move, now: datetime | None) -> Job:
    """Move a job, if it is under the claim that `job` carries, and return it.

    Raises:
        LeaseLost: It is under another claim; nothing was changed.
        JobNotFound: It is not there.
    """
    with store.transaction():
        return _store(store, get_held(store, job), move, now)


def get_held(store: Store, job: Job) -> Job:
    """Return the stored job, if it is under the claim that `job` carries.

    Raises:
        LeaseLost: It is under another claim.
        JobNotFound: It is not there.
    """
    stored = store.jobs.get(job.id)
    if stored.claim_token != job.claim_token:
        raise LeaseLost(job.id)
    return stored


def move_any(store: Store, job_id: str, move: Move, now: datetime | None) -> Job:
    """Move a job, whoever holds it, and return it.

    Raises:
        JobNotFound: It is not there.
    """
    with store.transaction():
        return _store(store, store.jobs.get(job_id), move, now)


def _store(store: Store, stored: Job, move: Move, now: datetime | None) -> Job:
    job, attempt = move(stored, moment_or_none("now", now) or store.now())
    if job is not stored:
        store.jobs.replace([JobChange(stored, job, attempt)])
    return job
