"""Waiting for commits: one thread for all of a loop's followers of a store, however many."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from functools import partial
from threading import Thread
from typing import Final

from memva.aio.threads import at_loop_end
from memva.domain.abilities import WatchableStore

_LOOK_SECONDS: Final = 0.1
"""How often the thread looks whether its last follower has left."""


@asynccontextmanager
async def changes(store: WatchableStore) -> AsyncIterator[Callable[[float], Awaitable[None]]]:
    """Give a function that waits for the next commit to a store, at most for so many seconds.

    Counted is what was committed since the block began, or since the function returned last. It
    may return without cause.

    Raises:
        StoreUnavailable: The store is closed.
    """
    key = asyncio.get_running_loop(), id(store)
    watcher = _watchers.get(key)
    if watcher is None or watcher.error is not None:
        watcher = _Watcher(store)
        await watcher.start()
        _watchers[key] = watcher
    follower = asyncio.Event()
    watcher.followers.add(follower)
    try:
        await watcher.began.wait()
        yield partial(watcher.wait, follower)
    finally:
        watcher.followers.remove(follower)
        if not watcher.followers:
            watcher.stop = True
            if _watchers.get(key) is watcher:
                del _watchers[key]


class _Watcher:
    """Watches a store in a thread, and wakes those who follow it on the loop."""

    def __init__(self, store: WatchableStore) -> None:
        self.followers: set[asyncio.Event] = set()
        self.began = asyncio.Event()
        self.error: BaseException | None = None
        # Its id is the watcher's key, and is no other store's as long as this one is held.
        self._store = store
        self._loop = asyncio.get_running_loop()
        self.stop = False
        # A daemon: followers that nobody ends keep no process from ending.
        self._thread = Thread(target=self._watch, name="memva-aio-watch", daemon=True)

    async def start(self) -> None:
        """Start the thread; it ends soon after `stop` is set, and with the loop at the latest."""
        self._take_back = await at_loop_end(self._end)
        self._thread.start()

    async def wait(self, follower: asyncio.Event, seconds: float) -> None:
        """Wait until a follower is woken, at most for so many seconds."""
        if self.error is None:
            with suppress(TimeoutError):
                async with asyncio.timeout(seconds):
                    await follower.wait()
            follower.clear()
        if self.error is not None:
            raise self.error

    def _watch(self) -> None:
        try:
            with self._store.watch() as watch:
                self._tell(self.began.set)
                while not (self.stop or self._loop.is_closed()):
                    if watch.wait(_LOOK_SECONDS):
                        self._tell(self._wake)
        except BaseException as error:
            self._tell(partial(self._fail, error))
        finally:
            self._tell(self._take_back)

    def _tell(self, call: Callable[[], object]) -> None:
        # Nobody waits any more where the loop is closed.
        with suppress(RuntimeError):
            self._loop.call_soon_threadsafe(call)

    def _wake(self) -> None:
        for follower in self.followers:
            follower.set()

    def _end(self) -> None:
        self.stop = True
        self._thread.join()

    def _fail(self, error: BaseException) -> None:
        self.error = error
        self.began.set()
        self._wake()


_watchers: Final[dict[tuple[asyncio.AbstractEventLoop, int], _Watcher]] = {}
