"""Timing that holds on a noisy machine: contenders take turns, and medians of ratios count."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from statistics import median
from time import perf_counter
from typing import Final, NamedTuple, TypeVar

import attrs

_T = TypeVar("_T")


@attrs.frozen
class Target:
    """What a figure must reach, or must not exceed."""

    bound: float
    at_least: bool = True

    def __str__(self) -> str:
        return f"{'>=' if self.at_least else '<='} {self.bound:g}"

    def is_met(self, value: float) -> bool:
        """Tell whether `value` is on the right side of the bound."""
        return value >= self.bound if self.at_least else value <= self.bound


TARGETS: Final = {
    "aio.cost": Target(1.25, at_least=False),
    "events.bulk_append.full": Target(0.75),
    "events.bulk_append.normal": Target(0.75),
    "events.bulk_append.counts_cost": Target(1.4, at_least=False),
    "events.bulk_append.indexed_cost": Target(3.2, at_least=False),
    "events.single_append.full": Target(0.75),
    "events.single_append.normal": Target(0.75),
    "events.single_append.flat": Target(0.8),
    "events.page": Target(0.67),
    "events.page.flat": Target(0.9),
    "events.page_deep.flat": Target(0.75),
    "events.thread_s": Target(1.0, at_least=False),
    "search.common_ms": Target(50, at_least=False),
    "search.rare_ms": Target(50, at_least=False),
    "search.growth": Target(3.0, at_least=False),
    "sessions.home.flat": Target(0.75),
    "sessions.stats.flat": Target(0.75),
    "import.speed": Target(0.5),
    "import.peak_mb": Target(150, at_least=False),
    "import.unchanged": Target(3.0, at_least=False),
    "watch.idle_cpu": Target(1.0, at_least=False),
    "watch.delay_s": Target(1.0, at_least=False),
    "import_memva.cost": Target(2.0, at_least=False),
    "jobs.claim_complete.full": Target(0.75),
    "jobs.claim_complete.normal": Target(0.6),
    "jobs.enqueue.full": Target(0.7),
    "jobs.enqueue_batch.full": Target(0.6),
    "jobs.flat.finished": Target(0.8),
    "jobs.flat.future": Target(0.8),
    "jobs.flat.foreign": Target(0.8),
    "jobs.flat.busy_key": Target(0.8),
    "jobs.flat.priorities": Target(0.8),
    "jobs.contended": Target(0.8),
    "jobs.fairness": Target(0.5),
    "jobs.vs_best_peer": Target(1.0),
    "jobs.worker.full": Target(3.0),
    "jobs.wakeup_ms.process": Target(5, at_least=False),
    "jobs.wakeup_ms.across": Target(100, at_least=False),
    "jobs.idle_cpu": Target(0.5, at_least=False),
    "pg.claim_complete.1": Target(0.6),
    "pg.claim_complete.8": Target(0.6),
    "pg.vs_best_peer": Target(1.0),
    "pg.flat.finished": Target(0.8),
    "pg.flat.future": Target(0.8),
    "pg.flat.foreign": Target(0.8),
    "pg.flat.busy_key": Target(0.8),
    "pg.flat.priorities": Target(0.8),
    "pg.bulk_append": Target(0.7),
}


@attrs.frozen
class Figure:
    """What one benchmark came to.

    Attributes:
        measure: Its name, the key in `latest.json` and in `TARGETS`.
        value: The figure.
        beside: The raw measurements that it was worked out from.
        table: A table of them, line by line, where they are many.
    """

    measure: str
    value: float
    beside: str
    table: Sequence[str] = ()


class Round(NamedTuple):
    """The seconds that two contenders took for the same work."""

    ours: float
    floor: float


def in_turns(
    ours: Callable[[_T], object], floor: Callable[[_T], object], items: Iterable[_T]
) -> list[Round]:
    """Give each of `items` to both contenders; return what each took for each item.

    They go first in turn, so that neither always finds the caches warm. Making an item is not
    timed.
    """
    rounds = []
    for number, item in enumerate(items):
        if number % 2:
            our_seconds = _seconds(ours, item)
            rounds.append(Round(our_seconds, _seconds(floor, item)))
        else:
            floor_seconds = _seconds(floor, item)
            rounds.append(Round(_seconds(ours, item), floor_seconds))
    return rounds


def together(rounds: Iterable[Round]) -> Round:
    """Return several rounds as one."""
    ours, floor = zip(*rounds, strict=True)
    return Round(sum(ours), sum(floor))


def _seconds(contender: Callable[[_T], object], item: _T) -> float:
    begin = perf_counter()
    contender(item)
    return perf_counter() - begin


def compared(
    measure: str, rounds: Sequence[Round], *, count: int, names: tuple[str, str]
) -> Figure:
    """Return the rate of the first contender in units of the second's, a median over `rounds`.

    Args:
        measure: The figure's name.
        rounds: What the contenders took.
        count: How many things each did in one round.
        names: What the contenders are called in the table.
    """
    rates = (
        count / median(seconds.ours for seconds in rounds),
        count / median(seconds.floor for seconds in rounds),
    )
    beside = ", ".join(f"{name} {rate:,.0f}/s" for name, rate in zip(names, rates, strict=True))
    ratios = sorted(seconds.floor / seconds.ours for seconds in rounds)
    return Figure(measure, median(ratios), f"{beside} ({ratios[0]:.2f} to {ratios[-1]:.2f})")
