"""The job: work in the background, and the transitions its status may make."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final, Literal, TypeAlias, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.errors import IllegalTransition
from memva.domain.json import JsonValue

JobStatus: TypeAlias = Literal["pending", "processing", "completed", "failed", "cancelled"]
"""Where a job stands: waiting, claimed by a worker, or ended in one of three ways."""

DEFAULT_LEASE: Final = timedelta(minutes=15)
"""How long a claim lasts for a caller that does not renew it."""

_NEXT: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    "pending": frozenset({"processing", "cancelled"}),
    "processing": frozenset({"pending", "completed", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}


@attrs.frozen(kw_only=True)
class Job:
    """A piece of work in the background.

    Attributes:
        id: Its id.
        type: Names the handler that runs it.
        data: What the handler is given, any JSON value.
        status: `pending`, `processing`, `completed`, `failed` or `cancelled`.
        priority: Higher is sooner.
        attempts: How many claims were charged to it.
        max_attempts: How many it may be charged.
        error: Why it failed last, or None.
        result: What its handler returned, any JSON value.
        scheduled_at: When it is due.
        started_at: When it was last claimed, or None.
        completed_at: When it was completed, failed for good or cancelled, or None.
        created_at: When it was created.
        updated_at: When it last changed.
        memva_session_id: The session it belongs to, or None.
        lease_until: Until when the claim is good without renewal, or None.
        claim_token: Stands for the claim; calls that end a claim are refused without it.
        worker_id: Who claimed it last, or None.
        concurrency_key: One job at a time runs per key, or None.
        unique_key: At most one such job of its type, or None.
        timeout: How long one run may take, or None.
        cancel_requested_at: When its holder was asked to give in, or None.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    id: str = field(validator=validation.identifier)
    type: str = field(validator=validation.identifier)
    data: JsonValue = field(default=None, hash=False)
    status: JobStatus = field(default="pending", validator=validation.one_of(*get_args(JobStatus)))
    priority: int = field(default=0, validator=validation.integer())
    attempts: int = field(default=0, validator=validation.integer(at_least=0))
    max_attempts: int = field(default=3, validator=validation.integer(at_least=1))
    error: str | None = field(default=None, validator=optional(validation.text))
    result: JsonValue = field(default=None, hash=False)
    scheduled_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    started_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    completed_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    created_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    updated_at: datetime = field(converter=validation.to_utc, validator=validation.time)
    memva_session_id: str | None = field(default=None, validator=optional(validation.identifier))
    lease_until: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    claim_token: str | None = field(default=None, validator=optional(validation.identifier))
    worker_id: str | None = field(default=None, validator=optional(validation.identifier))
    concurrency_key: str | None = field(default=None, validator=optional(validation.identifier))
    unique_key: str | None = field(default=None, validator=optional(validation.identifier))
    timeout: timedelta | None = field(
        default=None, validator=optional(validation.positive_duration)
    )
    cancel_requested_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )

    def claimed(
        self, *, now: datetime, lease: timedelta, claim_token: str, worker_id: str | None
    ) -> Job:
        """Return this job claimed at `now` under `claim_token`, charged with one more attempt.

        Raises:
            IllegalTransition: It is not pending.
        """
        self._check("processing")
        return attrs.evolve(
            self,
            status="processing",
            attempts=self.attempts + 1,
            started_at=now,
            updated_at=now,
            lease_until=now + lease,
            claim_token=claim_token,
            worker_id=worker_id,
        )

    def completed(self, result: JsonValue = None, *, now: datetime) -> Job:
        """Return this job completed with `result`.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("completed")
        return self._ended("completed", now=now, result=result, error=None)

    def failed(self, error: str | None, *, now: datetime, retry_at: datetime | None = None) -> Job:
        """Return this job after a run that ended in `error`.

        It is pending again, due at `retry_at`, where that is given and attempts are left; else it
        has failed for good. One that was asked to give in is cancelled instead of tried again.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("failed")
        if retry_at is not None and self.attempts < self.max_attempts:
            return attrs.evolve(self, scheduled_at=retry_at, error=error)._given_up(now=now)
        return self._ended("failed", now=now, result=None, error=error)

    def cancelled(self, *, now: datetime) -> Job:
        """Return this job cancelled, whether it was waiting or running.

        Raises:
            IllegalTransition: It has ended already.
        """
        self._check("cancelled")
        return self._ended("cancelled", now=now, result=None, error=self.error)

    def cancel_requested(self, *, now: datetime) -> Job:
        """Return this job cancelled if it waits; if it runs, with the request to its holder.

        A request that was made before stands as it was.

        Raises:
            IllegalTransition: It has ended already.
        """
        if self.status != "processing":
            return self.cancelled(now=now)
        if self.cancel_requested_at is not None:
            return self
        return attrs.evolve(self, cancel_requested_at=now, updated_at=now)

    def released(self, *, now: datetime) -> Job:
        """Return this job handed back by its holder: pending, without a claim, due as before.

        The attempt is not charged. A job that was asked to give in is cancelled.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("pending")
        return attrs.evolve(self, attempts=max(0, self.attempts - 1))._given_up(now=now)

    def _given_up(self, *, now: datetime) -> Job:
        if self.cancel_requested_at is not None:
            return self.cancelled(now=now)
        return attrs.evolve(
            self,
            status="pending",
            updated_at=now,
            lease_until=None,
            claim_token=None,
            worker_id=None,
        )

    def _ended(
        self, status: JobStatus, *, now: datetime, result: JsonValue, error: str | None
    ) -> Job:
        # The token stays: the holder who ends a job twice learns that it has ended, not that it
        # was lost.
        return attrs.evolve(
            self,
            status=status,
            result=result,
            error=error,
            completed_at=now,
            updated_at=now,
            lease_until=None,
        )

    def _check(self, wanted: JobStatus) -> None:
        if wanted not in _NEXT[self.status]:
            raise IllegalTransition(self.id, self.status, wanted)
