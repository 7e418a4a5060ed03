"""Proof under fire: workers are killed and stopped at random, and nothing is lost or doubled.

`MEMVA_PROOF=1` runs the same at the size that proves it.
"""

from __future__ import annotations

import logging
import random
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.worker.processes import WorkerProcess
from tests.worker.traces import checked_attempts, checked_jobs, left, number
from tests.worker.working import until, working

from memva import NewJob, WorkerStore, create_job, create_jobs, get_job
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.testing.contract.processes import PROOF

WORKERS: Final = 4 if PROOF else 3
KEYS: Final = 200 if PROOF else 10
JOBS: Final = 20_000 if PROOF else 300
PAUSE: Final = 0.5
LEASE: Final = timedelta(seconds=1.0 if PROOF else 0.6)
PATIENCE: Final = 600.0 if PROOF else 60.0

_log = logging.getLogger(__name__)

OpenStore = Callable[[], WorkerStore]


@pytest.fixture(params=["sqlite", "postgres"] if PROOF else ["sqlite"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    if request.param == "sqlite":
        return partial(SqliteStore.open, tmp_path / "memva.db")
    url, schema = map(request.getfixturevalue, ("postgres_url", "postgres_schema"))
    return partial(PostgresStore.open, url, schema=schema)


@contextmanager
def workers(open_store: OpenStore, errors: Path) -> Iterator[list[WorkerProcess]]:
    """Have workers work; those that are in the list at the end of the block end gracefully."""
    started = [WorkerProcess(open_store, LEASE, errors) for _ in range(WORKERS)]
    try:
        yield started
        for worker in started:
            worker.end()
        started.clear()
    finally:
        for worker in started:
            worker.kill()


def create(store: WorkerStore) -> int:
    """Create jobs that leave traces, those of each key in the order of their numbers.

    Return how many: fewer on a server, where a worker takes longer to begin.
    """
    jobs = JOBS if isinstance(store, SqliteStore) else JOBS // 4
    seconds = 0.0 if PROOF else 0.06
    create_jobs(
        store,
        [
            NewJob(
                type="step",
                data={"number": count // KEYS, "seconds": seconds},
                concurrency_key=f"key-{count % KEYS}",
                max_attempts=1_000,
            )
            for count in range(jobs)
        ],
    )
    return jobs


def check(store: WorkerStore, jobs: int, errors: Path) -> int:
    """See that each of so many jobs ran once, in its order, alone; return how many were lost."""
    of_keys = checked_jobs(store)
    assert sum(map(len, of_keys.values())) == jobs
    for of_key in of_keys.values():
        assert list(map(number, of_key)) == list(range(len(of_key)))
    in_vain = checked_attempts(store, of_keys, {"lost", "released"})
    assert errors.read_text() == ""
    return sum(attempt.outcome == "lost" for attempt in in_vain)


def test_killed_workers_lose_and_double_nothing(open_store: OpenStore, tmp_path: Path) -> None:
    chance, kills, errors = random.Random(7), 0, tmp_path / "errors"
    with closing(open_store()) as store:
        jobs = create(store)
        begin = time.monotonic()
        with workers(open_store, errors) as started:
            while left(store):
                assert time.monotonic() - begin < PATIENCE
                time.sleep(PAUSE)
                # One is left to finish, as each takes a while to start.
                started.pop(chance.randrange(WORKERS)).kill()
                started.append(WorkerProcess(open_store, LEASE, errors))
                kills += 1
        lost = check(store, jobs, errors)
        seconds = time.monotonic() - begin
    _log.info("%d jobs, %d kills, %d claims lost, %.0f s", jobs, kills, lost, seconds)
    assert kills >= 2


def test_workers_stopped_past_their_lease_and_killed_change_nothing(
    open_store: OpenStore, tmp_path: Path
) -> None:
    chance, stops, errors = random.Random(7), 0, tmp_path / "errors"
    with closing(open_store()) as store:
        jobs = create(store)
        begin = time.monotonic()
        with workers(open_store, errors) as started:
            until(lambda: left(store) < jobs)
            while left(store):
                assert time.monotonic() - begin < PATIENCE
                stopped = chance.choice(started)
                stopped.send(signal.SIGSTOP)
                time.sleep(2.5 * LEASE.total_seconds())
                stopped.send(signal.SIGCONT)
                time.sleep(PAUSE)
                stops += 1
        lost = check(store, jobs, errors)
        seconds = time.monotonic() - begin
    _log.info("%d jobs, %d stops, %d claims lost, %.0f s", jobs, stops, lost, seconds)
    assert stops >= 1


def test_killed_workers_job_runs_again_soon(open_store: OpenStore, tmp_path: Path) -> None:
    with closing(open_store()) as store:
        victim = WorkerProcess(open_store, LEASE, tmp_path / "errors")
        data = {"number": 0, "seconds": 10 * LEASE.total_seconds()}
        job = create_job(store, type="step", data=data, concurrency_key="k")
        until(lambda: get_job(store, job.id).status == "processing")
        with working(store, {"step": lambda data, context: "again"}, lease=LEASE):
            # Its lease is as fresh as it may be.
            time.sleep(LEASE.total_seconds())
            killed_at = store.now()
            victim.kill()
            until(lambda: get_job(store, job.id).status == "completed")
        again = get_job(store, job.id)
    assert (again.claims, again.result) == (2, "again")
    assert again.started_at is not None
    renewal = LEASE / 3
    waited, bound = again.started_at - killed_at, LEASE + 2 * renewal + timedelta(seconds=0.1)
    _log.info("run again after %s, within %s", waited, bound)
    # A busy machine may keep the rescuer waiting for its turn.
    assert waited < bound + timedelta(seconds=0.5 if PROOF else 10)
