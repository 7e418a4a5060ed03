"""Claiming jobs and completing them, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks import raw_jobs
from benchmarks.hosts import new_files
from benchmarks.job_hosts import (
    TYPE,
    add_jobs,
    blocks,
    claim_and_complete,
    claim_and_complete_raw,
    job_counts,
    job_datas,
)
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva.adapters.sqlite import Durability

_DURABILITIES: Final[tuple[Durability, ...]] = ("full", "normal")
_COMPLETED: Final = "SELECT count(*) FROM jobs WHERE status = 'completed'"


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    for durability in _DURABILITIES:
        yield _claim_complete(sizes, place, durability)


def _claim_complete(sizes: Sizes, place: Place, durability: Durability) -> Figure:
    """`get_next_job` and `complete_job`, against one statement for each.

    The jobs of a round are created before the clock runs. Those that were completed stay, and
    both files must hold them all in the end.
    """
    rounds = []
    with new_files(place, durability) as files:
        for seed in range(sizes.job_rounds):
            datas = job_datas(seed, sizes.jobs)
            add_jobs(files.store, datas)
            raw_jobs.enqueue_batch(files.connection, TYPE, datas)
            seconds = in_turns(
                lambda count: claim_and_complete(files.store, count),
                lambda count: claim_and_complete_raw(files.connection, count),
                blocks(sizes.jobs),
            )
            rounds.append(together(seconds))
        total = sizes.jobs * sizes.job_rounds
        assert job_counts(files.store) == {(TYPE, "completed"): total}
        assert files.connection.execute(_COMPLETED).fetchall() == [(total,)]
    measure = f"jobs.claim_complete.{durability}"
    return compared(measure, rounds, count=sizes.jobs, names=("memva", "raw"))
