"""What a worker tells its host: each start and each end of a run."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Final, Literal, TypeAlias

import attrs

from memva.domain.job import Job

HappeningKind: TypeAlias = Literal[
    "started", "completed", "failed", "retried", "cancelled", "released", "snoozed", "lost"
]
"""What has happened to a run: it began, or it ended in one of seven ways. `retried` is a failure
after which the job waits for its next attempt, `failed` one for good. `lost` says that the claim
was replaced, or the job deleted or ended by somebody else."""

_LEVELS: Final[dict[HappeningKind, int]] = {
    "started": logging.DEBUG,
    "completed": logging.INFO,
    "failed": logging.ERROR,
    "retried": logging.WARNING,
    "cancelled": logging.INFO,
    "released": logging.INFO,
    "snoozed": logging.INFO,
    "lost": logging.WARNING,
}

log: Final = logging.getLogger("memva.worker")


@attrs.frozen(kw_only=True)
class Happening:
    """Something that happened to a job's run.

    Attributes:
        kind: What it was.
        job: The job as it was stored then; for `lost`, as it was claimed.
        worker_id: The worker.
        seconds: How long the run took; None at its start.
        error: The exception that ended the run, or None.
    """

    kind: HappeningKind
    job: Job
    worker_id: str
    seconds: float | None = None
    error: BaseException | None = None


def described(error: BaseException) -> str:
    """Return an error as one line for people to read, whatever it is."""
    name = type(error).__name__
    try:
        return f"{name}: {error}".removesuffix(": ")
    except Exception:
        return name


def tell(happening: Happening, callback: Callable[[Happening], None] | None) -> None:
    """Log what happened and call the host's callback, whose own errors are logged."""
    level = _LEVELS[happening.kind]
    if log.isEnabledFor(level):
        job, error = happening.job, happening.error
        log.log(
            level,
            "%s job %s (attempt %d) %s%s",
            job.type,
            job.id,
            job.claims,
            happening.kind,
            "" if error is None else f": {described(error)}",
            exc_info=error if level >= logging.WARNING else None,
        )
    if callback is not None:
        try:
            callback(happening)
        except Exception:
            log.exception("the callback failed on %s", happening.kind)
