"""The worker: how fast it runs jobs, how soon it begins one, and what it costs to wait."""

from __future__ import annotations

import multiprocessing
import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Queue
from statistics import median
from typing import Final, TypeAlias

from benchmarks import raw_jobs
from benchmarks.hosts import Files, new_files
from benchmarks.idle import idle_cpu
from benchmarks.job_hosts import TYPE, add_jobs, claim_and_complete_raw, job_counts, job_datas
from benchmarks.measure import Figure, compared, in_turns
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import JsonValue, create_job
from memva.adapters.sqlite import SqliteStore
from memva.worker import Worker

_Handler: TypeAlias = Callable[[JsonValue, object], JsonValue]
_CreateJob: TypeAlias = Callable[[JsonValue], float]
"""Creates a job with this data; returns the moment at which it began to."""

_CONCURRENCY: Final = 20
_WAIT_SECONDS: Final = 30


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    yield _speed(sizes, place)
    yield _wakeup_in_process(sizes, place)
    yield _wakeup_across(sizes, place)
    path = place.new_folder() / "memva.db"
    yield idle_cpu("jobs.idle_cpu", _run_until_told, path, seconds=sizes.idle_seconds)


def _worker(store: SqliteStore, handler: _Handler) -> Worker:
    return Worker(store, {TYPE: handler}, concurrency=_CONCURRENCY)


def _speed(sizes: Sizes, place: Place) -> Figure:
    """Jobs of a handler that does nothing, against the floor's claiming and completing one by one.

    The jobs of a round are created before the clock runs, and all of them must be completed when
    it stops. The durability is `full`: the worker may save commits, the floor cannot.
    """
    with new_files(place, "full") as files:
        rounds = in_turns(
            lambda _: _worker(files.store, lambda data, context: None).run_until_idle(),
            lambda count: claim_and_complete_raw(files.connection, count),
            _filled(files, sizes),
        )
    names = (f"{_CONCURRENCY} at once", "raw, one by one")
    return compared("jobs.worker.full", rounds, count=sizes.worker_jobs, names=names)


def _filled(files: Files, sizes: Sizes) -> Iterator[int]:
    """Yield how many jobs wait in both files, and see in the end that all were completed."""
    for seed in range(sizes.worker_rounds):
        datas = job_datas(seed, sizes.worker_jobs)
        add_jobs(files.store, datas)
        raw_jobs.enqueue_batch(files.connection, TYPE, datas)
        yield sizes.worker_jobs
    total = sizes.worker_rounds * sizes.worker_jobs
    assert job_counts(files.store) == {(TYPE, "completed"): total}


def _wakeup_in_process(sizes: Sizes, place: Place) -> Figure:
    """From the call of `create_job` to its handler's first line, in the worker's own process."""
    path = place.new_folder() / "memva.db"
    with SqliteStore.open(path) as store, _running(store) as begun:

        def create(data: JsonValue) -> float:
            begin = time.monotonic()
            create_job(store, type=TYPE, data=data)
            return begin

        return _wakeup("jobs.wakeup_ms.process", create, begun, sizes.wakeups)


def _wakeup_across(sizes: Sizes, place: Place) -> Figure:
    """From the call of `create_job` in another process to its handler's first line."""
    path = place.new_folder() / "memva.db"
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    creator = spawning.Process(target=_create_when_told, args=(path, there), daemon=True)
    with SqliteStore.open(path) as store, _running(store) as begun:
        creator.start()
        there.close()

        def create(data: JsonValue) -> float:
            here.send(data)
            begin: float = here.recv()
            return begin

        here.recv()
        figure = _wakeup("jobs.wakeup_ms.across", create, begun, sizes.wakeups)
        here.send(None)
        creator.join()
    return figure


def _wakeup(measure: str, create: _CreateJob, begun: Queue[float], count: int) -> Figure:
    """Create jobs, each at a chance moment after the one before it was begun."""
    chance = random.Random(0)
    waits = []
    for data in job_datas(0, count):
        time.sleep(chance.uniform(0.05, 0.35))
        # The clock is the machine's, and so the same in both processes.
        began = create(data)
        waits.append((begun.get(timeout=_WAIT_SECONDS) - began) * 1e3)
    beside = f"ms in the median of {count}; {min(waits):.1f} to {max(waits):.1f}"
    return Figure(measure, median(waits), beside)


def _create_when_told(path: Path, pipe: Connection) -> None:
    with SqliteStore.open(path) as store:
        pipe.send("ready")
        while (data := pipe.recv()) is not None:
            begin = time.monotonic()
            create_job(store, type=TYPE, data=data)
            pipe.send(begin)


@contextmanager
def _running(store: SqliteStore) -> Iterator[Queue[float]]:
    """Run a worker in a thread; give the moments at which its handler begins."""
    begun: Queue[float] = Queue()
    worker = _worker(store, lambda data, context: begun.put(time.monotonic()))
    thread = threading.Thread(target=worker.run)
    thread.start()
    try:
        yield begun
    finally:
        worker.stop()
        thread.join()


def _run_until_told(path: Path, pipe: Connection) -> None:
    with SqliteStore.open(path) as store, _running(store) as begun:
        # One job, so that what a worker loads when it begins is loaded.
        create_job(store, type=TYPE)
        begun.get(timeout=_WAIT_SECONDS)
        pipe.send("ready")
        pipe.recv()
