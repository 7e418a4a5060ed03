"""Following events and waiting for jobs on a loop."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Iterator
from contextlib import aclosing, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.aio.tasks import (
    LONG,
    Gate,
    SlowToWatch,
    assert_nothing_is_open,
    cancelled,
    run,
    until,
)

from memva import (
    Event,
    JobNotFound,
    SessionNotFound,
    StoreUnavailable,
    WatchableStore,
    WorkerStore,
    aio,
    complete_job,
    create_job,
    create_session,
    get_next_job,
    record_event,
    record_events,
)
from memva.adapters.sqlite import SqliteStore
from memva.domain.event_page import EventFeed
from memva.testing import sample_event


def watching() -> int:
    """Return how many threads watch."""
    return sum(thread.name == "memva-aio-watch" for thread in threading.enumerate())


async def first(store: WatchableStore, count: int, *, after: int = 0) -> list[Event]:
    """Return the first so many events that are committed after a position."""
    found: list[Event] = []
    async with aclosing(aio.follow_events(store, after=after)) as events:
        async for event in events:
            found.append(event)
            if len(found) == count:
                break
    return found


class Counting:
    """Counts how often a store is read for its followers, and how often somebody waits on it."""

    def __init__(self, store: WatchableStore, monkeypatch: pytest.MonkeyPatch) -> None:
        self.reads = self.waits = 0
        committed, watch = store.events.committed, store.watch

        def counted(*args: Any, **options: Any) -> EventFeed:
            self.reads += 1
            return committed(*args, **options)

        @contextmanager
        def watched() -> Iterator[Counting]:
            with watch() as self._watch:
                yield self

        # They have slots, so that their classes are patched.
        monkeypatch.setattr(type(store.events), "committed", lambda _, *a, **o: counted(*a, **o))
        monkeypatch.setattr(type(store), "watch", lambda _: watched())

    def wait(self, timeout: float) -> bool:
        self.waits += 1
        return self._watch.wait(timeout)


def say(store: WatchableStore, line: int = 0) -> Event:
    return record_event(store, session_id="c", event_type="user", data={}, line=line)


def test_what_is_there_is_given_without_waiting(store: WorkerStore) -> None:
    record_events(store, [sample_event(uuid=f"{n}", line=n) for n in range(1, 451)])

    async def main() -> None:
        found = [e.line async for e in aio.follow_events(store, after=50, timeout=0)]
        assert found == list(range(51, 451))
        assert watching() == 0

    run(main())


def test_what_comes_is_given(store: WorkerStore) -> None:
    async def main() -> None:
        following = asyncio.create_task(first(store, 3))
        for _ in range(3):
            await asyncio.sleep(0.05)
            await aio.record_event(store, session_id="c", event_type="user", data={})
        assert [event.position for event in await following] == [1, 2, 3]
        await until(lambda: not watching())
        assert_nothing_is_open(store)

    run(main())


def test_nothing_is_skipped_between_the_look_and_the_watch(store: WorkerStore) -> None:
    async def main() -> None:
        for number in range(40):
            following = asyncio.create_task(first(store, 1, after=number))
            await asyncio.sleep(number / 10_000)
            await asyncio.to_thread(say, store)
            async with asyncio.timeout(LONG / 4):
                assert [event.position for event in await following] == [number + 1]

    run(main())


def test_follower_waits_for_the_watch_to_begin(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()
        slow: Any = SlowToWatch(store, gate)
        following = asyncio.create_task(first(slow, 1))
        await gate.reached()
        await asyncio.sleep(0.05)
        say(store)
        gate.open()
        async with asyncio.timeout(LONG / 4):
            assert len(await following) == 1

    run(main())


def test_session_alone_is_followed(store: WorkerStore) -> None:
    session = create_session(store, project_path="/")

    async def main() -> None:
        events = aio.follow_events(store, after=0, session_id=session.id)
        following = asyncio.ensure_future(anext(events))
        await asyncio.sleep(0.05)
        say(store)
        record_events(store, [sample_event(memva_session_id=session.id)])
        assert (await following).uuid == "event-1"
        await events.aclose()
        with pytest.raises(SessionNotFound):
            await anext(aio.follow_events(store, after=0, session_id="nobody"))

    run(main())


def test_timeout_ends_it(store: WorkerStore) -> None:
    async def main() -> None:
        begin = time.monotonic()
        assert [e async for e in aio.follow_events(store, after=0, timeout=0.1)] == []
        assert 0.1 <= time.monotonic() - begin < LONG / 4

    run(main())


def test_many_follow_in_one_thread(store: WorkerStore) -> None:
    async def main() -> None:
        following = [asyncio.create_task(first(store, 2)) for _ in range(100)]
        await until(watching)
        await asyncio.sleep(0.05)
        assert watching() == 1
        # They keep no other call waiting.
        await asyncio.wait_for(aio.create_session(store, project_path="/"), LONG / 4)
        assert not any(task.done() for task in following)
        say(store)
        say(store)
        assert {len(found) for found in await asyncio.gather(*following)} == {2}
        await until(lambda: not watching())

    run(main())


def test_cancelled_follower_ends_at_once(store: WorkerStore) -> None:
    async def main() -> None:
        staying = asyncio.create_task(first(store, 1))
        leaving = asyncio.create_task(first(store, 1))
        await until(watching)
        await asyncio.sleep(0.05)
        for task in (leaving, staying):
            assert watching() == 1
            begin = time.monotonic()
            await cancelled(task)
            assert time.monotonic() - begin < LONG / 2
        await until(lambda: not watching())
        assert_nothing_is_open(store)

    run(main())


def test_loop_that_ends_ends_its_followers(store: WorkerStore) -> None:
    left, tasks = aio.follow_events(store, after=0), []

    async def main() -> None:
        tasks.append(asyncio.create_task(first(store, 2)))
        following = asyncio.ensure_future(anext(left))
        await until(watching)
        say(store)
        await following

    run(main())
    assert tasks[0].cancelled()
    assert watching() == 0


def test_store_that_is_closed_ends_its_followers(store: WorkerStore) -> None:
    async def main() -> None:
        following = [asyncio.create_task(first(store, 1)) for _ in range(3)]
        await until(watching)
        await asyncio.sleep(0.05)
        store.close()
        async with asyncio.timeout(LONG / 4):
            results = await asyncio.gather(*following, return_exceptions=True)
        assert [type(result) for result in results] == [StoreUnavailable] * 3
        with pytest.raises(StoreUnavailable):
            await first(store, 1)

    run(main())


def test_what_another_process_commits_is_given(tmp_path: Path) -> None:
    async def main() -> None:
        with (
            SqliteStore.open(tmp_path / "memva.db") as mine,
            SqliteStore.open(tmp_path / "memva.db") as theirs,
        ):
            following = asyncio.create_task(first(mine, 1))
            await until(watching)
            await asyncio.sleep(0.05)
            say(theirs)
            begin = time.monotonic()
            assert len(await following) == 1
            assert time.monotonic() - begin < LONG / 2

    run(main())


def test_job_is_waited_for(store: WorkerStore) -> None:
    job = create_job(store, type="x")

    async def main() -> None:
        with pytest.raises(TimeoutError, match=r"after 0\.05 seconds"):
            await aio.wait_for_job(store, job.id, timeout=0.05)
        with pytest.raises(JobNotFound):
            await aio.wait_for_job(store, "nobody")
        waiting = [asyncio.create_task(aio.wait_for_job(store, job.id)) for _ in range(50)]
        await asyncio.sleep(0.05)
        held = get_next_job(store, lease=timedelta(minutes=1))
        assert held is not None
        await asyncio.to_thread(complete_job, store, held, "done")
        assert {found.status for found in await asyncio.gather(*waiting)} == {"completed"}
        later = create_job(store, type="x")
        await cancelled(asyncio.create_task(aio.wait_for_job(store, later.id)))
        assert_nothing_is_open(store)

    run(main())


@pytest.mark.parametrize("count", [1, 50])
def test_waiting_is_one_thread_that_looks_seldom(
    store: WorkerStore, count: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    counting = Counting(store, monkeypatch)

    async def main() -> None:
        following = [asyncio.create_task(first(store, 1)) for _ in range(count)]
        await until(watching)
        await until(lambda: counting.reads >= count)
        reads = 0
        # A watch may wake its followers without cause, which the first looks of many do.
        while reads != counting.reads:
            reads = counting.reads
            await asyncio.sleep(0.3)
        begin, waits = time.monotonic(), counting.waits
        await asyncio.sleep(0.5)
        assert counting.reads == reads
        assert counting.waits - waits <= (time.monotonic() - begin) / 0.1 + 1
        assert watching() == 1
        for task in following:
            task.cancel()

    run(main())
