"""Blocks: transactions and snapshots, each in a thread that is its task's own for its length."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, AbstractContextManager, ExitStack
from contextvars import ContextVar
from functools import partial
from types import TracebackType
from typing import Final, TypeVar

from memva.aio.threads import OwnThread, ended, in_pool
from memva.domain.errors import MemvaError
from memva.domain.ports import Store

_T = TypeVar("_T")


class TransactionOfAnotherTask(MemvaError):
    """A task that was started inside a transaction called the same store before it had ended.

    The call is no part of the transaction, and would wait for it, while the transaction may wait
    for the task. Await the call in the task that opened the transaction, or start the task after.
    """

    def __str__(self) -> str:
        return "the store is in a transaction of the task that started this one"


def transaction(store: Store) -> AbstractAsyncContextManager[None]:
    """Make all calls that are awaited inside the `async with` block one unit.

    It is `store.transaction()`: it commits when the block ends, and where the block raises, or is
    cancelled, it undoes everything. One inside another is a savepoint. It belongs to the task that
    opened it, with the coroutines that the task awaits itself; what other tasks call is no part of
    it, those started inside it included, which cannot use this store before it has ended.

    Cancelled while it waits for other writers, it waits on, at most for the store's own
    `busy_timeout`, and is undone. A cancellation that comes while it commits comes too late.

    Raises:
        StoreBusy: The wait for the other writers was too long.
        StoreReadOnly: It was opened inside `snapshot()`.
        TransactionOfAnotherTask: The task was started inside a transaction that has not ended.
    """
    return _Block(store, store.transaction, writes=True)


def snapshot(store: Store) -> AbstractAsyncContextManager[None]:
    """Make all reads that are awaited inside the `async with` block see the store at one moment.

    It is `store.snapshot()`, and belongs to its task as a transaction does. What other tasks read
    is no part of it.

    Raises:
        TransactionOfAnotherTask: The task was started inside a transaction that has not ended.
    """
    return _Block(store, store.snapshot, writes=False)


async def perform(
    store: Store,
    call: Callable[[], _T],
    *,
    withdraw: bool = True,
    on_cancel: Callable[[], object] | None = None,
) -> _T:
    """Return what a call to a store returns, made where the running task's calls belong.

    Where it is cancelled a call that has not begun is withdrawn, unless `withdraw` is False.

    Raises:
        TransactionOfAnotherTask: The task was started inside a transaction that has not ended.
    """
    held = _held.get()
    if held is not None:
        held.refuse(store)
        if held.is_mine():
            call_there = held.thread.submit(call)
            return await ended(call_there, withdraw=withdraw, on_cancel=on_cancel)
    return await in_pool(call, withdraw=withdraw, on_cancel=on_cancel)


class _Held:
    """The thread of a task that is inside a block, for all of its calls, to whichever store.

    A store knows whose its transactions are by the thread, so that what is called in this one
    falls into those that were opened in it, and stands alone in any other store.
    """

    def __init__(self, outer: _Held | None) -> None:
        self.thread = OwnThread("memva-aio-block")
        self.transactions: list[_Block] = []
        self.depth = 0
        self._task = asyncio.current_task()
        self._outer = outer

    def is_mine(self) -> bool:
        """Tell whether the running task is the one that holds the thread."""
        return self.depth > 0 and self._task is asyncio.current_task()

    def refuse(self, store: Store) -> None:
        """Refuse a call of a task that was started inside a transaction on its store."""
        held: _Held | None = self
        while held is not None:
            if any(block.store is store for block in held.transactions) and not held.is_mine():
                raise TransactionOfAnotherTask
            held = held._outer


_held: Final[ContextVar[_Held | None]] = ContextVar("memva-aio-block", default=None)


class _Block(AbstractAsyncContextManager[None]):
    """A block of a store's own, entered and left in one thread."""

    def __init__(
        self, store: Store, opened: Callable[[], AbstractContextManager[None]], *, writes: bool
    ) -> None:
        self.store = store
        self._opened = opened
        self._writes = writes
        self._stack = ExitStack()

    async def __aenter__(self) -> None:
        self._before = before = _held.get()
        if before is not None:
            before.refuse(self.store)
        self._held = held = before if before is not None and before.is_mine() else _Held(before)
        held.depth += 1
        try:
            await ended(held.thread.submit(self._enter), withdraw=False)
        except BaseException as error:
            # Where it was cancelled meanwhile it is open.
            await self._leave(type(error), error, error.__traceback__)
            raise
        if self._writes:
            held.transactions.append(self)
        _held.set(held)

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        _held.set(self._before)
        try:
            return await self._leave(kind, error, traceback)
        finally:
            if self._writes:
                self._held.transactions.remove(self)

    def _enter(self) -> None:
        self._stack.enter_context(self._opened())

    async def _leave(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> bool | None:
        held = self._held
        try:
            leaving = held.thread.submit(partial(self._stack.__exit__, kind, error, traceback))
            if kind is not None and issubclass(kind, GeneratorExit):
                # The coroutine was thrown away, and cannot await any more.
                return leaving.result()
            return await ended(leaving, withdraw=False)
        finally:
            held.depth -= 1
            if not held.depth:
                held.thread.end()
