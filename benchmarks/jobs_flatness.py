"""Whether claims stay quick beside many jobs that are not to be claimed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks.crowds import Crowd, check_crowd, crowded, crowds
from benchmarks.job_hosts import add_jobs, blocks, claim_and_complete, job_datas
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva.adapters.sqlite import SqliteStore


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    for crowd in crowds(sizes):
        yield _beside(sizes, place, crowd)


def _beside(sizes: Sizes, place: Place, crowd: Crowd) -> Figure:
    """Jobs claimed and completed beside a crowd, against as many in a file of their own.

    The durability is `normal`, so that waiting for the disk does not hide what grows. That the
    crowd is what it should be, and that it stays so, is seen by what memva counts.
    """
    copy = place.copy(crowded(place, crowd))
    alone = place.new_folder() / "memva.db"
    rounds = []
    with (
        SqliteStore.open(copy, durability="normal") as large,
        SqliteStore.open(alone, durability="normal") as small,
    ):
        check_crowd(large, crowd)
        for seed in range(sizes.job_rounds):
            for store in (large, small):
                add_jobs(store, job_datas(seed, sizes.jobs))
            seconds = in_turns(
                lambda count: claim_and_complete(large, count),
                lambda count: claim_and_complete(small, count),
                blocks(sizes.jobs),
            )
            rounds.append(together(seconds))
        check_crowd(large, crowd, completed=sizes.jobs * sizes.job_rounds)
    for path in (copy, alone):
        shutil.rmtree(path.parent)
    names = (f"beside {crowd.count:,}", "alone")
    return compared(f"jobs.flat.{crowd.name}", rounds, count=sizes.jobs, names=names)
