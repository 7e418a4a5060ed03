"""What services that wait have in common: they say when to wait, and somebody else does it.

Such a service is a generator of steps. A step is what was found, or the seconds to wait at most
for a commit before the next one. The sync face waits in the calling thread, the async face on its
loop.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TypeAlias, TypeVar

from memva.domain.abilities import WatchableStore

_T = TypeVar("_T")

Steps: TypeAlias = Iterator[float | Sequence[_T]]


def in_this_thread(store: WatchableStore, steps: Steps[_T]) -> Iterator[_T]:
    """Yield what is found, and wait in the calling thread in between."""
    # The watch begins before the first look: what is committed in between ends the first wait.
    with store.watch() as watch:
        for step in steps:
            if isinstance(step, float):
                watch.wait(step)
            else:
                yield from step
