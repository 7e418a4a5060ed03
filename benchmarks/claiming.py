"""Claiming jobs and completing them, one by one."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks.contenders import CountedContender, Memva, RawSqlite
from benchmarks.hosts import new_files
from benchmarks.job_hosts import blocks, job_datas
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva.adapters.sqlite import Durability

_DURABILITIES: Final[tuple[Durability, ...]] = ("full", "normal")


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    for durability in _DURABILITIES:
        yield _claim_complete(sizes, place, durability)


def _claim_complete(sizes: Sizes, place: Place, durability: Durability) -> Figure:
    """`get_next_job` and `complete_job`, against one statement for each."""
    with new_files(place, durability) as files:
        ours, floor = Memva(files.store), RawSqlite(files.connection)
        return beside_floor(f"jobs.claim_complete.{durability}", sizes, ours, floor)


def beside_floor(
    measure: str, sizes: Sizes, ours: CountedContender, floor: CountedContender
) -> Figure:
    """Jobs claimed and completed one by one, against as many on the floor.

    The jobs of a round are created before the clock runs. Those that were completed stay, and
    both must hold them all in the end.
    """
    rounds = []
    for seed in range(sizes.job_rounds):
        datas = job_datas(seed, sizes.jobs)
        ours.add(datas)
        floor.add(datas)
        rounds.append(together(in_turns(ours.run, floor.run, blocks(sizes.jobs))))
    assert ours.completed() == floor.completed() == sizes.jobs * sizes.job_rounds
    return compared(measure, rounds, count=sizes.jobs, names=("memva", "raw"))
