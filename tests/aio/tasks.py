"""What the tests of the async face have in common."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager, suppress
from threading import Event
from typing import Any

from memva import Store, WatchableStore, create_session, list_sessions
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.domain import Watch

LONG = 20.0


class Gate:
    """Holds up whoever passes through it, in a thread, until it is opened."""

    def __init__(self) -> None:
        self._reached, self._opened = Event(), Event()

    def __call__(self, text: str) -> str:
        """Wait, and return the text: it may be given as `redact`."""
        self.wait()
        return text

    def wait(self) -> None:
        """Wait until it is opened."""
        self._reached.set()
        assert self._opened.wait(LONG)

    async def reached(self) -> None:
        """Wait until somebody waits at it."""
        await until(self._reached.is_set)

    def open(self) -> None:
        """Let everybody pass."""
        self._opened.set()


class Slow:
    """A store of whatever kind, with something that passes a gate."""

    def __init__(self, store: WatchableStore, gate: Gate) -> None:
        self._store = store
        self._gate = gate

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


class SlowToCommit(Slow):
    """Its transactions pass the gate before they are committed."""

    @contextmanager
    def transaction(self) -> Iterator[None]:
        with self._store.transaction():
            yield
            self._gate.wait()


class SlowToWatch(Slow):
    """Its watches pass the gate before they begin."""

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        self._gate.wait()
        with self._store.watch() as watch:
            yield watch


@contextmanager
def written_to(store: Store) -> Iterator[Callable[[], None]]:
    """Have another thread be in a block, until the function given is called."""
    held, release = Event(), Event()

    def hold() -> None:
        with store.transaction():
            held.set()
            assert release.wait(LONG)

    thread = threading.Thread(target=hold)
    thread.start()
    try:
        assert held.wait(LONG)
        yield release.set
    finally:
        release.set()
        thread.join()


async def until(condition: Callable[[], object]) -> None:
    """Wait until something is so."""
    give_up = time.monotonic() + LONG
    while not condition():
        assert time.monotonic() < give_up
        await asyncio.sleep(0.001)


async def cancelled(task: asyncio.Task[Any], *, meanwhile: Gate | None = None) -> None:
    """Cancel a task twice, see that it waits at the gate, if any, and await its end."""
    task.cancel()
    await asyncio.sleep(0.02)
    if meanwhile is not None:
        assert not task.done()
        task.cancel()
        await asyncio.sleep(0.02)
        assert not task.done()
        meanwhile.open()
    with suppress(asyncio.CancelledError):
        await task
    assert task.cancelled()


def run(main: Coroutine[Any, Any, None]) -> None:
    """Run a test's coroutine, and see that no thread is left."""
    threads = set(threading.enumerate())
    asyncio.run(main, debug=True)
    for thread in threading.enumerate():
        # Until Python 3.12 asyncio itself waits for a process in one, which is about to end.
        if thread.name.startswith("waitpid-"):
            thread.join(LONG)
    assert set(threading.enumerate()) <= threads


def assert_nothing_is_open(store: Store) -> None:
    """See that no transaction, lock, connection or thread for them is left."""
    names = [thread.name for thread in threading.enumerate()]
    assert not any("memva-aio-block" in name for name in names)
    if isinstance(store, SqliteStore):
        pool = store._pool
        assert len(pool._idle) == pool._opened
        assert not store._transactions.scopes
    if isinstance(store, PostgresStore):
        assert not store._pool._out
        assert not store._transactions.scopes
    begin = time.monotonic()
    writer = threading.Thread(target=create_session, args=[store], kwargs={"project_path": "/"})
    writer.start()
    writer.join()
    assert time.monotonic() - begin < LONG / 2


def titles(store: Store) -> set[str | None]:
    """Return the titles of the sessions that others see."""
    return {session.title for session in list_sessions(store)} - {None}
