"""Whose lease has really run out: it takes two sightings to take a job from its holder."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Final, TypeAlias

from memva.domain.errors import InvalidValue
from memva.domain.job import Job

DEFAULT_SIGHTING_INTERVAL: Final = timedelta(seconds=10)
"""How far apart two sightings are, where nothing else is said: a renewal of a worker's."""

_Lease: TypeAlias = tuple[str, str | None, datetime | None]


class Sightings:
    """The leases that a rescuer has seen expired, and when it first did.

    A machine that slept finds the leases of its own workers expired, and so does every other
    machine; once awake, the workers renew them. So a lease counts as run out only when it was seen
    expired twice, an interval apart by a clock that does not jump, and nobody renewed it between.
    It belongs to one rescuer, and is not shared between threads.
    """

    def __init__(
        self,
        interval: timedelta = DEFAULT_SIGHTING_INTERVAL,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """Begin with none seen.

        Args:
            interval: How far apart the two sightings are: as long as a holder takes to renew.
            clock: Tells seconds that never go back.

        Raises:
            InvalidValue: `interval` is below zero.
        """
        if interval < timedelta(0):
            raise InvalidValue("interval", interval, "must be a timedelta, not below zero")
        self._interval = interval.total_seconds()
        self._clock = clock
        self._first_seen: dict[_Lease, float] = {}

    def confirmed(self, expired: Sequence[Job]) -> Sequence[Job]:
        """Return those of the jobs now seen expired that were seen so an interval ago.

        What is not among `expired` any more is forgotten.
        """
        now = self._clock()
        seen = {_lease(job): job for job in expired}
        self._first_seen = {lease: self._first_seen.get(lease, now) for lease in seen}
        return [
            job for lease, job in seen.items() if now - self._first_seen[lease] >= self._interval
        ]


def _lease(job: Job) -> _Lease:
    return job.id, job.claim_token, job.lease_until
