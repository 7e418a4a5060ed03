"""Keeping claims: a thread of its own renews leases, and tells handlers when to stop."""

from __future__ import annotations

import threading
import time
from datetime import timedelta

from memva.domain.abilities import WorkerStore
from memva.domain.errors import IllegalTransition, JobNotFound, LeaseLost, StoreError
from memva.domain.job import Job
from memva.services.claims import renew_lease
from memva.worker.happenings import log
from memva.worker.runs import Run

_AGAIN_AFTER = 0.25
"""Which part of an interval passes before a renewal that failed is tried again."""


class LeaseKeeper:
    """Renews the leases of what runs, watches its time, and stops what is to stop.

    It has a connection of its own, so that handlers who use all others do not keep it waiting.
    """

    def __init__(self, store: WorkerStore, lease: timedelta, interval: float, *, name: str) -> None:
        self._store = store
        self._lease = lease
        self._interval = interval
        self._runs: set[Run] = set()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._keep, name=name, daemon=True)

    def start(self) -> None:
        """Begin."""
        self._thread.start()

    def add(self, runs: list[Run]) -> None:
        """Keep the claims of these runs."""
        with self._changed:
            self._runs.update(runs)
            if any(run.deadline is not None for run in runs):
                self._changed.notify()

    def remove(self, run: Run) -> None:
        """Let go of a run that has ended."""
        with self._changed:
            self._runs.discard(run)
            if self._closed:
                self._changed.notify()

    def stop_all(self) -> None:
        """Tell every handler that the worker stops."""
        for run in self._kept():
            run.context._stop("stopping")

    def close(self) -> None:
        """End the thread; while handlers still run, it goes on for as long as they do."""
        with self._changed:
            self._closed = True
            left = bool(self._runs)
            self._changed.notify()
        if not left:
            self._thread.join()

    def let_go(self) -> None:
        """Let go of all claims: the store that they are in is gone."""
        with self._changed:
            self._runs.clear()
            self._changed.notify()

    def _kept(self) -> list[Run]:
        with self._changed:
            return list(self._runs)

    def _keep(self) -> None:
        with self._store.reserved():
            renew_at = time.monotonic() + self._interval
            while True:
                with self._changed:
                    if self._runs or not self._closed:
                        self._changed.wait(self._until(renew_at))
                    if self._closed and not self._runs:
                        return
                    runs = list(self._runs)
                now = time.monotonic()
                for run in runs:
                    if run.deadline is not None and run.deadline <= now:
                        run.context._stop("timeout")
                        run.deadline = None
                if now >= renew_at:
                    renewed = not runs or self._renew(runs)
                    pause = self._interval if renewed else self._interval * _AGAIN_AFTER
                    renew_at = time.monotonic() + pause

    def _until(self, renew_at: float) -> float:
        deadlines = [run.deadline for run in self._runs if run.deadline is not None]
        return max(0.0, min([renew_at, *deadlines]) - time.monotonic())

    def _renew(self, runs: list[Run]) -> bool:
        """Renew in one transaction; return whether that could be done."""
        try:
            with self._store.transaction():
                renewed = [(run, self._renew_one(run)) for run in runs]
        except StoreError:
            log.warning("leases could not be renewed; trying again", exc_info=True)
            return False
        for run, job in renewed:
            if job is None:
                run.context._stop("lost")
            elif job.cancel_requested_at is not None:
                run.context._stop("cancelled")
        return True

    def _renew_one(self, run: Run) -> Job | None:
        try:
            return renew_lease(self._store, run.job, lease=self._lease)
        except (LeaseLost, JobNotFound):
            return None
        except IllegalTransition:
            # Its handler has completed it, and is about to return.
            return run.job
