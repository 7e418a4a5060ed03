"""What takes turns at jobs: memva on any store, its floor, its peers."""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Sequence
from typing import Final, Protocol

import attrs

from benchmarks import raw_jobs
from benchmarks.job_hosts import (
    TYPE,
    add_jobs,
    claim_and_complete,
    claim_and_complete_batch,
    claim_and_complete_raw,
    job_counts,
)
from memva import JsonObject, Store

_COMPLETED: Final = "SELECT count(*) FROM jobs WHERE status = 'completed'"


class Contender(Protocol):
    """A queue of its own."""

    def add(self, datas: Sequence[JsonObject]) -> None:
        """Create jobs that are due at once."""
        ...

    def run(self, count: int) -> float:
        """Claim and complete so many; return how many seconds that took."""
        ...


class CountedContender(Contender, Protocol):
    """One that can be asked whether it has done what it was told."""

    def completed(self) -> int:
        """Return how many jobs were completed."""
        ...


@attrs.frozen
class Memva:
    """memva, which claims and completes jobs one by one, or so many in a batch."""

    store: Store
    in_batches: bool = False

    def add(self, datas: Sequence[JsonObject]) -> None:
        """Create jobs that are due at once."""
        add_jobs(self.store, datas)

    def run(self, count: int) -> float:
        """Claim and complete so many."""
        work = claim_and_complete_batch if self.in_batches else claim_and_complete
        return timed(lambda: work(self.store, count))

    def completed(self) -> int:
        """Return how many jobs were completed."""
        return job_counts(self.store).get((TYPE, "completed"), 0)


@attrs.frozen
class RawSqlite:
    """The floor on SQLite."""

    connection: sqlite3.Connection

    def add(self, datas: Sequence[JsonObject]) -> None:
        """Create jobs that are due at once."""
        raw_jobs.enqueue_batch(self.connection, TYPE, datas)

    def run(self, count: int) -> float:
        """Claim and complete so many."""
        return timed(lambda: claim_and_complete_raw(self.connection, count))

    def completed(self) -> int:
        """Return how many jobs were completed."""
        [(count,)] = self.connection.execute(_COMPLETED).fetchall()
        return int(count)


def timed(work: Callable[[], object]) -> float:
    """Return how many seconds it takes."""
    begin = time.perf_counter()
    work()
    return time.perf_counter() - begin
