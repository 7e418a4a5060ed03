"""What a store promises to those who wait: it tells of commits, and lets a thread go first."""

from __future__ import annotations

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import pytest

from memva.domain.abilities import WorkerStore
from memva.domain.errors import SessionExists, StoreUnavailable
from memva.testing.samples import sample_job, sample_session

NEVER = 0.0
LONG = 30.0


class WatchContract:
    """Waiting for commits, and connections kept free. The fixture `store` is a `WorkerStore`."""

    def test_nothing_happens(self, store: WorkerStore) -> None:
        """Without a commit a wait ends with False, after its time."""
        store.sessions.add(sample_session())
        with store.watch() as watch:
            while watch.wait(NEVER):
                # It may be True without cause, but not for ever.
                pass
            begin = time.monotonic()
            assert not watch.wait(0.15)
            assert time.monotonic() - begin >= 0.15

    def test_commit_between_waits_is_told(self, store: WorkerStore) -> None:
        """What was committed since the last wait ends the next one at once."""
        with store.watch() as watch:
            watch.wait(NEVER)
            store.jobs.add([sample_job()])
            begin = time.monotonic()
            assert watch.wait(LONG)
            assert time.monotonic() - begin < LONG / 2

    def test_commit_wakes_who_waits(self, store: WorkerStore) -> None:
        """A commit of another thread's ends a wait."""
        with store.watch() as watch, ThreadPoolExecutor(1) as other:
            while watch.wait(NEVER):
                pass
            waiting = other.submit(watch.wait, LONG)
            time.sleep(0.05)
            with store.transaction():
                store.sessions.add(sample_session())
            assert waiting.result(LONG / 2)

    def test_what_is_undone_is_no_commit(self, store: WorkerStore) -> None:
        """A transaction that is undone leaves nothing to be told, at the latest after a while."""
        store.sessions.add(sample_session())
        with store.watch() as watch:
            with pytest.raises(SessionExists):
                store.sessions.add(sample_session())
            while watch.wait(NEVER):
                pass
            assert not watch.wait(0.1)

    def test_each_watch_is_told(self, store: WorkerStore) -> None:
        """Several who watch are all told of one commit."""
        with store.watch() as one, store.watch() as other:
            store.jobs.add([sample_job()])
            assert one.wait(LONG)
            assert other.wait(LONG)

    def test_closed_store_ends_the_wait(self, store: WorkerStore) -> None:
        """Who waits on a store that is closed is told so, and does not wait on."""
        with store.watch() as watch, ThreadPoolExecutor(1) as other:
            waiting = other.submit(self._wait_on, watch.wait)
            time.sleep(0.05)
            store.close()
            assert isinstance(waiting.exception(LONG / 2), StoreUnavailable)

    @staticmethod
    def _wait_on(wait: Callable[[float], bool]) -> None:
        end = time.monotonic() + LONG
        while time.monotonic() < end:
            wait(LONG)

    def test_reserved_thread_does_not_wait_for_readers(self, store: WorkerStore) -> None:
        """However many threads read at once, a thread that has reserved goes on."""
        release, readers = Event(), 40
        store.jobs.add([sample_job()])

        def read_for_long() -> None:
            with store.snapshot():
                release.wait(LONG)

        with store.reserved(), ThreadPoolExecutor(readers) as threads:
            reading = [threads.submit(read_for_long) for _ in range(readers)]
            time.sleep(0.2)
            try:
                begin = time.monotonic()
                for number in range(2, 5):
                    assert store.jobs.get("job-1").id == "job-1"
                    store.jobs.add([sample_job(id=f"job-{number}")])
                    # A reader who waits would take what is given back.
                    time.sleep(0.1)
                assert time.monotonic() - begin < LONG / 6
            finally:
                release.set()
            for future in reading:
                future.result(LONG)
