"""Proof under fire: workers are killed and stopped at random, and nothing is lost or doubled.

`MEMVA_PROOF=1` runs the same at the size that proves it.
"""

from __future__ import annotations

import logging
import os
import random
import signal
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Final

import pytest
from tests.worker.processes import WorkerProcess
from tests.worker.working import until, working

from memva import (
    NewJob,
    WorkerStore,
    create_job,
    create_jobs,
    get_events_for_claude_session,
    get_job,
    get_job_attempts,
    get_job_stats,
    list_jobs,
)
from memva.adapters.sqlite import SqliteStore

PROOF: Final = os.environ.get("MEMVA_PROOF") == "1"
WORKERS: Final = 4 if PROOF else 3
KEYS: Final = 200 if PROOF else 10
JOBS: Final = 20_000 if PROOF else 300
PAUSE: Final = 0.5
LEASE: Final = timedelta(seconds=1.0 if PROOF else 0.6)
PATIENCE: Final = 600.0 if PROOF else 60.0

_log = logging.getLogger(__name__)

OpenStore = Callable[[], WorkerStore]


@pytest.fixture(params=["sqlite"])
def open_store(request: pytest.FixtureRequest, tmp_path: Path) -> OpenStore:
    return partial(SqliteStore.open, tmp_path / "memva.db")


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


def create(store: WorkerStore) -> None:
    """Create jobs that leave traces, those of each key in the order of their numbers."""
    seconds = 0.0 if PROOF else 0.06
    create_jobs(
        store,
        [
            NewJob(
                type="step",
                data={"number": number // KEYS, "seconds": seconds},
                concurrency_key=f"key-{number % KEYS}",
                max_attempts=1_000,
            )
            for number in range(JOBS)
        ],
    )


def left(store: WorkerStore) -> int:
    """Return how many jobs have not completed."""
    return sum(one.count for one in get_job_stats(store) if one.status != "completed")


def check(store: WorkerStore, errors: Path) -> int:
    """See that every job ran once, in its order, alone; return how many claims were lost."""
    jobs = defaultdict(list)
    page = list_jobs(store, limit=1_000)
    while True:
        for job in page:
            assert (job.status, job.result) == ("completed", job.claim_token)
            jobs[str(job.concurrency_key)].append(job)
        if page.next is None:
            break
        page = list_jobs(store, after=page.next, limit=1_000)
    assert sum(map(len, jobs.values())) == JOBS
    lost = 0
    for key, of_key in jobs.items():
        of_key.reverse()
        # Nothing accepted twice, nothing stale, and in their order.
        traces = [event.data for event in get_events_for_claude_session(store, key)]
        assert traces == [
            {"number": number, "claim": job.claim_token} for number, job in enumerate(of_key)
        ]
        end = None
        for job in of_key:
            # No accepted run began before the one before it had ended.
            assert job.started_at is not None
            assert end is None or job.started_at >= end
            end = job.completed_at
            if job.claims > 1:
                outcomes = [attempt.outcome for attempt in get_job_attempts(store, job.id)]
                assert outcomes[-1] == "completed"
                assert set(outcomes[:-1]) <= {"lost", "released"}
                lost += outcomes.count("lost")
    assert errors.read_text() == ""
    return lost


def test_killed_workers_lose_and_double_nothing(open_store: OpenStore, tmp_path: Path) -> None:
    chance, kills, errors = random.Random(7), 0, tmp_path / "errors"
    with closing(open_store()) as store:
        create(store)
        begin = time.monotonic()
        with workers(open_store, errors) as started:
            while left(store):
                assert time.monotonic() - begin < PATIENCE
                time.sleep(PAUSE)
                # One is left to finish, as each takes a while to start.
                started.pop(chance.randrange(WORKERS)).kill()
                started.append(WorkerProcess(open_store, LEASE, errors))
                kills += 1
        lost = check(store, errors)
        seconds = time.monotonic() - begin
    _log.info("%d jobs, %d kills, %d claims lost, %.0f s", JOBS, kills, lost, seconds)
    assert kills >= 2


def test_workers_stopped_past_their_lease_and_killed_change_nothing(
    open_store: OpenStore, tmp_path: Path
) -> None:
    chance, stops, errors = random.Random(7), 0, tmp_path / "errors"
    with closing(open_store()) as store:
        create(store)
        begin = time.monotonic()
        with workers(open_store, errors) as started:
            until(lambda: left(store) < JOBS)
            while left(store):
                assert time.monotonic() - begin < PATIENCE
                stopped = chance.choice(started)
                stopped.send(signal.SIGSTOP)
                time.sleep(2.5 * LEASE.total_seconds())
                stopped.send(signal.SIGCONT)
                time.sleep(PAUSE)
                stops += 1
        lost = check(store, errors)
        seconds = time.monotonic() - begin
    _log.info("%d jobs, %d stops, %d claims lost, %.0f s", JOBS, stops, lost, seconds)
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
