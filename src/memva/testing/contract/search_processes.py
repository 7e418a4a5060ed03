"""What a store promises of searching beside other stores and processes, and after it was opened."""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import closing
from multiprocessing.connection import Connection

from memva.domain.abilities import SearchableStore
from memva.testing.contract.processes import SECONDS, ready, workers
from memva.testing.contract.search import SearchContract, found, said
from memva.testing.samples import sample_session


def append_and_search(
    open_store: Callable[[], SearchableStore], pipe: Connection, number: int, seconds: float
) -> None:
    """Append events, search for what was appended, and send how many were found too few."""
    with closing(open_store()) as store:
        ready(pipe)
        missing, line, end = 0, 0, time.monotonic() + seconds
        while time.monotonic() < end:
            line += 1
            store.events.append([said(f"line-{line}", f"login {line}", session_id=f"c-{number}")])
            missing += f"line-{line}" not in found(
                store, f"login {line}", claude_session_id=f"c-{number}"
            )
        pipe.send((line, missing))


class DurableSearchContract(SearchContract):
    """Searching across processes. The fixture `open_store` opens a `SearchableStore`."""

    def test_found_again_after_opening(self, open_store: Callable[[], SearchableStore]) -> None:
        """What was appended before a store was closed is found when it is opened again."""
        with closing(open_store()) as store:
            store.events.append([said("one", "login")])
            assert found(store, "login") == ["one"]
            store.events.append([said("two", "login")])
        with closing(open_store()) as store:
            assert found(store, "login") == ["two", "one"]

    def test_other_stores_events_are_found(self, open_store: Callable[[], SearchableStore]) -> None:
        """Two stores on one place find what either has committed, and not what either deleted."""
        with closing(open_store()) as one, closing(open_store()) as other:
            one.sessions.add(sample_session())
            one.events.append([said("one", "login", memva_session_id="session-1")])
            assert found(other, "login") == ["one"]
            other.events.append([said("two", "login")])
            assert found(one, "login") == ["two", "one"]
            other.sessions.delete("session-1")
            assert found(one, "login") == ["two"]

    def test_processes_find_what_they_and_others_committed(
        self, open_store: Callable[[], SearchableStore]
    ) -> None:
        """While processes append and search at once, each finds all that was committed before."""
        with workers(3, append_and_search, open_store, SECONDS) as searching:
            results = [worker.receive() for worker in searching]
        assert [missing for _, missing in results] == [0, 0, 0]
        with closing(open_store()) as store:
            found_now = found(store, "login", limit=1_000)
            assert len(found_now) == sum(count for count, _ in results)
