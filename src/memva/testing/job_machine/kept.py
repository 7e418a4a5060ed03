"""What the plain model keeps of a store's jobs, and how it reads that."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime

import attrs

from memva.domain.attempt import JobAttempt
from memva.domain.errors import JobNotFound
from memva.domain.job import Job, JobStatus
from memva.domain.job_page import JobStats


@attrs.frozen
class Kept:
    """What the model keeps, at one moment.

    Attributes:
        sessions: The ids of its sessions.
        jobs: Its jobs by their ids, in the order in which they were added.
        attempts: The attempts of each job, the one that goes on included.
    """

    sessions: frozenset[str] = frozenset()
    jobs: dict[str, Job] = attrs.field(factory=dict)
    attempts: dict[str, list[JobAttempt]] = attrs.field(factory=dict)


class KeptJobs:
    """The jobs that the model keeps, as the services that read them give them.

    Attributes:
        kept: What it keeps; it is never changed, but replaced.
    """

    def __init__(self) -> None:
        """Begin empty."""
        self.kept = Kept()

    @property
    def jobs(self) -> list[Job]:
        """All jobs, in the order in which they were added."""
        return list(self.kept.jobs.values())

    def get_job(self, job_id: str) -> Job:
        """Return one job."""
        if job_id not in self.kept.jobs:
            raise JobNotFound(job_id)
        return self.kept.jobs[job_id]

    def get_job_attempts(self, job_id: str) -> list[JobAttempt]:
        """Return a job's attempts."""
        self.get_job(job_id)
        return self.kept.attempts[job_id]

    def list_jobs(
        self,
        *,
        status: Collection[JobStatus] | None = None,
        type: Collection[str] | None = None,
        memva_session_id: str | None = None,
        concurrency_key: str | None = None,
        limit: int = 100,
    ) -> list[list[Job]]:
        """Return the pages of jobs, the last added first."""
        found = [
            job
            for job in reversed(self.jobs)
            if (status is None or job.status in status)
            and (type is None or job.type in type)
            and memva_session_id in {None, job.memva_session_id}
            and concurrency_key in {None, job.concurrency_key}
        ]
        return [found[begin : begin + limit] for begin in range(0, max(1, len(found)), limit)]

    def get_active_job(
        self, *, concurrency_key: str | None = None, memva_session_id: str | None = None
    ) -> Job | None:
        """Return the last added job of a key and a session that runs or waits to run again."""
        [found] = self.list_jobs(memva_session_id=memva_session_id, concurrency_key=concurrency_key)
        return next((job for job in found if is_active(job)), None)

    def get_job_stats(self, *, now: datetime) -> list[JobStats]:
        """Return how many jobs there are of each type and status."""
        counted = []
        for type_, status in sorted({(job.type, job.status) for job in self.jobs}):
            alike = [job for job in self.jobs if (job.type, job.status) == (type_, status)]
            due = [job.scheduled_at for job in alike if job.scheduled_at <= now]
            oldest = min(due, default=None) if status == "pending" else None
            counted.append(JobStats(type_, status, len(alike), oldest))
        return counted

    def expired(self, *, now: datetime, limit: int = 100) -> list[Job]:
        """Return the first jobs whose lease has run out, the first that did so first."""
        leased = [(job.lease_until, job) for job in self.jobs if job.lease_until is not None]
        leased.sort(key=lambda pair: pair[0])
        return [job for until, job in leased if until <= now][:limit]

    def claimable(self, types: Collection[str] | None) -> list[Job]:
        """Return the pending jobs that no active job keeps back, due or not."""
        holders = {job.concurrency_key: job.id for job in self.jobs if is_active(job)}
        holders.pop(None, None)
        return [
            job
            for job in self.jobs
            if job.status == "pending"
            and (types is None or job.type in types)
            and holders.get(job.concurrency_key, job.id) == job.id
        ]

    def unique_holder(self, job: Job) -> Job | None:
        """Return the job that keeps `job` out by its unique key, or None."""
        for other in self.jobs:
            if (
                job.unique_key is not None
                and (other.type, other.unique_key) == (job.type, job.unique_key)
                and other.id != job.id
                and other.status in ("pending", "processing")
                and (other.unique_scope == "until_finished" or other.started_at is None)
            ):
                return other
        return None


def is_active(job: Job) -> bool:
    """Tell whether a job runs, or waits to run again."""
    return job.started_at is not None and job.status in ("pending", "processing")
