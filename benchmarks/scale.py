"""The part `scale`: what a long history asks of memva beyond storing it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from benchmarks import async_face, deep, derived, home, searching, threads
from benchmarks.measure import Figure
from benchmarks.place import Place
from benchmarks.sizes import Sizes

_MEASURES: Final = (
    threads.measures,
    deep.measures,
    home.measures,
    searching.measures,
    derived.measures,
    async_face.measures,
)


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures of this part."""
    for of_topic in _MEASURES:
        yield from of_topic(sizes, place)
