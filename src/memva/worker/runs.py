"""Running handlers: sync ones in threads, async ones on one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from queue import SimpleQueue
from typing import Final, cast

from memva.domain.job import Job
from memva.domain.json import JsonValue
from memva.worker.context import JobContext
from memva.worker.handlers import PreparedHandler

_EXECUTOR_SECONDS: Final = 1.0


class Run:
    """One run of a job's handler, and how it ended."""

    def __init__(self, job: Job, handler: PreparedHandler, context: JobContext) -> None:
        self.job = job
        self.handler = handler
        self.context = context
        self.began = time.monotonic()
        self.deadline = None if job.timeout is None else self.began + job.timeout.total_seconds()
        self.result: JsonValue = None
        self.error: BaseException | None = None

    def call(self) -> None:
        """Call a sync handler; its end is noted, whatever it is."""
        try:
            argument = self.handler.argument(self.job.data)
            self.result = self.handler.result(self.handler.call(argument, self.context))
        except BaseException as error:
            self.error = error

    async def call_async(self) -> None:
        """Await an async handler, which is cancelled when it is to stop."""
        loop, task = asyncio.get_running_loop(), cast("asyncio.Task[None]", asyncio.current_task())
        self.context._call_on_stop(lambda: _call_soon(loop, task.cancel))
        try:
            argument = self.handler.argument(self.job.data)
            self.result = self.handler.result(await self.handler.call(argument, self.context))
        except BaseException as error:
            self.error = error


class Threads:
    """The threads that sync handlers run in, started as they are needed.

    They are daemons: a handler that never returns keeps no process from ending.
    """

    def __init__(self, name: str, finished: Callable[[Run], None]) -> None:
        self._name = name
        self._finished = finished
        self._runs: SimpleQueue[Run | None] = SimpleQueue()
        self._threads: list[threading.Thread] = []
        self._busy = 0

    def start(self, run: Run) -> None:
        """Run a handler; `finished` is called with it, from its thread."""
        self._busy += 1
        if self._busy > len(self._threads):
            thread = threading.Thread(
                target=self._work, name=f"{self._name}-{len(self._threads)}", daemon=True
            )
            self._threads.append(thread)
            thread.start()
        self._runs.put(run)

    def ended(self) -> None:
        """Count a run that `finished` was called with."""
        self._busy -= 1

    def close(self) -> None:
        """End the threads whose handlers have returned, and leave the others to themselves."""
        for _ in self._threads:
            self._runs.put(None)
        if not self._busy:
            for thread in self._threads:
                thread.join()

    def _work(self) -> None:
        while (run := self._runs.get()) is not None:
            run.call()
            self._finished(run)


class Loop:
    """The event loop that async handlers run on, in a thread that starts with the first of them."""

    def __init__(self, name: str, finished: Callable[[Run], None]) -> None:
        self._name = name
        self._finished = finished
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._executor = ThreadPoolExecutor(thread_name_prefix=f"{name}-to-thread")
        self._tasks: set[asyncio.Task[None]] = set()

    def start(self, run: Run) -> None:
        """Run a handler; `finished` is called with it, from the loop's thread."""
        if self._loop is None:
            self._loop = asyncio.new_event_loop()
            self._loop.set_default_executor(self._executor)
            self._thread = threading.Thread(
                target=self._loop.run_forever, name=self._name, daemon=True
            )
            self._thread.start()
        self._loop.call_soon_threadsafe(self._begin, run)

    def close(self) -> None:
        """End the loop, where all of its handlers have returned; else leave it to itself."""
        if self._loop is None or self._thread is None or self._tasks:
            return
        _call_soon(self._loop, self._loop.stop)
        self._thread.join()
        self._loop.run_until_complete(self._loop.shutdown_asyncgens())
        # What `asyncio.to_thread` still runs cannot be stopped, and is not waited for long.
        ending = threading.Thread(target=self._executor.shutdown, daemon=True)
        ending.start()
        ending.join(_EXECUTOR_SECONDS)
        self._loop.close()

    def _begin(self, run: Run) -> None:
        assert self._loop is not None
        task = self._loop.create_task(self._follow(run))
        # The loop itself holds on to tasks weakly.
        self._tasks.add(task)

    async def _follow(self, run: Run) -> None:
        try:
            await run.call_async()
        finally:
            self._tasks.discard(cast("asyncio.Task[None]", asyncio.current_task()))
            self._finished(run)


def _call_soon(loop: asyncio.AbstractEventLoop, call: Callable[[], object]) -> None:
    """Call something on a loop, which may have been closed meanwhile."""
    try:
        loop.call_soon_threadsafe(call)
    except RuntimeError:
        # It is closed; whatever ran on it has ended.
        return
