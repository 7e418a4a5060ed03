"""The part `events`: appending, paging, and whether they stay quick as a file grows."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks import flatness
from benchmarks.appending import bulk_append, single_append
from benchmarks.measure import Figure
from benchmarks.paging import pages
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva.adapters.sqlite import Durability

_DURABILITIES: Final[tuple[Durability, ...]] = ("full", "normal")


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures of this part."""
    for append in (bulk_append, single_append):
        for durability in _DURABILITIES:
            yield append(sizes, place, durability)
    yield pages(sizes, place)
    yield from flatness.measures(sizes, place)
