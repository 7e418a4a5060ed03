"""A watch on a loop: it yields what the service does, and leaves nothing behind."""

from __future__ import annotations

import asyncio
from contextlib import aclosing
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from tests.aio.tasks import Gate, assert_nothing_is_open, cancelled, run
from tests.importing.conftest import History

from memva import InvalidValue, WorkerStore, aio, list_sessions
from memva.adapters.claude_code import TranscriptFiles


@pytest.fixture
def history(tmp_path: Path) -> History:
    history = History(tmp_path / "claude")
    history.write(*(history.line(number) for number in range(1_200)))
    return history


def polled(history: History) -> TranscriptFiles:
    return TranscriptFiles(history.root, polling=True)


def test_it_goes_on_with_what_is_written(store: WorkerStore, history: History) -> None:
    async def main() -> None:
        async with aclosing(aio.watch_transcripts(store, polled(history))) as reports:
            assert (await anext(reports)).events.added == 1_200
            history.append(history.line(2_000))
            assert (await anext(reports)).events.added == 1
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_while_it_waits_it_ends(store: WorkerStore, history: History) -> None:
    async def main() -> None:
        first = asyncio.Event()

        async def watch() -> None:
            async for _ in aio.watch_transcripts(store, polled(history)):
                first.set()

        task = asyncio.create_task(watch())
        await first.wait()
        await cancelled(task)
        assert_nothing_is_open(store)

    run(main())


def test_cancelled_while_it_imports_it_ends_after_a_batch(
    store: WorkerStore, history: History
) -> None:
    async def main() -> None:
        gate = Gate()

        async def watch() -> None:
            async for report in aio.watch_transcripts(
                store, polled(history), on_progress=lambda _: gate.wait()
            ):
                raise AssertionError(report)

        task = asyncio.create_task(watch())
        await gate.reached()
        await cancelled(task, meanwhile=gate)
        assert len(list_sessions(store)) == 1
        [report] = [r async for r in aio.watch_transcripts(store, polled(history), timeout=0)]
        assert report.events.added == 700
        assert_nothing_is_open(store)

    run(main())


def test_the_hosts_own_stop_ends_it(store: WorkerStore, history: History) -> None:
    async def main() -> None:
        stop = Event()
        async for _ in aio.watch_transcripts(store, polled(history), stop=stop.is_set):
            stop.set()
        assert_nothing_is_open(store)

    run(main())


@pytest.mark.parametrize("wrong", [{"timeout": -1}, {"sweep_seconds": 0}])
def test_wrong_arguments_are_refused(
    store: WorkerStore, history: History, wrong: dict[str, Any]
) -> None:
    async def main() -> None:
        with pytest.raises(InvalidValue):
            await anext(aio.watch_transcripts(store, polled(history), **wrong))
        assert_nothing_is_open(store)

    run(main())
