"""Services of the async face: that there is each, and what a call is like."""

from __future__ import annotations

import asyncio
import inspect
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Collection
from contextlib import aclosing, closing
from contextvars import ContextVar
from typing import Any

import pytest
from tests.aio.tasks import LONG, assert_nothing_is_open, run, written_to
from tests.typing.stranger import DocumentStore

import memva
from memva import (
    Event,
    EventQuery,
    IllegalTransition,
    InvalidValue,
    SessionNotFound,
    WorkerStore,
    aio,
    create_session,
    record_events,
)
from memva.adapters.memory import MemoryStore
from memva.domain import EventPage
from memva.testing import sample_event


def services() -> dict[str, Callable[..., Any]]:
    """Return the functions of the sync face that take a store."""
    functions = {name: getattr(memva, name) for name in memva.__all__}
    return {
        name: function
        for name, function in functions.items()
        if inspect.isfunction(function)
        and next(iter(inspect.signature(function).parameters), "") == "store"
    }


@pytest.mark.parametrize("name", sorted(services().keys() - {"record_stream"}))
def test_every_service_is_there(name: str) -> None:
    service, awaited = services()[name], getattr(aio, name)
    assert name in aio.__all__
    assert awaited.__wrapped__ is service
    assert (awaited.__name__, awaited.__doc__) == (name, service.__doc__)
    assert inspect.signature(awaited) == inspect.signature(service)
    is_iterator = str(inspect.signature(service).return_annotation).startswith("Iterator")
    assert inspect.isasyncgenfunction(awaited) == is_iterator
    assert inspect.iscoroutinefunction(awaited) != is_iterator


def test_record_stream_reads_what_asyncio_reads() -> None:
    assert inspect.isasyncgenfunction(aio.record_stream)
    of_both = [inspect.signature(face.record_stream).parameters.values() for face in (memva, aio)]
    one, other = ([(p.name, p.kind, p.default) for p in parameters] for parameters in of_both)
    assert one == other


def test_nothing_else_is_there() -> None:
    own = {"TransactionOfAnotherTask", "snapshot", "transaction"}
    assert set(aio.__all__) == own | set(services())


def test_it_loads_no_adapter_and_memva_does_not_load_it() -> None:
    code = (
        "import sys, memva; before = [m for m in sys.modules if 'aio' in m or m == 'asyncio'];"
        "from memva import aio;"
        "print(before, [m for m in sys.modules if 'memva.adapters' in m or m == 'sqlite3'])"
    )
    command = [sys.executable, "-W", "error", "-c", code]
    output = subprocess.run(command, capture_output=True, text=True, check=True)
    assert output.stdout.strip() == "[] []"


def test_calls_give_what_the_services_give(store: WorkerStore) -> None:
    async def main() -> None:
        session = await aio.create_session(store, project_path="/code", title="Fix the login")
        assert await aio.get_session(store, session.id) == session
        assert await aio.get_session(store=store, session_id=session.id) == session
        event = await aio.record_event(
            store, session_id="c", event_type="user", data={"a": 1}, memva_session_id=session.id
        )
        assert [e.uuid async for e in aio.get_events_for_session(store, session.id)] == [event.uuid]
        job = await aio.create_job(store, type="prompt", memva_session_id=session.id)
        held = await aio.get_next_job(store)
        assert held is not None
        assert (await aio.complete_job(store, held, "done")).status == "completed"
        assert await aio.wait_for_job(store, job.id) == await aio.get_job(store, job.id)
        with pytest.raises(IllegalTransition):
            await aio.complete_jobs(store, [(held, "again")])

    run(main())


def test_any_store_will_do() -> None:
    async def main() -> None:
        store = DocumentStore()
        session = await aio.create_session(store, project_path="/code")
        await aio.record_events(store, [sample_event(memva_session_id=session.id)])
        assert len([e async for e in aio.get_events_for_session(store, session.id)]) == 1

    run(main())


def test_errors_keep_their_type_their_ids_and_their_traceback(store: WorkerStore) -> None:
    async def main() -> None:
        with pytest.raises(SessionNotFound) as caught:
            await aio.update_session(store, "nobody", title="new")
        assert caught.value.session_id == "nobody"
        assert "update_session" in [entry.name for entry in caught.traceback]
        with pytest.raises(SessionNotFound):
            await anext(aio.get_events_for_session(store, "nobody"))
        with pytest.raises(InvalidValue):
            await anext(aio.follow_events(store, after=-1))
        with pytest.raises(TypeError):
            await aio.create_session()  # type: ignore[call-arg]  # Python itself must refuse it
        assert_nothing_is_open(store)

    run(main())


