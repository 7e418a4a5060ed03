"""The job: work in the background, and the transitions its status may make."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, Final, Literal, NamedTuple, TypeAlias, cast, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.attempt import AttemptOutcome, JobAttempt
from memva.domain.errors import IllegalTransition
from memva.domain.json import JsonValue

JobStatus: TypeAlias = Literal["pending", "processing", "completed", "failed", "cancelled"]
"""Where a job stands: waiting, claimed by a worker, or ended in one of three ways."""

EndedStatus: TypeAlias = Literal["completed", "failed", "cancelled"]
"""The three ways in which a job ends."""

UniqueScope: TypeAlias = Literal["until_claimed", "until_finished"]
"""How long a job keeps others with its unique key out: until its first claim, or until it ends."""

DEFAULT_LEASE: Final = timedelta(minutes=15)
"""How long a claim lasts for a caller that does not renew it."""

_NEXT: Final[dict[JobStatus, frozenset[JobStatus]]] = {
    "pending": frozenset({"processing", "cancelled"}),
    "processing": frozenset({"pending", "completed", "failed", "cancelled"}),
    "completed": frozenset(),
    "failed": frozenset(),
    "cancelled": frozenset(),
}
_JSON_FIELDS: Final = frozenset({"data", "result", "checkpoint"})
_RETRYABLE: Final = frozenset({"failed", "cancelled"})


class Transition(NamedTuple):
    """What a transition leads to.

    Attributes:
        job: The job as it is afterwards.
        attempt: The attempt that ended and must be kept, as the job will not tell of it; None
            where none ended, or where the job, having ended with it, tells of it itself.
    """

    job: Job
    attempt: JobAttempt | None = None


# Without slots a changed copy takes a third of the time, and each claim and its end make one.
@attrs.frozen(kw_only=True, slots=False)
class Job:
    """A piece of work in the background.

    A job that has been claimed and has not ended is active: it runs, or it waits for its next
    run. An active job holds its `concurrency_key`, and no other job of that key is claimed.

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
        unique_key: At most one such job of its type, for as long as `unique_scope` says, or None.
        unique_scope: `until_claimed` or `until_finished`.
        timeout: How long one run may take, or None.
        cancel_requested_at: When its holder was asked to give in, or None.
        claims: How many times it was claimed, whether that was charged or not; the number of its
            last attempt.
        checkpoint: What its handler last noted, any JSON value; the next attempt is given it.

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
    unique_scope: UniqueScope = field(
        default="until_finished", validator=validation.one_of(*get_args(UniqueScope))
    )
    timeout: timedelta | None = field(
        default=None, validator=optional(validation.positive_duration)
    )
    cancel_requested_at: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    claims: int = field(default=0, validator=validation.integer(at_least=0))
    checkpoint: JsonValue = field(default=None, hash=False)

    @property
    def is_active(self) -> bool:
        """Whether it was claimed and has not ended: it runs, or waits for its next run."""
        return self.started_at is not None and self.completed_at is None

    @property
    def takes_unique_key(self) -> bool:
        """Whether it keeps others of its type with its `unique_key` out."""
        if self.unique_key is None or self.completed_at is not None:
            return False
        return self.unique_scope == "until_finished" or self.started_at is None

    @property
    def last_attempt(self) -> JobAttempt | None:
        """The attempt that runs, or with which the job ended; None where it waits."""
        if self.status == "pending" or self.started_at is None:
            return None
        ended = None if self.status == "processing" else self.status
        return self._attempt(ended, error=self.error if ended else None, now=self.completed_at)

    def changes_from(self, old: Job) -> dict[str, Any]:
        """Return the fields in which this job differs from `old`, by name.

        JSON counts as different where it is another structure, as equal JSON may be told apart.

        Raises:
            IllegalTransition: It begins a run; to that a job comes by a store's claim alone, which
                sees to its key.
        """
        if self.status == "processing" != old.status:
            raise IllegalTransition(self.id, old.status, self.status)
        before = vars(old)
        return {
            name: value
            for name, value in vars(self).items()
            if value is not before[name] and (name in _JSON_FIELDS or value != before[name])
        }

    def claimed(
        self, *, now: datetime, lease: timedelta, claim_token: str, worker_id: str | None
    ) -> Job:
        """Return this job claimed at `now` under `claim_token`, charged with one more attempt.

        Raises:
            IllegalTransition: It is not pending.
        """
        self._check("processing")
        now = validation.moment("now", now)
        validation.check_identifier("claim_token", claim_token)
        if worker_id is not None:
            validation.check_identifier("worker_id", worker_id)
        return self._with(
            status="processing",
            attempts=self.attempts + 1,
            claims=self.claims + 1,
            started_at=now,
            updated_at=now,
            lease_until=now + lease,
            claim_token=claim_token,
            worker_id=worker_id,
        )

    def renewed(self, *, now: datetime, lease: timedelta) -> Job:
        """Return this job with its claim good for `lease` from `now`.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check_running("processing")
        now = validation.moment("now", now)
        return self._with(lease_until=now + lease, updated_at=now)

    def checkpointed(self, checkpoint: JsonValue, *, now: datetime) -> Job:
        """Return this job with what its handler notes for the next attempt.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check_running("processing")
        return self._with(checkpoint=checkpoint, updated_at=validation.moment("now", now))

    def completed(self, result: JsonValue = None, *, now: datetime) -> Transition:
        """Complete this job with `result`.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("completed")
        return Transition(self._ended("completed", now=now, result=result, error=None))

    def failed(
        self, error: str | None, *, now: datetime, retry_at: datetime | None = None
    ) -> Transition:
        """End a run of this job in `error`.

        It is pending again, due at `retry_at`, where that is given and attempts are left; else it
        has failed for good. One that was asked to give in is cancelled instead.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("failed")
        if error is not None:
            validation.check_text("error", error)
        if self.cancel_requested_at is not None:
            return self._cancelled(now=now, error=error)
        if retry_at is None or self.attempts >= self.max_attempts:
            return Transition(self._ended("failed", now=now, result=None, error=error))
        retry_at = validation.moment("retry_at", retry_at)
        return self._given_up("failed", now=now, error=error, scheduled_at=retry_at)

    def lost(self, *, now: datetime) -> Transition:
        """Take this job from a holder that died: it is due at once, or has failed for good.

        The attempt stays charged, and where attempts are spent the job has failed. One that was
        asked to give in is cancelled.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("pending")
        error = f"the lease of worker {self.worker_id or '(unnamed)'} ran out"
        attempt = self._attempt("lost", error=error, now=now)
        if self.attempts < self.max_attempts or self.cancel_requested_at is not None:
            left = self._given_up("lost", now=now, error=error).job
        else:
            left = self._ended("failed", now=now, result=None, error=error)
        # Whoever lost it learns so, even where the job has ended with that.
        return Transition(left._with(claim_token=None), attempt)

    def released(self, *, now: datetime) -> Transition:
        """Hand this job back: pending, without a claim, due as before.

        The attempt is not charged. A job that was asked to give in is cancelled.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("pending")
        return self._given_up("released", now=now, attempts=max(0, self.attempts - 1))

    def snoozed(self, *, until: datetime, now: datetime) -> Transition:
        """Hand this job back, due at `until`.

        The attempt is not charged. A job that was asked to give in is cancelled.

        Raises:
            IllegalTransition: It is not processing.
        """
        self._check("pending")
        until = validation.moment("until", until)
        attempts = max(0, self.attempts - 1)
        return self._given_up("snoozed", now=now, attempts=attempts, scheduled_at=until)

    def cancelled(self, *, now: datetime) -> Transition:
        """Cancel this job, whether it was waiting or running.

        Raises:
            IllegalTransition: It has ended already.
        """
        self._check("cancelled")
        return self._cancelled(now=now, error=None)

    def cancel_requested(self, *, now: datetime) -> Transition:
        """Cancel this job if it waits; if it runs, leave the request to its holder.

        A request that was made before stands as it was.

        Raises:
            IllegalTransition: It has ended already.
        """
        if self.status != "processing":
            return self.cancelled(now=now)
        if self.cancel_requested_at is not None:
            return Transition(self)
        now = validation.moment("now", now)
        return Transition(self._with(cancel_requested_at=now, updated_at=now))

    def retried(self, *, now: datetime) -> Transition:
        """Begin this job anew after it failed or was cancelled: due at `now`, nothing charged.

        What it had noted as its checkpoint stays, and so does its last error.

        Raises:
            IllegalTransition: It has neither failed nor been cancelled.
        """
        if self.status not in _RETRYABLE:
            raise IllegalTransition(self.id, self.status, "pending")
        now = validation.moment("now", now)
        return Transition(
            self._with(
                status="pending",
                attempts=0,
                scheduled_at=now,
                started_at=None,
                completed_at=None,
                updated_at=now,
                claim_token=None,
                worker_id=None,
                cancel_requested_at=None,
            ),
            self.last_attempt,
        )

    def _given_up(
        self, outcome: AttemptOutcome, *, now: datetime, error: str | None = None, **changes: object
    ) -> Transition:
        """Make a run that ended without a result a pending job, or a cancelled one."""
        if self.cancel_requested_at is not None:
            return self._cancelled(now=now, error=error)
        now = validation.moment("now", now)
        waiting = self._with(
            status="pending",
            error=self.error if error is None else error,
            updated_at=now,
            lease_until=None,
            claim_token=None,
            **changes,
        )
        return Transition(waiting, self._attempt(outcome, error=error, now=now))

    def _cancelled(self, *, now: datetime, error: str | None) -> Transition:
        left = self._ended(
            "cancelled", now=now, result=None, error=self.error if error is None else error
        )
        # The job may tell the error of an earlier run, which is none of this one's.
        ran = self.status == "processing"
        return Transition(left, self._attempt("cancelled", error=error, now=now) if ran else None)

    def _ended(
        self, status: EndedStatus, *, now: datetime, result: JsonValue, error: str | None
    ) -> Job:
        now = validation.moment("now", now)
        # The token stays: the holder who ends a job twice learns that it has ended, not that it
        # was lost.
        return self._with(
            status=status,
            result=result,
            error=error,
            completed_at=now,
            updated_at=now,
            lease_until=None,
        )

    def _attempt(
        self, outcome: AttemptOutcome | None, *, error: str | None, now: datetime | None
    ) -> JobAttempt:
        return JobAttempt(
            job_id=self.id,
            number=self.claims,
            worker_id=self.worker_id,
            started_at=cast("datetime", self.started_at),
            ended_at=now,
            outcome=outcome,
            error=error,
            checkpoint=self.checkpoint,
        )

    def _check(self, wanted: JobStatus) -> None:
        if wanted not in _NEXT[self.status]:
            raise IllegalTransition(self.id, self.status, wanted)

    def _check_running(self, wanted: JobStatus) -> None:
        if self.status != "processing":
            raise IllegalTransition(self.id, self.status, wanted)

    def _with(self, **changes: Any) -> Job:
        # As `attrs.evolve`, but nothing is checked again; what comes from outside is checked by the
        # transition that takes it.
        changed = object.__new__(Job)
        fields = vars(changed)
        fields.update(vars(self))
        fields.update(changes)
        return changed
