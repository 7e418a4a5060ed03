"""What services that wait have in common: they say when to wait, and somebody else does it.

Such a service is a generator of steps. A step is what was found, or the seconds to wait at most
for a commit before the next one. The sync face waits in the calling thread, the async face on its
loop.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterator, Sequence
from typing import Final, TypeAlias, TypeVar

from memva.domain.abilities import WatchableStore
from memva.domain.errors import StoreUnavailable

_T = TypeVar("_T")

Steps: TypeAlias = Iterator[float | Sequence[_T]]

_RESTART_SECONDS: Final = 60.0
_AGAIN_SECONDS: Final = 0.25


def looked(look: Callable[[], _T], *, patience: float | None) -> Generator[float, None, _T]:
    """Return what a look finds; wait where the store cannot be reached, as a server may restart.

    Args:
        look: The look.
        patience: How many seconds it has at most, where that is less than a minute.

    Raises:
        StoreUnavailable: The store could not be reached in that time.
    """
    patience = _RESTART_SECONDS if patience is None else min(patience, _RESTART_SECONDS)
    give_up = time.monotonic() + patience
    while True:
        try:
            return look()
        except StoreUnavailable:
            left = give_up - time.monotonic()
            if left <= 0:
                raise
        # A store that was closed says so here.
        yield min(left, _AGAIN_SECONDS)


def in_this_thread(store: WatchableStore, steps: Steps[_T]) -> Iterator[_T]:
    """Yield what is found, and wait in the calling thread in between."""
    # The watch begins before the first look: what is committed in between ends the first wait.
    with store.watch() as watch:
        for step in steps:
            if isinstance(step, float):
                watch.wait(step)
            else:
                yield from step
