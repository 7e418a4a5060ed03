"""What a handler is given beside its data: its job, its store, and word of when to stop."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Literal, TypeAlias

from memva.domain.job import Job
from memva.domain.json import JsonValue
from memva.domain.ports import Store
from memva.services.claims import checkpoint_job, complete_job

StopReason: TypeAlias = Literal["cancelled", "lost", "timeout", "stopping"]
"""Why a handler is to stop: somebody cancelled the job, its claim was replaced, its `timeout` has
passed, or the worker stops and its grace period has passed."""


class JobCancelled(Exception):
    """Raised by `JobContext.raise_if_cancelled`; a handler that stops lets it pass."""


class JobContext:
    """The run of one job, as its handler sees it.

    A handler may use it from any thread. Its calls are fenced by the claim of this run.
    """

    def __init__(self, store: Store, job: Job) -> None:
        self._store = store
        self._job = job
        self._told = threading.Event()
        self._reason: StopReason | None = None
        self._on_stop: Callable[[], None] | None = None
        self._lock = threading.Lock()

    @property
    def store(self) -> Store:
        """The store that the job is in."""
        return self._store

    @property
    def job(self) -> Job:
        """The job as it was claimed."""
        return self._job

    @property
    def last_checkpoint(self) -> JsonValue:
        """What the attempts before this one noted last; None where they noted nothing."""
        return self._job.checkpoint

    @property
    def cancelled(self) -> bool:
        """Whether the handler is to stop; `stop_reason` says why."""
        return self._reason is not None

    @property
    def stop_reason(self) -> StopReason | None:
        """Why the handler is to stop, or None while it is not."""
        return self._reason

    def wait(self, timeout: float) -> bool:
        """Wait for `timeout` seconds, or until the handler is to stop; return whether it is."""
        return self._told.wait(timeout)

    def raise_if_cancelled(self) -> None:
        """Do nothing while the handler may go on.

        Raises:
            JobCancelled: It is to stop.
        """
        if self._reason is not None:
            raise JobCancelled(self._reason)

    def checkpoint(self, value: JsonValue) -> None:
        """Note how far the job has come; the next attempt finds it as its `last_checkpoint`.

        It is a write, and takes effect on its own, or with the transaction that it stands in.

        Raises:
            LeaseLost: The claim was replaced; nothing was changed.
            IllegalTransition: The job has ended.
            InvalidValue: `value` is not JSON.
        """
        checkpoint_job(self._store, self._job, value)

    def complete(self, result: JsonValue = None) -> None:
        """Complete the job, in the transaction that it stands in.

        Effects stored in that transaction and the job's end take effect together, exactly once.
        Where the transaction is undone, so is this, and the handler's return ends the job.

        Raises:
            LeaseLost: The claim was replaced; nothing was changed.
            IllegalTransition: The job has ended.
            InvalidValue: `result` is not JSON.
        """
        complete_job(self._store, self._job, result)

    def _stop(self, reason: StopReason) -> None:
        """Tell the handler to stop; the first reason stands, but that a lost claim outweighs it."""
        with self._lock:
            if self._reason is not None and reason != "lost":
                return
            self._reason = reason
            self._told.set()
            on_stop = self._on_stop
        if on_stop is not None:
            on_stop()

    def _call_on_stop(self, on_stop: Callable[[], None]) -> None:
        """Have `on_stop` called when the handler is to stop; at once where it is by now."""
        with self._lock:
            self._on_stop = on_stop
            told = self._reason is not None
        if told:
            on_stop()
