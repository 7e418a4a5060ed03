"""What stores of jobs in tables have in common: a job's stage, and what a change of it stores."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from memva.domain.errors import IllegalTransition, JobNotFound, LeaseLost
from memva.domain.job import Job
from memva.domain.job_change import JobChange


def is_untouched(job: Job) -> bool:
    """Tell whether nothing has happened to the job yet, so that a row of a new job holds it."""
    return (
        job.status == "pending"
        and not (job.attempts or job.claims)
        and job.started_at is job.completed_at is job.lease_until is job.cancel_requested_at is None
        and job.claim_token is job.worker_id is job.error is job.result is job.checkpoint is None
    )


def stage_of(job: Job) -> str | None:
    """Return the stage of a job that has just changed; a queue settles those of its key."""
    if job.status != "pending":
        return "claimed" if job.status == "processing" else None
    if job.scheduled_at > job.updated_at:
        return "waiting"
    return "ready" if job.concurrency_key is None or job.is_active else "behind"


class StoredChange(NamedTuple):
    """A change of a job as it is stored.

    Attributes:
        change: The change.
        columns: What is stored, by column.
        moves: Whether it may move the job, or others of its key, to another stage.
    """

    change: JobChange
    columns: dict[str, object]
    moves: bool

    @classmethod
    def of(
        cls, change: JobChange, job_columns: Callable[[Mapping[str, Any]], dict[str, object]]
    ) -> StoredChange:
        """Return how `change` is stored, where `job_columns` makes columns of a job's fields."""
        changes = change.new.changes_from(change.old)
        columns = job_columns(changes)
        moves = not changes.keys().isdisjoint(("status", "scheduled_at", "started_at"))
        if moves:
            columns["stage"] = stage_of(change.new)
        return cls(change, columns, moves)

    @property
    def moved_key(self) -> str | None:
        """The concurrency key of which jobs may be ready now, or not any more; None where none."""
        return self.change.new.concurrency_key if self.moves else None

    @property
    def may_collide(self) -> bool:
        """Whether another job may have its unique key."""
        return self.moves and self.change.new.takes_unique_key

    @property
    def condition(self) -> tuple[str, str | None, str]:
        """The job's id, and the claim and the status that it must have."""
        old, new, _ = self.change
        return (new.id, old.claim_token, old.status)

    def refusal(self, stored: Sequence[tuple[Any, ...]]) -> Exception:
        """Return why it was not stored, by the job's claim and status, where it is there."""
        old, new, _ = self.change
        if not stored:
            return JobNotFound(new.id)
        [(token, status)] = stored
        if token != old.claim_token:
            return LeaseLost(new.id)
        return IllegalTransition(new.id, status, new.status)
