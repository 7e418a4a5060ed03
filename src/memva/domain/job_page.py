"""Which jobs are meant, and how they come: by pages in their order, or counted."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime

import attrs

from memva.domain.job import Job, JobStatus


@attrs.frozen(kw_only=True)
class JobQuery:
    """Which jobs are meant; what is None does not narrow.

    Attributes:
        statuses: Those with one of these statuses.
        types: Those of one of these types.
        memva_session_id: Those of this session.
        concurrency_key: Those of this key.
        active: With True, those alone that were claimed and have not ended.
    """

    statuses: Collection[JobStatus] | None = None
    types: Collection[str] | None = None
    memva_session_id: str | None = None
    concurrency_key: str | None = None
    active: bool = False


@attrs.frozen
class JobPage:
    """Some jobs in order.

    Attributes:
        jobs: The jobs.
        next: The cursor of the page after this one, or None where no more jobs follow.
    """

    jobs: Sequence[Job]
    next: int | None

    def __iter__(self) -> Iterator[Job]:
        """Iterate over the jobs."""
        return iter(self.jobs)

    def __len__(self) -> int:
        """Return how many jobs are on the page."""
        return len(self.jobs)


@attrs.frozen
class JobStats:
    """How many jobs of one type have one status.

    Attributes:
        type: Their type.
        status: Their status.
        count: How many there are.
        oldest_due: Since when the longest waiting of them is due; None where they do not wait, or
            none is due yet.
    """

    type: str
    status: JobStatus
    count: int
    oldest_due: datetime | None
