"""Workers in processes of their own, to be killed, stopped and started again by tests."""

from __future__ import annotations

import logging
import multiprocessing
import os
import signal
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from tests.worker.working import AT_ONCE, LONG

from memva import StoreError, StoreUnavailable, WorkerStore, get_last_position, record_event
from memva.domain.ids import new_id
from memva.worker import JobContext, Worker

_spawn = multiprocessing.get_context("spawn")
_T = TypeVar("_T")


def patiently(call: Callable[[], _T]) -> _T:
    """Call until the store can be reached, as a host's supervisor would have it."""
    end = time.monotonic() + LONG
    while True:
        try:
            return call()
        except StoreUnavailable:
            if time.monotonic() > end:
                raise
            time.sleep(0.02)


def step(data: Any, context: JobContext) -> None:
    """Leave one trace of each run that is accepted, in the order in which they are."""
    begun_after = get_last_position(context.store)
    time.sleep(data.get("seconds", 0.0))
    with context.store.transaction():
        record_event(
            context.store,
            session_id=str(context.job.concurrency_key),
            event_type="step",
            data={
                "number": data["number"],
                "claim": context.job.claim_token,
                "begun_after": begun_after,
            },
            uuid=new_id(),
        )
        context.complete(context.job.claim_token)


def work(
    open_store: Callable[[], WorkerStore],
    lease: timedelta,
    errors: Path,
    borne: tuple[type[StoreError], ...],
) -> None:
    """Work until SIGTERM; write what is logged as an error, and how the process ended."""
    handler = logging.FileHandler(errors)
    handler.addFilter(partial(_is_fault, borne))
    log = logging.getLogger("memva.worker")
    log.addHandler(handler)
    try:
        with closing(open_store()) as store:
            Worker(store, {"step": step}, concurrency=4, lease=lease, retry=AT_ONCE).run()
    except BaseException:
        log.critical("the worker failed", exc_info=True)
        raise


def _is_fault(borne: tuple[type[StoreError], ...], record: logging.LogRecord) -> bool:
    """Tell a fault from what may happen to a worker that was stopped past its lease."""
    happened = record.getMessage()
    lost = "rescued" in happened or "lost" in happened or "LeaseLost" in happened
    met = record.exc_info is not None and isinstance(record.exc_info[1], borne)
    least = logging.CRITICAL if lost or met else logging.WARNING
    return record.levelno >= least


class WorkerProcess:
    """A worker in a process of its own.

    What it logs with an error of a kind that is `borne` is no fault.
    """

    def __init__(
        self,
        open_store: Callable[[], WorkerStore],
        lease: timedelta,
        errors: Path,
        borne: tuple[type[StoreError], ...] = (),
    ) -> None:
        arguments = open_store, lease, errors, borne
        self._process = _spawn.Process(target=work, args=arguments, daemon=True)
        self._process.start()

    @property
    def pid(self) -> int:
        """Its process."""
        assert self._process.pid is not None
        return self._process.pid

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        os.kill(self.pid, number)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._process.kill()
        self._process.join()
        self._process.close()

    def end(self) -> None:
        """Have it end gracefully."""
        self._process.terminate()
        self._process.join(60)
        # One that had not set to work yet has nothing to hand back.
        assert self._process.exitcode in (0, -signal.SIGTERM)
        self._process.close()
