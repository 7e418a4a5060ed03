"""Jobs in memory."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import TYPE_CHECKING

import attrs

from memva.adapters.memory.content import Content, own, with_job, without_jobs
from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    IllegalTransition,
    JobExists,
    JobNotFound,
    LeaseLost,
    UniqueKeyTaken,
)
from memva.domain.job import EndedStatus, Job, JobStatus
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobPage, JobQuery, JobStats
from memva.domain.validation import to_utc

if TYPE_CHECKING:
    from memva.adapters.memory.store import MemoryStore


class MemoryJobs:
    """The jobs of an in-memory store."""

    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def add(self, jobs: Sequence[Job], /) -> list[Job]:
        jobs = [own(job) for job in jobs]
        there = []
        with self._store.transaction(), self._store.writing() as scope:
            for job in jobs:
                if job.id in scope.content.jobs:
                    raise JobExists(job.id)
                scope.content.check_session(job.memva_session_id)
                holder = _unique_holder(scope.content, job)
                if holder is None:
                    scope.content = with_job(scope.content, job)
                there.append(own(holder or job))
        return there

    def get(self, job_id: str, /) -> Job:
        job = self._store.content().jobs.get(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return own(job)

    def find(
        self,
        query: JobQuery,
        /,
        *,
        after: int | None = None,
        oldest_first: bool = False,
        limit: int,
    ) -> JobPage:
        content = self._store.content()
        found = [
            (content.job_places[job.id], job)
            for job in content.jobs.values()
            if _is_meant(query, job)
        ]
        if not oldest_first:
            found.reverse()
        if after is not None:
            found = [(at, job) for at, job in found if (at > after if oldest_first else at < after)]
        page = found[:limit]
        return JobPage(
            jobs=[own(job) for _, job in page],
            next=page[-1][0] if len(found) > len(page) else None,
        )

    def attempts(self, job_id: str, /) -> list[JobAttempt]:
        kept = self._store.content().attempts.get(job_id, {})
        return [own(attempt) for _, attempt in sorted(kept.items())]

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
        now = self._store.now() if now is None else to_utc(now)
        claimed: list[Job] = []
        with self._store.writing() as scope:
            while len(claimed) < limit:
                due = [job for job in _free(scope.content, types) if job.scheduled_at <= now]
                if not due:
                    break
                first = min(due, key=lambda job: (-job.priority, job.scheduled_at, job.created_at))
                job = first.claimed(
                    now=now, lease=lease, claim_token=claim_token, worker_id=worker_id
                )
                scope.content = with_job(scope.content, job)
                claimed.append(job)
        return [own(job) for job in claimed]

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        free = _free(self._store.content(), types)
        return min((job.scheduled_at for job in free), default=None)

    def replace(self, changes: Sequence[JobChange], /) -> None:
        with self._store.transaction(), self._store.writing() as scope:
            for change in changes:
                scope.content = _changed(scope.content, change)

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        now = self._store.now() if now is None else to_utc(now)
        found = [
            (job.lease_until, job)
            for job in self._store.content().jobs.values()
            if job.status == "processing" and job.lease_until and job.lease_until <= now
        ]
        found.sort(key=lambda pair: pair[0])
        return [own(job) for _, job in found[:limit]]

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        now = self._store.now() if now is None else to_utc(now)
        jobs = sorted(self._store.content().jobs.values(), key=_kind)
        counted = []
        for (type_, status), group in groupby(jobs, key=_kind):
            alike = list(group)
            waiting = [job.scheduled_at for job in alike if status == "pending"]
            oldest = min((moment for moment in waiting if moment <= now), default=None)
            counted.append(JobStats(type_, status, len(alike), oldest))
        return counted

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        ended_before = to_utc(ended_before)
        with self._store.writing() as scope:
            found = [
                (job.completed_at, job.id)
                for job in scope.content.jobs.values()
                if job.status == status and job.completed_at and job.completed_at < ended_before
            ]
            found.sort(key=lambda pair: pair[0])
            gone = {job_id for _, job_id in found[:limit]}
            scope.content = without_jobs(scope.content, gone)
        return len(gone)


def _is_meant(query: JobQuery, job: Job) -> bool:
    return (
        (query.statuses is None or job.status in query.statuses)
        and (query.types is None or job.type in query.types)
        and query.memva_session_id in (None, job.memva_session_id)
        and query.concurrency_key in (None, job.concurrency_key)
        and (job.is_active or not query.active)
    )


def _free(content: Content, types: Collection[str] | None) -> list[Job]:
    """Return the pending jobs of these types that no other job's key holds back."""
    holders = {job.concurrency_key: job.id for job in content.jobs.values() if job.is_active}
    return [
        job
        for job in content.jobs.values()
        if job.status == "pending"
        and (types is None or job.type in types)
        and (job.concurrency_key is None or holders.get(job.concurrency_key, job.id) == job.id)
    ]


def _changed(content: Content, change: JobChange) -> Content:
    old, new, attempt = change
    copied = own(new)
    values = {name: getattr(copied, name) for name in new.changes_from(old)}
    stored = content.jobs.get(new.id)
    if stored is None:
        raise JobNotFound(new.id)
    if stored.claim_token != old.claim_token:
        raise LeaseLost(new.id)
    if stored.status != old.status:
        raise IllegalTransition(new.id, stored.status, new.status)
    job = attrs.evolve(stored, **values)
    if not stored.takes_unique_key and (holder := _unique_holder(content, job)):
        raise UniqueKeyTaken(job.type, str(job.unique_key), holder.id)
    content = with_job(content, job)
    if attempt is None:
        return content
    kept = {attempt.number: own(attempt), **content.attempts.get(new.id, {})}
    return attrs.evolve(content, attempts={**content.attempts, new.id: kept})


def _unique_holder(content: Content, job: Job) -> Job | None:
    """Return the stored job that keeps `job` out, or None."""
    if not job.takes_unique_key:
        return None
    for other in content.jobs.values():
        same = (other.type, other.unique_key) == (job.type, job.unique_key)
        if same and other.takes_unique_key and other.id != job.id:
            return other
    return None


def _kind(job: Job) -> tuple[str, JobStatus]:
    return job.type, job.status