def test_loop_goes_on_meanwhile(store: WorkerStore) -> None:
    session = create_session(store, project_path="/")

    async def main() -> None:
        with written_to(store) as release:
            writing = asyncio.create_task(aio.update_session(store, session.id, title="late"))
            for _ in range(20):
                await asyncio.sleep(0.001)
            assert not writing.done()
            release()
            await writing

    run(main())


def test_call_sees_the_context_of_its_caller(store: WorkerStore) -> None:
    request: ContextVar[str] = ContextVar("request")

    async def main() -> None:
        request.set("request 1")
        event = await aio.record_event(
            store,
            session_id="c",
            event_type="user",
            data={"x": "secret"},
            redact=lambda text: text.replace("secret", request.get()),
        )
        assert event.data == {"x": "request 1"}

    run(main())


class Counting(MemoryStore):
    """Counts the pages that are read, and by how many threads."""

    def __init__(self) -> None:
        super().__init__()
        self.threads: set[int] = set()
        self.pages = 0
        page = self.events.page

        def counted(query: EventQuery, /, **options: Any) -> EventPage:
            self.pages += 1
            self.threads.add(threading.get_ident())
            return page(query, **options)

        self.events.page = counted  # type: ignore[method-assign]  # to see who calls it


def events(count: int, session_id: str) -> list[Event]:
    """Return some events of a session."""
    return [
        sample_event(uuid=f"{number}", line=number, memva_session_id=session_id)
        for number in range(1, count + 1)
    ]


def lines(found: Collection[Event]) -> list[int]:
    return [event.line for event in found]


@pytest.mark.parametrize("count", [0, 1, 200, 201, 450])
def test_events_come_in_blocks(count: int) -> None:
    async def main() -> None:
        with closing(Counting()) as store:
            session = await aio.create_session(store, project_path="/")
            await aio.record_events(store, events(count, session.id))
            found = [e async for e in aio.get_events_for_session(store, session.id)]
            assert lines(found) == list(range(1, count + 1))
            assert store.pages == max(1, -(-count // 200))
            assert threading.get_ident() not in store.threads

    run(main())


def test_consumer_that_breaks_off_reads_no_more(store: WorkerStore) -> None:
    async def main() -> None:
        with closing(Counting()) as counting:
            session = await aio.create_session(counting, project_path="/")
            await aio.record_events(counting, events(450, session.id))
            async with aclosing(aio.get_events_for_session(counting, session.id)) as found:
                async for event in found:
                    if event.line == 3:
                        break
            assert counting.pages == 1

    run(main())


def test_events_in_a_block_are_the_blocks(store: WorkerStore) -> None:
    session = create_session(store, project_path="/")
    record_events(store, events(250, session.id))

    async def count() -> int:
        return len([e async for e in aio.get_events_for_session(store, session.id)])

    async def main() -> None:
        async with aio.transaction(store):
            await aio.record_events(store, [sample_event(uuid="new", memva_session_id=session.id)])
            assert await count() == 251
        async with aio.snapshot(store):
            counted = 0
            async for _ in aio.get_events_for_session(store, session.id):
                if counted == 10:
                    await asyncio.to_thread(
                        record_events,
                        store,
                        [sample_event(uuid="newer", line=999, memva_session_id=session.id)],
                    )
                counted += 1
            assert counted == 251
        assert await count() == 252
        assert_nothing_is_open(store)

    run(main())


def test_loops_in_several_threads_share_a_store(store: WorkerStore) -> None:
    async def main() -> None:
        for _ in range(5):
            async with aio.transaction(store):
                await aio.create_session(store, project_path="/")
                await aio.create_session(store, project_path="/")

    threads = [threading.Thread(target=asyncio.run, args=[main()]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(memva.list_sessions(store)) == 40
    assert_nothing_is_open(store)


def test_loop_that_is_only_closed_leaves_no_thread_for_long() -> None:
    async def main() -> None:
        with MemoryStore() as store:
            await aio.list_sessions(store)

    for _ in range(2):
        loop = asyncio.new_event_loop()
        loop.run_until_complete(main())
        loop.close()
    # The next loop finds what the last one left.
    asyncio.run(main())
    give_up = time.monotonic() + LONG
    while any("memva-aio" in thread.name for thread in threading.enumerate()):
        assert time.monotonic() < give_up
        time.sleep(0.001)
