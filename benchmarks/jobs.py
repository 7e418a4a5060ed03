"""The part `jobs`: creating, claiming and completing them, alone, in a crowd, and beside peers."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks import claiming, contending, enqueueing, jobs_flatness, peers, working
from benchmarks.measure import Figure
from benchmarks.place import Place
from benchmarks.sizes import Sizes

_MEASURES: Final = (
    claiming.measures,
    enqueueing.measures,
    jobs_flatness.measures,
    contending.measures,
    working.measures,
    peers.measures,
)


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures of this part."""
    for of_topic in _MEASURES:
        yield from of_topic(sizes, place)
