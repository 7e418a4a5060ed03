"""Recording on the loop: what the Agent SDK yields, and the output of asyncio's processes."""

from __future__ import annotations

import asyncio
import json
import sys
import threading
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest
from claude_agent_sdk import Message, StreamEvent
from claude_agent_sdk._internal.message_parser import parse_message
from tests.aio.tasks import Gate, assert_nothing_is_open, cancelled, run
from tests.recording.messages import CLAUDE, DELTA, INIT, RESULT, TURN, heard, spoken, text

from memva import (
    ClaudeStatus,
    Event,
    InvalidValue,
    RecordingProblem,
    SessionNotFound,
    StoreFull,
    WorkerStore,
    aio,
    create_session,
    get_events_for_session,
    get_session,
)
from memva.adapters.memory import MemoryStore
from memva.claude_sdk import record_messages


@pytest.fixture
def session_id(store: WorkerStore) -> str:
    return create_session(store, project_path="/code/app").id


def recorded(store: WorkerStore, session_id: str) -> list[Event]:
    return list(get_events_for_session(store, session_id))


def status(store: WorkerStore, session_id: str) -> ClaudeStatus:
    return get_session(store, session_id).claude_status


class Query:
    """Yields messages of the SDK as its `query` does, and knows whether it was closed."""

    def __init__(self, *said: dict[str, Any], error: Exception | None = None) -> None:
        self.closed = False
        self.messages = [parse_message(one) for one in said]
        self._error = error

    async def __call__(self) -> AsyncIterator[Message]:
        try:
            for message in self.messages:
                assert message is not None
                yield message
            if self._error is not None:
                raise self._error
        finally:
            self.closed = True


def test_query_of_the_sdk_in_one_line(store: WorkerStore, session_id: str) -> None:
    query = Query(*TURN, DELTA)

    async def main() -> None:
        seen: list[Message] = []
        async for message in record_messages(store, session_id, query()):
            stored = recorded(store, session_id)
            assert len(stored) == len(seen) + (not isinstance(message, StreamEvent))
            seen.append(message)
        assert seen == query.messages

    run(main())
    events = recorded(store, session_id)
    assert {event.session_id for event in events} == {CLAUDE}
    assert sorted(event.uuid for event in events) == sorted(one["uuid"] for one in TURN)
    assert get_session(store, session_id).title == "Fix the login"
    assert status(store, session_id) == "completed"


def test_any_messages_will_do(store: WorkerStore, session_id: str) -> None:
    class Messages:
        def __init__(self) -> None:
            self.left: list[object] = [INIT, "odd", RESULT]

        def __aiter__(self) -> Messages:
            return self

        async def __anext__(self) -> object:
            if not self.left:
                raise StopAsyncIteration
            return self.left.pop(0)

    problems: list[RecordingProblem] = []

    async def main() -> None:
        messages = record_messages(store, session_id, Messages(), on_problem=problems.append)
        assert [message async for message in messages] == [INIT, "odd", RESULT]

    run(main())
    [problem] = problems
    assert (problem.number, problem.content) == (2, "odd")
    assert len(recorded(store, session_id)) == 2


def test_it_is_recorded_off_the_loop(store: WorkerStore, session_id: str) -> None:
    threads = set()

    def redact(text: str) -> str:
        threads.add(threading.current_thread())
        return text

    async def main() -> None:
        async for _ in record_messages(store, session_id, Query(INIT)(), redact=redact):
            pass

    run(main())
    assert threads
    assert threading.main_thread() not in threads


def test_error_of_the_source_goes_on(store: WorkerStore, session_id: str) -> None:
    query = Query(INIT, error=OSError("the process has gone"))

    async def main() -> None:
        messages = record_messages(store, session_id, query())
        await anext(messages)
        assert status(store, session_id) == "processing"
        with pytest.raises(OSError, match="has gone"):
            await anext(messages)

    run(main())
    assert status(store, session_id) == "error"


def test_source_that_is_left_is_closed(store: WorkerStore, session_id: str) -> None:
    query = Query(INIT, RESULT)

    async def main() -> None:
        async with aclosing(record_messages(store, session_id, query())) as messages:
            await anext(messages)
        assert query.closed
        assert_nothing_is_open(store)

    run(main())
    assert status(store, session_id) == "error"


def test_cancelled_it_has_recorded_what_came(store: WorkerStore, session_id: str) -> None:
    query, gate = Query(INIT, RESULT), Gate()

    async def main() -> None:
        async def read() -> None:
            async for _ in record_messages(store, session_id, query(), redact=gate):
                pass

        reading = asyncio.create_task(read())
        await gate.reached()
        await cancelled(reading, meanwhile=gate)
        assert [event.data for event in recorded(store, session_id)] == [INIT]
        assert query.closed
        assert status(store, session_id) == "error"
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_it_records_what_waits_for_a_thread(store: WorkerStore, session_id: str) -> None:
    gate = Gate()

    async def main() -> None:
        def held_up(number: int) -> asyncio.Task[Event]:
            said = {"n": number}
            return asyncio.create_task(
                aio.record_event(store, session_id="c", event_type="x", data=said, redact=gate)
            )

        others: list[asyncio.Task[Event]] = []
        about_to_be_recorded = asyncio.Event()

        async def crowded() -> AsyncIterator[dict[str, Any]]:
            others.extend(held_up(number) for number in range(20))
            await gate.reached()
            about_to_be_recorded.set()
            yield INIT

        async def read() -> None:
            async for _ in record_messages(store, session_id, crowded()):
                pass

        reading = asyncio.create_task(read())
        await about_to_be_recorded.wait()
        await cancelled(reading, meanwhile=gate)
        await asyncio.gather(*others)

    run(main())
    assert [event.data for event in recorded(store, session_id)] == [INIT]


