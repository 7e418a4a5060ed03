"""What a store promises to threads that share it."""

from __future__ import annotations

import os
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from threading import Barrier, Event

from memva.domain.event_page import EventQuery
from memva.domain.ports import Store
from memva.testing.contract.claims import claim
from memva.testing.contract.events import stored
from memva.testing.contract.forks import REFUSED, forked
from memva.testing.contract.sessions import all_sessions
from memva.testing.samples import sample_event, sample_job, sample_session

THREADS = 12
EACH = 10


class ThreadContract:
    """Nothing lost, nothing double, no error."""

    def test_threads_append_and_read(self, store: Store) -> None:
        """Threads that append and read at once lose nothing and see whole batches."""
        store.sessions.add(sample_session())
        start = Barrier(THREADS)

        def work(thread: int) -> None:
            start.wait()
            for number in range(1, EACH + 1):
                batch = [
                    sample_event(
                        uuid=f"{number}-{half}",
                        session_id=f"claude-{thread}",
                        memva_session_id="session-1",
                        line=2 * number + half,
                    )
                    for half in (0, 1)
                ]
                store.events.append(batch)
                mine = stored(store, EventQuery(session_id=f"claude-{thread}"))
                assert len(mine) == 2 * number
                assert store.events.page(EventQuery(), limit=2).events

        with ThreadPoolExecutor(THREADS) as threads:
            for future in [threads.submit(work, thread) for thread in range(THREADS)]:
                future.result()
        events = stored(store, EventQuery(memva_session_id="session-1"))
        assert len(events) == len({event.position for event in events}) == 2 * THREADS * EACH

    if hasattr(os, "fork"):

        def test_fork_beside_a_transaction(self, store: Store) -> None:
            """A child works or is refused, at once, though another thread was in a transaction."""
            opened, done = Event(), Event()

            def hold_open() -> None:
                with store.transaction():
                    store.sessions.add(sample_session(id="held"))
                    opened.set()
                    done.wait()

            def add_in_child() -> int:
                store.sessions.add(sample_session(id="child"))
                return len([s for s in all_sessions(store) if s.id == "child"])

            with ThreadPoolExecutor(1) as threads:
                holding = threads.submit(hold_open)
                opened.wait()
                result = forked(add_in_child)
                done.set()
                holding.result()
            assert result() in (1, REFUSED)
            assert store.sessions.get("held").id == "held"

    def test_threads_append_the_same(self, store: Store) -> None:
        """Threads that append the same events at once store each once."""
        batch = [sample_event(uuid=f"line-{n}", line=n) for n in range(1, 21)]
        start = Barrier(THREADS)

        def work() -> int:
            start.wait()
            return store.events.append(batch).added

        with ThreadPoolExecutor(THREADS) as threads:
            added = [future.result() for future in [threads.submit(work) for _ in range(THREADS)]]
        assert sorted(added) == [0] * (THREADS - 1) + [20]
        assert len(stored(store)) == 20

    def test_threads_never_claim_the_same_job(self, store: Store) -> None:
        """Each job goes to one thread, under one token."""
        for number in range(EACH * 4):
            store.jobs.add([sample_job(id=f"job-{number}")])
        start, tokens = Barrier(THREADS), count()

        def work() -> list[str]:
            start.wait()
            mine = []
            while claimed := claim(store, token=f"token-{next(tokens)}", limit=3):
                for job in claimed:
                    assert store.jobs.get(job.id).claim_token == job.claim_token
                    mine.append(job.id)
            return mine

        with ThreadPoolExecutor(THREADS) as threads:
            futures = [threads.submit(work) for _ in range(THREADS)]
            claimed = Counter(id_ for future in futures for id_ in future.result())
        assert claimed == Counter(f"job-{number}" for number in range(EACH * 4))
