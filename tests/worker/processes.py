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
from pathlib import Path
from typing import Any

from memva import WorkerStore, record_event
from memva.domain.ids import new_id
from memva.worker import JobContext, Worker

_spawn = multiprocessing.get_context("spawn")


def step(data: Any, context: JobContext) -> None:
    """Leave one trace of each run that is accepted, in the order in which they are."""
    time.sleep(data.get("seconds", 0.0))
    with context.store.transaction():
        record_event(
            context.store,
            session_id=str(context.job.concurrency_key),
            event_type="step",
            data={"number": data["number"], "claim": context.job.claim_token},
            uuid=new_id(),
        )
        context.complete(context.job.claim_token)


def work(open_store: Callable[[], WorkerStore], lease: timedelta, errors: Path) -> None:
    """Work until SIGTERM; write what is logged as an error, and how the process ended."""
    handler = logging.FileHandler(errors)
    handler.addFilter(_is_fault)
    logging.getLogger("memva.worker").addHandler(handler)
    try:
        with closing(open_store()) as store:
            Worker(store, {"step": step}, concurrency=4, lease=lease).run()
    except BaseException:
        logging.getLogger("memva.worker").exception("the worker failed")
        raise


def _is_fault(record: logging.LogRecord) -> bool:
    """Tell a fault from what may happen to a worker that was stopped past its lease."""
    happened = record.getMessage()
    lost = "rescued" in happened or "lost" in happened or "LeaseLost" in happened
    return record.levelno >= logging.WARNING and not lost


class WorkerProcess:
    """A worker in a process of its own."""

    def __init__(
        self, open_store: Callable[[], WorkerStore], lease: timedelta, errors: Path
    ) -> None:
        self._process = _spawn.Process(target=work, args=(open_store, lease, errors), daemon=True)
        self._process.start()

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self._process.pid is not None
        os.kill(self._process.pid, number)

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
