"""The calls that `JobModel` has, made on a store."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from functools import partial
from itertools import islice
from typing import Any, Final

import attrs

from memva.domain.job import EndedStatus, Job
from memva.domain.json import JsonValue
from memva.domain.new_job import NewJob
from memva.domain.ports import JobRepository, Store
from memva.domain.rescue import Sightings
from memva.services import claims, jobs
from memva.services.sessions import create_session, delete_session
from memva.testing.clock import START

_SERVICES: Final[dict[str, Callable[..., Any]]] = {
    service.__name__: service
    for service in (
        claims.checkpoint_job,
        claims.fail_job,
        claims.get_next_jobs,
        claims.release_job,
        claims.renew_lease,
        claims.snooze_job,
        claims.update_job_status,
        delete_session,
        jobs.cancel_job,
        jobs.create_jobs,
        jobs.get_active_job,
        jobs.get_job,
        jobs.get_job_attempts,
        jobs.get_job_stats,
        jobs.prune_jobs,
        jobs.retry_job,
    )
}

_MANY: Final = 100
"""More calls than any answer takes: a store whose pages or batches never end is wrong."""


class JobCalls:
    """Has the methods of `JobModel`: the service of that name, where none stands here.

    Attributes:
        store: The store that they go to.
        port: Its jobs.
    """

    def __init__(self, store: Store, monotonic: Callable[[], float]) -> None:
        self.store = store
        self.port: JobRepository = store.jobs
        self._monotonic = monotonic
        self._sightings: dict[timedelta, Sightings] = {}

    def __getattr__(self, service: str) -> Callable[..., Any]:
        try:
            return partial(_SERVICES[service], self.store)
        except KeyError:
            raise AttributeError(service) from None

    def __str__(self) -> str:
        return type(self.store).__name__

    def create_session(self, session_id: str) -> None:
        """Add a session."""
        create_session(self.store, id=session_id, project_path="/code/app", now=START)

    def create_job(self, new: NewJob, *, exist_ok: bool, now: datetime) -> Job:
        """Create one job."""
        fields = attrs.asdict(new, recurse=False)
        return jobs.create_job(self.store, **fields, exist_ok=exist_ok, now=now)

    def complete_job(self, job: Job, result: JsonValue, *, now: datetime) -> Job:
        """End a claimed job with its result; return it as it is stored."""
        # The service returns it as far as its caller knew it.
        claims.complete_job(self.store, job, result, now=now)
        return self.port.get(job.id)

    def list_jobs(self, *, limit: int, **narrowing: Any) -> list[list[Job]]:
        """Return the pages of jobs."""
        page = jobs.list_jobs(self.store, limit=limit, **narrowing)
        pages = [list(page)]
        while page.next is not None and len(pages) < _MANY:
            page = jobs.list_jobs(self.store, limit=limit, after=page.next, **narrowing)
            pages.append(list(page))
        return pages

    def rescue_expired_jobs(self, interval: timedelta, *, now: datetime) -> Sequence[Job]:
        """Rescue jobs, as the rescuer whose sightings are `interval` apart."""
        sightings = self._sightings.setdefault(interval, Sightings(interval, clock=self._monotonic))
        return claims.rescue_expired_jobs(self.store, sightings, now=now)

    def prune(self, status: EndedStatus, *, ended_before: datetime, limit: int) -> list[int]:
        """Delete jobs, at most `limit` at once; return how many each time, until none is left."""
        calls = iter(lambda: self.port.prune(status, ended_before=ended_before, limit=limit), 0)
        return list(islice(calls, _MANY))

    def expired(self, *, now: datetime, limit: int) -> list[Job]:
        """Return the first jobs whose lease has run out."""
        return self.port.expired(now=now, limit=limit)

    def next_due(self, types: Collection[str] | None) -> datetime | None:
        """Return a moment before which no claim of these types can succeed."""
        return self.port.next_due(types=types)

    def transaction(self) -> AbstractContextManager[None]:
        """Make all calls inside the block one unit."""
        return self.store.transaction()
