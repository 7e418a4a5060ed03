"""Transactions and snapshots of tasks."""

from __future__ import annotations

import asyncio
import threading
from contextvars import Context
from typing import Any

import pytest
from tests.aio.tasks import assert_nothing_is_open, run, titles
from tests.typing.stranger import DocumentStore

from memva import (
    JsonValue,
    SessionNotFound,
    Store,
    StoreReadOnly,
    WorkerStore,
    aio,
    create_job,
    create_session,
    get_events_for_claude_session,
    get_job,
    list_sessions,
)
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore
from memva.aio import blocks
from memva.worker import JobContext, Worker


class Boom(Exception):
    """Undoes a block."""


async def add(store: Store, title: str) -> None:
    await aio.create_session(store, project_path="/code", title=title)


async def seen(store: Store) -> set[str | None]:
    return {session.title for session in await aio.list_sessions(store)}


def test_block_takes_effect_as_a_whole(store: WorkerStore) -> None:
    async def main() -> None:
        async with aio.transaction(store):
            await add(store, "first")
            await add(store, "second")
            assert await seen(store) == {"first", "second"}
            assert titles(store) == set()
        assert titles(store) == {"first", "second"}
        assert_nothing_is_open(store)

    run(main())


def test_block_that_raises_is_undone(store: WorkerStore) -> None:
    async def fails() -> None:
        async with aio.transaction(store):
            await add(store, "first")
            raise Boom

    async def main() -> None:
        with pytest.raises(Boom) as caught:
            await fails()
        assert [entry.name for entry in caught.traceback][-1] == "fails"
        assert titles(store) == set()
        assert_nothing_is_open(store)

    run(main())


def test_inner_block_is_a_savepoint(store: WorkerStore) -> None:
    async def main() -> None:
        async with aio.transaction(store):
            await add(store, "outer")
            with pytest.raises(Boom):
                async with aio.transaction(store):
                    await add(store, "inner")
                    raise Boom
            with pytest.raises(SessionNotFound):
                await aio.update_session(store, "nobody", title="new")
            async with aio.transaction(store):
                await add(store, "inner again")
        assert titles(store) == {"outer", "inner again"}

    run(main())


def test_block_runs_in_one_thread_of_its_own(store: WorkerStore) -> None:
    threads: list[int] = []

    def note(text: str) -> str:
        threads.append(threading.get_ident())
        return text

    async def record() -> None:
        await aio.record_event(
            store, session_id="c", event_type="user", data={"x": "y"}, redact=note
        )

    async def main() -> None:
        async with aio.transaction(store):
            await record()
            async with aio.snapshot(store):
                await record()
            await record()
        assert len(set(threads)) == 1
        assert threading.get_ident() not in threads

    run(main())


def test_snapshot_sees_one_moment_and_is_for_reading(store: WorkerStore) -> None:
    async def main() -> None:
        async with aio.snapshot(store):
            await asyncio.to_thread(create_session, store, project_path="/", title="new")
            assert await seen(store) == set()
            for refused in (add(store, "refused"), _transact(store)):
                with pytest.raises(StoreReadOnly):
                    await refused
        assert await seen(store) == {"new"}
        assert_nothing_is_open(store)

    run(main())


def test_other_tasks_are_no_part_of_it(store: WorkerStore) -> None:
    async def main() -> None:
        begun = asyncio.Event()

        async def other() -> None:
            await begun.wait()
            assert await seen(store) == set()
            # It may wait for the block.
            writing = asyncio.create_task(add(store, "theirs"))
            await asyncio.sleep(0.02)
            release.set()
            await writing

        release = asyncio.Event()
        task = asyncio.create_task(other())
        with pytest.raises(Boom):
            async with aio.transaction(store):
                await add(store, "mine")
                begun.set()
                await release.wait()
                raise Boom
        await task
        assert titles(store) == {"theirs"}

    run(main())


def test_task_started_inside_is_told_so_until_the_end(store: WorkerStore) -> None:
    async def main() -> None:
        late, ended = asyncio.Event(), asyncio.Event()

        async def after_the_end() -> None:
            await ended.wait()
            await add(store, "after")

        async def apart() -> None:
            # Its own context knows nothing of the transaction: it waits like anybody else.
            late.set()
            await add(store, "apart")

        with MemoryStore() as elsewhere:
            async with aio.transaction(store):
                await add(store, "mine")
                results = await asyncio.gather(
                    add(store, "child"),
                    seen(store),
                    _transact(store),
                    _transact(elsewhere, then=store),
                    add(elsewhere, "elsewhere"),
                    return_exceptions=True,
                )
                assert [type(result) for result in results] == [
                    *[aio.TransactionOfAnotherTask] * 4,
                    type(None),
                ]
                task = asyncio.create_task(after_the_end())
                waiting = asyncio.create_task(apart(), context=Context())
                await late.wait()
            ended.set()
            await asyncio.gather(task, waiting)
        assert titles(store) == {"mine", "after", "apart"}
        assert_nothing_is_open(store)

    run(main())


async def _transact(store: Store, *, then: Store | None = None) -> None:
    async with aio.transaction(store):
        if then is not None:
            await add(then, "inside")


