"""How a run ended, as its job keeps it: completed, tried again, failed, handed back, or lost."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta
from random import Random
from typing import Final

from memva.domain.errors import IllegalTransition, JobNotFound, LeaseLost
from memva.domain.job import Job
from memva.domain.ports import Store
from memva.domain.retry import DEFAULT_RETRY, NoRetry, RetryPolicy
from memva.services.claims import complete_job, fail_job, release_job, snooze_job
from memva.services.jobs import get_job
from memva.worker.handlers import PermanentFailure, Snooze
from memva.worker.happenings import HappeningKind, described, log
from memva.worker.runs import Run

_FAILED_KINDS: Final[dict[str, HappeningKind]] = {
    "pending": "retried",
    "failed": "failed",
    "cancelled": "cancelled",
}


class Ends:
    """Stores how runs ended."""

    def __init__(self, store: Store, retry: RetryPolicy, random: Random) -> None:
        self._store = store
        self._retry = retry
        self._random = random

    def store(self, run: Run) -> tuple[HappeningKind, Job]:
        """Store how a run ended; return what that was, and the job."""
        try:
            return self._store_end(run)
        except (LeaseLost, JobNotFound):
            return "lost", run.job
        except IllegalTransition:
            with suppress(JobNotFound):
                job = get_job(self._store, run.job.id)
                if job.claim_token == run.job.claim_token and job.status == "completed":
                    # Its handler has completed it.
                    return "completed", job
            return "lost", run.job

    def _store_end(self, run: Run) -> tuple[HappeningKind, Job]:
        store, job, error, reason = self._store, run.job, run.error, run.context.stop_reason
        if error is None:
            return "completed", complete_job(store, job, run.result)
        if isinstance(error, Snooze):
            job = snooze_job(store, job, until=error.until)
            return "cancelled" if job.status == "cancelled" else "snoozed", job
        if isinstance(error, PermanentFailure):
            # Its own words say enough.
            words = described(error).removeprefix(f"{type(error).__name__}: ")
            job = fail_job(store, job, words, retry=NoRetry())
        elif reason == "stopping":
            job = release_job(store, job)
            return "cancelled" if job.status == "cancelled" else "released", job
        else:
            text = f"timed out after {job.timeout}" if reason == "timeout" else described(error)
            job = fail_job(store, job, text, retry=self._wait_before_retry, random=self._random)
        return _FAILED_KINDS[job.status], job

    def _wait_before_retry(self, attempts: int, random: Random) -> timedelta | None:
        try:
            wait = self._retry(attempts, random)
            if wait is None or wait >= timedelta(0):
                return wait
            log.error("the retry policy returned %r; the default one is used", wait)
        except Exception:
            log.exception("the retry policy failed; the default one is used")
        return DEFAULT_RETRY(attempts, random)
