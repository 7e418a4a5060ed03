"""What a cancelled call or block leaves behind: nothing."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.aio.tasks import (
    LONG,
    Gate,
    SlowToCommit,
    assert_nothing_is_open,
    cancelled,
    run,
    titles,
    written_to,
)

from memva import (
    ImportProgress,
    NewJob,
    Store,
    StoreBusy,
    WorkerStore,
    aio,
    complete_job,
    create_jobs,
    create_session,
    get_events_for_claude_session,
    get_next_jobs,
    list_jobs,
    list_sessions,
    record_events,
)
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.testing import sample_event

POOL = 16


async def add(store: Store, title: str) -> None:
    await aio.create_session(store, project_path="/code", title=title)


async def record(store: Store, gate: Gate) -> None:
    await aio.record_event(store, session_id="c", event_type="user", data={"x": "y"}, redact=gate)


def recorded(store: Store) -> int:
    return len(list(get_events_for_claude_session(store, "c")))


async def in_block(store: Store, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
    async with aio.transaction(store):
        await add(store, "in a block")
        await work()


def test_call_that_runs_is_waited_for(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()
        task = asyncio.create_task(record(store, gate))
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert recorded(store) == 1
        assert_nothing_is_open(store)

    run(main())


def test_call_that_has_not_begun_is_withdrawn(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()
        running = [asyncio.create_task(record(store, gate)) for _ in range(POOL)]
        await gate.reached()
        waiting = asyncio.create_task(add(store, "withdrawn"))
        await asyncio.sleep(0.02)
        begin = time.monotonic()
        await cancelled(waiting)
        assert time.monotonic() - begin < LONG / 2
        gate.open()
        await asyncio.gather(*running)
        assert (titles(store), recorded(store)) == (set(), POOL)
        assert_nothing_is_open(store)

    run(main())


def test_call_that_waits_to_write_waits_on(store: WorkerStore) -> None:
    session = create_session(store, project_path="/code")

    async def main() -> None:
        with written_to(store) as release:
            task = asyncio.create_task(aio.update_session(store, session.id, title="written late"))
            await asyncio.sleep(0.05)
            task.cancel()
            await asyncio.sleep(0.02)
            assert not task.done()
            release()
            await cancelled(task)
        assert titles(store) == {"written late"}
        assert_nothing_is_open(store)

    run(main())


def test_call_in_a_block_is_waited_for_and_undone(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()
        task = asyncio.create_task(in_block(store, lambda: record(store, gate)))
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert (titles(store), recorded(store)) == (set(), 0)
        assert_nothing_is_open(store)

    run(main())


def test_call_in_an_inner_block_undoes_the_outer_one_too(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()

        async def inner() -> None:
            await in_block(store, lambda: record(store, gate))

        task = asyncio.create_task(in_block(store, inner))
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_block_that_waits_for_something_else_is_undone(store: WorkerStore) -> None:
    async def main() -> None:
        inside = asyncio.Event()

        async def sleep() -> None:
            inside.set()
            await asyncio.sleep(LONG)

        task = asyncio.create_task(in_block(store, sleep))
        await inside.wait()
        await cancelled(task)
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_while_it_waits_for_its_turn(store: WorkerStore) -> None:
    async def main() -> None:
        with written_to(store) as release:
            task = asyncio.create_task(in_block(store, lambda: asyncio.sleep(0)))
            await asyncio.sleep(0.05)
            for _ in range(2):
                task.cancel()
                await asyncio.sleep(0.02)
                assert not task.done()
            release()
            await cancelled(task)
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_before_it_waits(store: WorkerStore) -> None:
    async def main() -> None:
        for work in (add(store, "never"), in_block(store, lambda: asyncio.sleep(0))):
            await cancelled(asyncio.create_task(work))

        async def cancelled_by_itself() -> None:
            task = asyncio.current_task()
            assert task is not None
            task.cancel()
            await in_block(store, lambda: asyncio.sleep(0))

        with pytest.raises(asyncio.CancelledError):
            await asyncio.create_task(cancelled_by_itself())
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_while_it_commits_it_stands(store: WorkerStore) -> None:
    async def main() -> None:
        gate = Gate()
        slow: Any = SlowToCommit(store, gate)
        task = asyncio.create_task(in_block(slow, lambda: asyncio.sleep(0)))
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert titles(store) == {"in a block"}
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_as_it_ends_it_stands(store: WorkerStore) -> None:
    async def cancel_myself() -> None:
        task = asyncio.current_task()
        assert task is not None
        task.cancel()

    async def main() -> None:
        for _ in range(20):
            with pytest.raises(asyncio.CancelledError):
                await asyncio.create_task(in_block(store, cancel_myself))
        assert len(list_sessions(store, limit=30)) == 20
        assert_nothing_is_open(store)

    run(main())


def test_snapshot_is_given_back(store: WorkerStore) -> None:
    async def main() -> None:
        inside = asyncio.Event()

        async def read() -> None:
            async with aio.snapshot(store):
                await aio.list_sessions(store)
                inside.set()
                await asyncio.sleep(LONG)

        # More of them than there are connections.
        for _ in range(12):
            inside.clear()
            task = asyncio.create_task(read())
            await inside.wait()
            await cancelled(task)
        assert_nothing_is_open(store)

    run(main())


def test_timeout_in_and_around_a_block(store: WorkerStore) -> None:
    async def main() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.02):
                await in_block(store, lambda: asyncio.sleep(LONG))
        with pytest.raises(TimeoutError):
            async with aio.transaction(store):
                await add(store, "undone")
                async with asyncio.timeout(0.02):
                    await asyncio.sleep(LONG)
        assert titles(store) == set()
        async with aio.transaction(store):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.02):
                    await in_block(store, lambda: asyncio.sleep(LONG))
            await add(store, "goes on")
        assert titles(store) == {"goes on"}
        assert_nothing_is_open(store)

    run(main())


def test_error_of_another_task_undoes_the_block(store: WorkerStore) -> None:
    async def main() -> None:
        inside = asyncio.Event()

        async def sleep() -> None:
            inside.set()
            await asyncio.sleep(LONG)

        async def fails() -> None:
            await inside.wait()
            raise ZeroDivisionError

        with pytest.raises(ExceptionGroup):
            async with asyncio.TaskGroup() as group:
                group.create_task(in_block(store, sleep))
                group.create_task(fails())
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_loop_that_ends_undoes_what_is_open(store: WorkerStore) -> None:
    tasks = []

    async def main() -> None:
        inside = asyncio.Event()

        async def sleep() -> None:
            inside.set()
            await asyncio.sleep(LONG)

        tasks.append(asyncio.create_task(in_block(store, sleep)))
        await inside.wait()

    run(main())
    assert tasks[0].cancelled()
    assert titles(store) == set()
    assert_nothing_is_open(store)


def test_calls_as_the_loop_ends_are_made(store: WorkerStore) -> None:
    async def noting() -> Any:
        try:
            yield
        finally:
            await asyncio.sleep(0.02)
            await add(store, "at the end")

    left = noting()

    async def main() -> None:
        await anext(left)
        await add(store, "before")

    run(main())
    assert titles(store) == {"at the end", "before"}
    assert_nothing_is_open(store)


def test_many_that_are_cancelled_at_any_moment(store: WorkerStore) -> None:
    async def main() -> None:
        for number in range(60):
            task = asyncio.create_task(in_block(store, lambda: add(store, "both")))
            for _ in range(number % 20):
                await asyncio.sleep(0)
            await asyncio.sleep(number / 20_000)
            task.cancel()
            await asyncio.wait([task])
            kept = [session.title for session in list_sessions(store) if session.title]
            assert kept.count("both") == kept.count("in a block")
        assert_nothing_is_open(store)

    run(main())


def test_store_that_is_busy_says_so(
    tmp_path: Path, postgres_url: str, postgres_schema: str
) -> None:
    stores: list[Store] = [
        MemoryStore(busy_timeout=0.05),
        SqliteStore.open(tmp_path / "memva.db", busy_timeout=0.05),
        PostgresStore.open(postgres_url, schema=postgres_schema, busy_timeout=0.05),
    ]

    async def main(store: Store) -> None:
        session = create_session(store, project_path="/code")
        with written_to(store):
            for work in (
                aio.update_session(store, session.id, title="never"),
                in_block(store, lambda: asyncio.sleep(0)),
            ):
                with pytest.raises(StoreBusy):
                    await work
        assert_nothing_is_open(store)

    for store in stores:
        run(main(store))
        store.close()


def test_import_stops_after_a_batch(store: WorkerStore, tmp_path: Path) -> None:
    for number in range(3):
        line = f'{{"type": "user", "uuid": "u{number}", "sessionId": "c{number}"}}\n'
        (tmp_path / f"c{number}.jsonl").write_text(line)
    gate, told = Gate(), []

    def on_progress(progress: ImportProgress) -> None:
        told.append(progress.transcripts)
        gate.wait()

    async def main() -> None:
        files = TranscriptFiles(tmp_path)
        task = asyncio.create_task(aio.import_transcripts(store, files, on_progress=on_progress))
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert len(told) == 1
        assert len(list_sessions(store)) == 1
        assert (await aio.import_transcripts(store, files)).sessions == 2
        assert_nothing_is_open(store)

    run(main())


def test_pruning_stops_after_a_batch(store: WorkerStore) -> None:
    create_jobs(store, [NewJob(type="x") for _ in range(501)])
    for job in get_next_jobs(store, limit=501):
        complete_job(store, job)
    gate = Gate()

    async def main() -> None:
        task = asyncio.create_task(
            aio.prune_jobs(store, older_than=timedelta(0), on_progress=lambda _: gate.wait())
        )
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert len(list_jobs(store)) == 1
        assert_nothing_is_open(store)

    run(main())


def test_building_the_index_stops_after_a_batch(tmp_path: Path) -> None:
    count, told, gate = 2_500, [], Gate()
    with SqliteStore.open(tmp_path / "memva.db", search=False) as unsearched:
        record_events(unsearched, [sample_event(uuid=f"{n}") for n in range(count)])

    def on_progress(done: int, total: int) -> None:
        told.append((done, total))
        gate.wait()

    async def main() -> None:
        with SqliteStore.open(tmp_path / "memva.db") as store:
            task = asyncio.create_task(aio.build_search_index(store, on_progress=on_progress))
            await gate.reached()
            await cancelled(task, meanwhile=gate)
            [(done, total)] = told
            assert 0 < done < total == count
            assert await aio.build_search_index(store) == count - done
            assert_nothing_is_open(store)

    run(main())