def test_task_started_inside_a_snapshot_reads_for_itself(store: WorkerStore) -> None:
    async def main() -> None:
        async with aio.snapshot(store):
            await asyncio.create_task(add(store, "new"))
            assert await seen(store) == set()
            assert await asyncio.create_task(seen(store)) == {"new"}
        assert await seen(store) == {"new"}
        assert_nothing_is_open(store)

    run(main())


def test_two_stores_at_once(store: WorkerStore) -> None:
    async def main() -> None:
        with MemoryStore() as other:
            with pytest.raises(Boom):
                async with aio.transaction(store):
                    await add(store, "undone")
                    async with aio.transaction(other):
                        await add(other, "kept")
                        await add(store, "undone too")
                    await add(other, "kept too")
                    raise Boom
            assert titles(store) == set()
            assert titles(other) == {"kept", "kept too"}
            async with aio.snapshot(other), aio.transaction(store):
                await add(store, "late")
                with pytest.raises(StoreReadOnly):
                    await add(other, "refused")
            assert titles(store) == {"late"}
            assert_nothing_is_open(other)
        assert_nothing_is_open(store)

    run(main())


def test_many_tasks_that_change_lose_nothing(store: WorkerStore) -> None:
    counted = create_session(store, project_path="/", metadata={"count": 0})

    async def add_one() -> None:
        async with aio.transaction(store):
            session = await aio.get_session(store, counted.id)
            count = (session.metadata or {})["count"]
            assert isinstance(count, int)
            await aio.update_session(store, counted.id, metadata={"count": count + 1})

    async def main() -> None:
        await asyncio.gather(*(add_one() for _ in range(40)))
        assert (await aio.get_session(store, counted.id)).metadata == {"count": 40}

    run(main())


def test_block_goes_on_while_others_fill_the_pool(store: WorkerStore) -> None:
    async def record(number: int) -> None:
        await aio.record_event(store, session_id="c", event_type="user", data={"n": number})

    async def main() -> None:
        async with aio.transaction(store):
            await aio.record_event(store, session_id="other", event_type="user", data={})
            waiting = [asyncio.create_task(record(n), context=Context()) for n in range(50)]
            await asyncio.sleep(0.05)
            await record(50)
            assert await asyncio.to_thread(lambda: "asyncio's own threads are free")
        await asyncio.gather(*waiting)
        assert len(list(get_events_for_claude_session(store, "c"))) == 51

    run(main())


def test_any_store_will_do() -> None:
    async def main() -> None:
        store = DocumentStore()
        with pytest.raises(Boom):
            async with aio.transaction(store):
                await add(store, "undone")
                raise Boom
        async with aio.transaction(store), aio.snapshot(store):
            await add(store, "kept")
        assert titles(store) == {"kept"}

    run(main())


def test_block_thrown_away_is_undone(store: WorkerStore) -> None:
    inside = asyncio.Event()

    async def never_ends() -> None:
        async with aio.transaction(store):
            await add(store, "undone")
            inside.set()
            await asyncio.Event().wait()

    with asyncio.Runner() as runner:
        thrown_away = never_ends()
        task = runner.get_loop().create_task(thrown_away)
        runner.run(_wait(inside))
        # So the interpreter ends a coroutine whose loop is gone.
        thrown_away.close()
        assert titles(store) == set()
        assert_nothing_is_open(store)
        task.cancel()


async def _wait(event: asyncio.Event) -> None:
    await event.wait()


def test_task_that_opens_many_blocks_holds_on_to_none(store: WorkerStore) -> None:
    async def main() -> None:
        for _ in range(3):
            async with aio.transaction(store):
                await add(store, "kept")
            assert blocks._held.get() is None

    run(main())


def test_block_left_by_another_task_is_left(store: WorkerStore) -> None:
    async def main() -> None:
        block = aio.transaction(store)
        await block.__aenter__()
        await add(store, "kept")

        async def leave() -> None:
            await block.__aexit__(None, None, None)

        await asyncio.create_task(leave())
        assert titles(store) == {"kept"}
        await add(store, "after")
        assert titles(store) == {"kept", "after"}
        assert_nothing_is_open(store)

    run(main())


def test_handler_stores_its_effects_with_the_end_of_its_job(store: WorkerStore) -> None:
    async def work(data: JsonValue, context: JobContext) -> None:
        async with aio.transaction(context.store):
            await aio.create_session(context.store, project_path="/", title="effect")
            await aio.complete_job(context.store, context.job, "done")
        if data == "fails after":
            raise Boom

    jobs = [create_job(store, type="work", data=data) for data in ("works", "fails after")]
    Worker(store, {"work": work}).run_until_idle()
    assert [get_job(store, job.id).result for job in jobs] == ["done", "done"]
    assert len(list_sessions(store)) == 2
    assert_nothing_is_open(store)


def test_durable_store_keeps_what_was_committed(tmp_path: Any) -> None:
    async def main() -> None:
        with SqliteStore.open(tmp_path / "memva.db") as store:
            async with aio.transaction(store):
                await add(store, "kept")

    run(main())
    with SqliteStore.open(tmp_path / "memva.db") as store:
        assert titles(store) == {"kept"}
