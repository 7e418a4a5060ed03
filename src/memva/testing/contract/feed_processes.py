"""What a store promises to those who follow it while other processes write.

`MEMVA_PROOF=1` runs the same test at the size that proves it.
"""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from contextlib import closing, nullcontext
from multiprocessing.connection import Connection
from typing import Final

from memva.domain.abilities import WatchableStore
from memva.domain.ports import Store
from memva.services.following import follow_events
from memva.testing.contract.events import stored
from memva.testing.contract.feeds import FollowContract
from memva.testing.contract.processes import PROOF, SECONDS, ready, workers
from memva.testing.samples import sample_event

WRITERS: Final = 4 if PROOF else 2
SILENCE: Final = 2.0

_log = logging.getLogger(__name__)


def append_in_batches(
    open_store: Callable[[], Store], pipe: Connection, number: int, seconds: float
) -> None:
    """Append batches of several sizes for some seconds, some undone, some replaced; send how many.

    What is sent is how many events took a position that stood when their batch was committed.
    """
    chance = random.Random(number)
    with closing(open_store()) as store:
        ready(pipe)
        positions, line, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            batch = [
                sample_event(uuid=f"line-{line + n}", session_id=f"claude-{number}")
                for n in range(1, chance.choice([1, 1, 1, 2, 20]) + 1)
            ]
            undone = chance.random() < 0.2
            # A call that stands alone need not take turns with blocks.
            block = nullcontext() if chance.random() < 0.5 and not undone else store.transaction()
            try:
                with block:
                    store.events.append(batch)
                    if undone:
                        raise KeyError
            except KeyError:
                continue
            line += len(batch)
            positions += len(batch)
            if chance.random() < 0.2:
                final = sample_event(uuid=batch[-1].uuid, session_id=f"claude-{number}", line=line)
                store.events.append([final])
                positions += 1
            # A writer that never rests would leave nothing to wait for.
            time.sleep(chance.choice([0, 0, 0.005]))
        pipe.send(positions)


class DurableFollowContract(FollowContract):
    """Following across processes. The fixture `open_store` opens a `WatchableStore`."""

    def test_follower_misses_nothing_that_other_processes_write(
        self, open_store: Callable[[], WatchableStore]
    ) -> None:
        """While several processes write, a follower gets every event, in order, none twice."""
        with closing(open_store()) as store:
            followed: list[int] = []
            last: dict[tuple[str, str], int] = {}
            with workers(WRITERS, append_in_batches, open_store, SECONDS) as writing:
                for event in follow_events(store, after=0, timeout=max(SILENCE, SECONDS / 2)):
                    followed.append(event.position)
                    last[event.session_id, event.uuid] = event.position
                written = sum(writer.receive() for writer in writing)
            assert followed == sorted(set(followed))
            there = {(event.session_id, event.uuid): event.position for event in stored(store)}
            assert last == there
            # What was replaced before anybody looked is not there to be told.
            assert len(there) <= len(followed) <= written
            _log.info(
                "%d processes took %d positions, %d followed", WRITERS, written, len(followed)
            )