def test_cancelled_while_it_waits_for_a_message(store: WorkerStore, session_id: str) -> None:
    async def waiting() -> AsyncIterator[dict[str, Any]]:
        yield INIT
        await asyncio.Event().wait()

    async def main() -> None:
        recorded_one = asyncio.Event()

        async def read() -> None:
            async for _ in record_messages(store, session_id, waiting()):
                recorded_one.set()

        reading = asyncio.create_task(read())
        await recorded_one.wait()
        await cancelled(reading)
        assert status(store, session_id) == "error"
        assert_nothing_is_open(store)

    run(main())


def test_session_must_be_there(store: WorkerStore) -> None:
    query = Query(INIT)

    async def main() -> None:
        with pytest.raises(SessionNotFound):
            await anext(record_messages(store, "nobody", query()))
        with pytest.raises(SessionNotFound):
            await anext(aio.record_stream(store, "nobody", asyncio.StreamReader()))

    run(main())


@pytest.mark.parametrize("stream", [None, "{}\n", ["{}\n"]])
def test_stream_must_be_one_to_read_from(store: WorkerStore, session_id: str, stream: Any) -> None:
    async def main() -> None:
        with pytest.raises(InvalidValue, match="stream must be one to read from"):
            await anext(aio.record_stream(store, session_id, stream))
        assert status(store, session_id) == "not_started"

    run(main())


def test_store_that_fails_ends_it() -> None:
    class Full(MemoryStore):
        def transaction(self) -> Any:
            raise StoreFull

    query = Query(INIT, RESULT)

    async def main() -> None:
        with Full() as store:
            session = create_session(store, project_path="/code")
            with pytest.raises(StoreFull):
                await anext(record_messages(store, session.id, query()))
            assert query.closed

    run(main())


def test_output_of_a_process_whatever_the_length_of_its_lines(
    store: WorkerStore, session_id: str
) -> None:
    long = heard(2, "ü" * 200_000)
    said = "\n".join(json.dumps(one, ensure_ascii=False) for one in (INIT, long, RESULT))
    code = "import sys; sys.stdout.buffer.write(sys.stdin.buffer.read())"
    problems: list[RecordingProblem] = []

    async def main() -> None:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            code,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        writer, reader = process.stdin, process.stdout

        async def write() -> None:
            writer.write(said.encode())
            await writer.drain()
            writer.close()

        writing = asyncio.create_task(write())
        messages = aio.record_stream(store, session_id, reader, on_problem=problems.append)
        assert [one async for one in messages] == [INIT, long, RESULT]
        await writing
        await process.wait()

    run(main())
    assert problems == []
    assert len(recorded(store, session_id)) == 3
    assert status(store, session_id) == "completed"


def test_lines_that_come_in_pieces(store: WorkerStore, session_id: str) -> None:
    said = json.dumps(INIT).encode()
    problems: list[RecordingProblem] = []

    async def main() -> None:
        reader = asyncio.StreamReader()

        async def feed() -> None:
            for piece in (said[:9], said[9:], b"\n", b"\n" + said[:7] + b"\n", said[:5]):
                reader.feed_data(piece)
                await asyncio.sleep(0)
            reader.feed_eof()

        feeding = asyncio.create_task(feed())
        messages = aio.record_stream(store, session_id, reader, on_problem=problems.append)
        assert [one async for one in messages] == [INIT]
        await feeding

    run(main())
    assert [(problem.number, problem.content) for problem in problems] == [
        (3, said[:7]),
        (4, said[:5]),
    ]
    assert status(store, session_id) == "error"


def test_stream_that_is_left(store: WorkerStore, session_id: str) -> None:
    async def main() -> None:
        reader = asyncio.StreamReader()
        reader.feed_data(json.dumps(INIT).encode() + b"\n" + json.dumps(RESULT).encode() + b"\n")
        async with aclosing(aio.record_stream(store, session_id, reader)) as messages:
            assert await anext(messages) == INIT
        assert_nothing_is_open(store)

    run(main())
    assert status(store, session_id) == "error"
    assert len(recorded(store, session_id)) == 1


def test_messages_and_prompts_one_by_one(store: WorkerStore, session_id: str) -> None:
    async def main() -> None:
        async with aio.transaction(store):
            prompt = await aio.record_prompt(store, session_id, "Hi")
            said = {**spoken(3, text("Well")), "session_id": prompt.event.session_id}
            await aio.record_message(store, session_id, said)

    run(main())
    assert len(recorded(store, session_id)) == 2
