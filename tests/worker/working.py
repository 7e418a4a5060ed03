"""A worker that works while a test looks on."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from memva import FixedRetry, Job, WorkerStore, get_job
from memva.worker import Happening, Worker

QUICK = timedelta(seconds=0.6)
"""A lease that is renewed every fifth of a second."""
LONG = 20.0
"""How many seconds a test waits at most for what must come."""
AT_ONCE = FixedRetry(timedelta(0))
"""A retry without a wait."""


class Told(list[Happening]):
    """What a worker has told."""

    def kinds(self) -> list[str]:
        return [happening.kind for happening in self]


def run_all(store: WorkerStore, handlers: dict[str, Any], **options: Any) -> Told:
    """Work until there is nothing left to do; return what was told."""
    told = Told()
    options = {"worker_id": "worker", "on_happening": told.append, **options}
    Worker(store, handlers, **options).run_until_idle()
    return told


@contextmanager
def working(store: WorkerStore, handlers: dict[str, Any], **options: Any) -> Iterator[Told]:
    """Have a worker work in a thread, and stop it at the end of the block."""
    told = Told()
    options = {"lease": QUICK, "on_happening": told.append, "worker_id": "worker", **options}
    worker = Worker(store, handlers, **options)
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield told
    finally:
        worker.stop()
        thread.join(LONG)
        assert not thread.is_alive()


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds."""
    end = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < end, "it did not happen"
        time.sleep(0.005)


def ended(store: WorkerStore, job: Job) -> Job:
    """Wait until a job has ended, and return it."""
    until(lambda: get_job(store, job.id).completed_at)
    return get_job(store, job.id)
