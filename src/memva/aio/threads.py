"""Calls in threads, awaited to their end: whoever goes on, cancelled or not, left nothing running.

Calls run in threads of the loop's own pool, and not in asyncio's, so that calls which wait for
their turn to write keep nobody else's `asyncio.to_thread` waiting, nor a look-up of a host's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import suppress
from contextvars import copy_context
from functools import partial
from typing import Final, TypeVar

_T = TypeVar("_T")

_MOST_THREADS: Final = 16


class OwnThread:
    """A thread for one caller's calls alone; it starts with the first of them."""

    def __init__(self, name: str) -> None:
        self._executor = ThreadPoolExecutor(1, thread_name_prefix=name)

    def submit(self, call: Callable[[], _T]) -> Future[_T]:
        """Begin a call, with the context variables of the caller."""
        return _submit(self._executor, call)

    def end(self) -> None:
        """End the thread; where its last call has ended, that takes no time."""
        self._executor.shutdown()


async def in_pool(
    call: Callable[[], _T],
    *,
    withdraw: bool = True,
    on_cancel: Callable[[], object] | None = None,
) -> _T:
    """Return what a call returns, in whichever of the loop's threads is free."""
    executor = (await _pool()).executor
    if executor is not None:
        return await ended(_submit(executor, call), withdraw=withdraw, on_cancel=on_cancel)
    thread = OwnThread("memva-aio")
    try:
        return await ended(thread.submit(call), withdraw=withdraw, on_cancel=on_cancel)
    finally:
        thread.end()


async def at_loop_end(call: Callable[[], object]) -> Callable[[], None]:
    """Have something called when the running loop ends; return what takes that back."""
    pool = await _pool()
    pool.at_end.add(call)
    return partial(pool.at_end.discard, call)


async def ended(
    running: Future[_T],
    *,
    withdraw: bool = True,
    on_cancel: Callable[[], object] | None = None,
) -> _T:
    """Return what a call in another thread comes to, once it has ended.

    However often the caller is cancelled, it waits until then, and is cancelled after. A call that
    has not begun is withdrawn, unless `withdraw` is False; `on_cancel` asks one that runs to stop.
    """
    loop = asyncio.get_running_loop()
    cancelled: asyncio.CancelledError | None = None
    while True:
        told = loop.create_future()
        running.add_done_callback(partial(_tell, loop, told))
        try:
            await told
        except asyncio.CancelledError as error:
            if withdraw and running.cancel():
                raise
            if on_cancel is not None:
                on_cancel()
            cancelled = error
        if running.done():
            break
    try:
        if cancelled is not None:
            raise cancelled from running.exception()
        return running.result()
    finally:
        # An error holds this frame, and would be held by it.
        del running, cancelled


def _submit(executor: Executor, call: Callable[[], _T]) -> Future[_T]:
    return executor.submit(copy_context().run, call)


def _tell(loop: asyncio.AbstractEventLoop, told: asyncio.Future[None], _: object) -> None:
    # Nobody waits any more where the loop is closed.
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(_set, told)


def _set(told: asyncio.Future[None]) -> None:
    if not told.done():
        told.set_result(None)


class _Pool:
    """The threads of one loop, which end with it."""

    def __init__(self) -> None:
        self.executor: Executor | None = ThreadPoolExecutor(
            _MOST_THREADS, thread_name_prefix="memva-aio"
        )
        self.at_end: set[Callable[[], object]] = set()
        self.until_loop_ends = self._until_loop_ends()

    def end(self, *, wait: bool) -> None:
        """End the threads."""
        executor, self.executor = self.executor, None
        if executor is not None:
            executor.shutdown(wait=wait)

    async def _until_loop_ends(self) -> AsyncGenerator[None, None]:
        # A loop that ends in good order closes the asynchronous generators that have begun on it.
        try:
            yield
        finally:
            for call in list(self.at_end):
                call()
            self.end(wait=True)


_pools: Final[dict[asyncio.AbstractEventLoop, _Pool]] = {}


async def _pool() -> _Pool:
    """Return the threads of the running loop."""
    loop = asyncio.get_running_loop()
    pool = _pools.get(loop)
    if pool is None:
        _forget_closed_loops()
        pool = _pools[loop] = _Pool()
        await anext(pool.until_loop_ends)
    return pool


def _forget_closed_loops() -> None:
    for loop, pool in list(_pools.items()):
        if loop.is_closed():
            _pools.pop(loop, None)
            pool.end(wait=False)
