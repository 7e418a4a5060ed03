"""All jobs, however many there are."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Final

from memva.domain.job import Job, JobStatus
from memva.domain.ports import Store
from memva.services.jobs import list_jobs

_AT_ONCE: Final = 500


def every_job(store: Store, *, status: Collection[JobStatus] | None = None) -> Iterator[Job]:
    """Yield all jobs, or those with one of these statuses, the last added first.

    They are read page by page, so that a few at a time are in memory.
    """
    after: int | None = None
    while True:
        page = list_jobs(store, status=status, after=after, limit=_AT_ONCE)
        yield from page
        after = page.next
        if after is None:
            return
