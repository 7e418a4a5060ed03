"""What is stored about a job: the change from what it was to what a transition made of it."""

from __future__ import annotations

from typing import NamedTuple

from memva.domain.attempt import JobAttempt
from memva.domain.job import Job


class JobChange(NamedTuple):
    """A change of one job.

    Attributes:
        old: The job as whoever changes it knew it: its claim and its status are those that the
            stored job must have, and where `new` is equal to it nothing is changed.
        new: The job as it is afterwards.
        attempt: The attempt that is kept with it, or None.
    """

    old: Job
    new: Job
    attempt: JobAttempt | None = None
