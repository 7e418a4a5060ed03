"""Several processes that claim from one file, beside one that has it to itself."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from statistics import median
from typing import Any, Final, NamedTuple, TypeAlias

from benchmarks.contenders import Contender, Memva
from benchmarks.job_hosts import RESULT, TYPE, job_counts, job_datas
from benchmarks.measure import Figure, Round, compared
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import Job, Store, complete_job, get_next_job
from memva.adapters.sqlite import SqliteStore

_PROCESSES: Final = 4
ENOUGH_PER_SECOND: Final = 10_000
"""More jobs than a disk completes in a second at durability `full`."""

_ADDED_AT_ONCE: Final = 5_000


Steps: TypeAlias = tuple[Callable[[], Any], Callable[[Any], None]]
"""What claims a job, and what completes it."""

Opening: TypeAlias = Callable[[], AbstractContextManager[Steps]]
"""Opens a queue, in a process of its own."""


class Share(NamedTuple):
    """What one process came to.

    Attributes:
        jobs: How many jobs it claimed and completed.
        longest: How many seconds its longest call took, the wait for the lock included.
    """

    jobs: int
    longest: float


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield how fast the processes are together, and how evenly they come to the lock.

    In each round one process works alone for some seconds, and four together, on the same file at
    durability `full`. No job may be lost or done twice: what the processes count must be what the
    file holds.
    """
    path = place.new_folder() / "memva.db"
    opening = partial(_on_file, path)
    rounds, shares, done = [], [], 0
    with SqliteStore.open(path) as store:
        fill(Memva(store), round(sizes.contended_seconds * ENOUGH_PER_SECOND))
        for number in range(sizes.contended_rounds):
            shares_of = {}
            for processes in sorted((1, _PROCESSES), reverse=number % 2 == 1):
                shares_of[processes] = work(opening, processes, sizes.contended_seconds)
                newly_done = sum(share.jobs for share in shares_of[processes])
                done += newly_done
                assert job_counts(store)[TYPE, "completed"] == done
                fill(Memva(store), newly_done)
            together, alone = (
                sizes.contended_seconds / sum(share.jobs for share in shares_of[processes])
                for processes in (_PROCESSES, 1)
            )
            rounds.append(Round(together, alone))
            shares.append(shares_of[_PROCESSES])
    names = (f"{_PROCESSES} processes", "one alone")
    yield compared("jobs.contended", rounds, count=1, names=names)
    yield _fairness(shares)


def _fairness(rounds: Sequence[Sequence[Share]]) -> Figure:
    """The smallest share of the work that a process got, in units of a fair one."""
    smallest = [
        min(share.jobs for share in shares) * len(shares) / sum(share.jobs for share in shares)
        for shares in rounds
    ]
    longest = max(share.longest for shares in rounds for share in shares)
    beside = f"the smallest of all {min(smallest):.2f}; the longest call {longest:.2f} s"
    return Figure("jobs.fairness", median(smallest), beside)


def fill(contender: Contender, count: int) -> None:
    """Create so many jobs."""
    datas = job_datas(0, count)
    for begin in range(0, count, _ADDED_AT_ONCE):
        contender.add(datas[begin : begin + _ADDED_AT_ONCE])


def work(opening: Opening, processes: int, seconds: float) -> list[Share]:
    """Let so many processes claim and complete jobs, beginning at once; return their shares."""
    spawning = multiprocessing.get_context("spawn")
    pipes, workers = [], []
    for _ in range(processes):
        here, there = spawning.Pipe()
        worker = spawning.Process(
            target=_claim_and_complete, args=(opening, seconds, there), daemon=True
        )
        worker.start()
        # The worker alone has the other end now, so that its death is seen.
        there.close()
        pipes.append(here)
        workers.append(worker)
    for pipe in pipes:
        pipe.recv()
    for pipe in pipes:
        pipe.send("begin")
    shares = [pipe.recv() for pipe in pipes]
    for worker in workers:
        worker.join()
    return shares


def steps_on(store: Store) -> Steps:
    """Return what claims a job from a store, and what completes it."""

    def complete(job: Job) -> None:
        complete_job(store, job, RESULT)

    return partial(get_next_job, store, types=[TYPE]), complete


@contextmanager
def _on_file(path: Path) -> Iterator[Steps]:
    with SqliteStore.open(path) as store:
        yield steps_on(store)


def _claim_and_complete(opening: Opening, seconds: float, pipe: Connection) -> None:
    """Do in a process of its own what a worker does, until the time is up."""
    jobs, longest = 0, 0.0
    with opening() as (claim, complete):
        pipe.send("ready")
        pipe.recv()
        before = time.perf_counter()
        end = before + seconds
        while before < end:
            job = claim()
            between = time.perf_counter()
            assert job is not None
            complete(job)
            after = time.perf_counter()
            longest = max(longest, between - before, after - between)
            before, jobs = after, jobs + 1
    pipe.send(Share(jobs, longest))
