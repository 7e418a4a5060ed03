"""Whether claims stay quick beside many jobs that are not to be claimed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

from benchmarks.contenders import Memva
from benchmarks.crowds import Crowd, check_crowd, crowded, crowds
from benchmarks.job_hosts import blocks, job_datas
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import Store
from memva.adapters.sqlite import SqliteStore


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    for crowd in crowds(sizes):
        yield _beside(sizes, place, crowd)


def _beside(sizes: Sizes, place: Place, crowd: Crowd) -> Figure:
    """Jobs claimed and completed beside a crowd, against as many in a file of their own.

    The durability is `normal`, so that waiting for the disk does not hide what grows.
    """
    copy = place.copy(crowded(place, crowd))
    alone = place.new_folder() / "memva.db"
    with (
        SqliteStore.open(copy, durability="normal") as large,
        SqliteStore.open(alone, durability="normal") as small,
    ):
        figure = beside_crowd(f"jobs.flat.{crowd.name}", sizes, crowd, large, small)
    for path in (copy, alone):
        shutil.rmtree(path.parent)
    return figure


def beside_crowd(measure: str, sizes: Sizes, crowd: Crowd, large: Store, small: Store) -> Figure:
    """Return how fast jobs are claimed and completed in `large`, which holds the crowd, too.

    That the crowd is what it should be, and that it stays so, is seen by what memva counts.
    """
    check_crowd(large, crowd)
    contenders = Memva(large), Memva(small)
    rounds = []
    for seed in range(sizes.job_rounds):
        for contender in contenders:
            contender.add(job_datas(seed, sizes.jobs))
        seconds = in_turns(contenders[0].run, contenders[1].run, blocks(sizes.jobs))
        rounds.append(together(seconds))
    check_crowd(large, crowd, completed=sizes.jobs * sizes.job_rounds)
    names = (f"beside {crowd.count:,}", "alone")
    return compared(measure, rounds, count=sizes.jobs, names=names)
