"""The connections of a store: a bounded number, kept, and never taken along by a fork.

SQLite holds its locks per process and remembers them in memory. A child that inherits that memory
believes in locks that it does not have: what it commits can be lost without an error. So all
connections are closed before a fork, and both processes open new ones when they need them. Where
one is in use and does not come back, the child has to do without the file.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, TypeAlias
from weakref import WeakSet

from memva.adapters.sqlite.connection import Connection
from memva.domain.errors import StoreBusy, StoreUnavailable

_FORK_WAIT_SECONDS: Final = 2.0
_LOOK_SECONDS: Final = 0.01

_Identity: TypeAlias = tuple[int, int]
"""A file's device and inode."""


class _Reserve:
    """The connection that a thread has for itself: idle, in use, or not opened yet."""

    def __init__(self) -> None:
        self.idle: list[Connection] = []
        self.in_use: Connection | None = None

    @property
    def opened(self) -> bool:
        """Whether it is open, so that it does not count among those for all."""
        return bool(self.idle) or self.in_use is not None


class Pool:
    """A bounded number of connections, opened when first needed and kept."""

    def __init__(
        self, path: Path, open_connection: Callable[[], Connection], *, size: int, timeout: float
    ) -> None:
        self._path = path
        self._open = open_connection
        self._size = size
        self._timeout = timeout
        self._closed = False
        self._identity: _Identity | None = None
        self.in_child: Callable[[], None] = lambda: None
        self._begin_process()
        _pools.add(self)

    def acquire(self) -> Connection:
        """Return a connection that is the caller's until `release`.

        Raises:
            StoreBusy: All were in use until the wait ran out.
            StoreUnavailable: The pool is closed, or the file cannot be opened.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        me = threading.get_ident()
        reserve = self._reserves.get(me)
        if reserve is not None and not reserve.in_use and not self._forking:
            try:
                connection = reserve.idle.pop()
            except IndexError:
                connection = self._open_counted()
            reserve.in_use = connection
        else:
            idle = None if self._forking else self._pop_idle()
            connection = self._open_or_wait() if idle is None else idle
        connection.thread = me
        return connection

    def release(self, connection: Connection) -> None:
        """Give a connection back; one with an open transaction is not used again."""
        if connection not in self._connections:
            # It was the parent's, before a fork.
            return
        reserve = self._reserves.get(connection.thread)
        reserved = reserve is not None and reserve.in_use is connection
        if reserve is not None and reserved:
            reserve.in_use = None
        connection.thread = 0
        if self._closed or self._forking or connection.raw.in_transaction:
            self._close(connection)
            return
        connection.shrink()
        (reserve.idle if reserve is not None and reserved else self._idle).append(connection)
        if self._closed:
            # It was closed meanwhile.
            self._close_idle()
        if self._waiting and not reserved:
            with self._changed:
                self._changed.notify()

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Let the calling thread have a connection that no other is given."""
        me = threading.get_ident()
        if me in self._reserves:
            yield
            return
        self._reserves[me] = reserve = _Reserve()
        try:
            yield
        finally:
            self._reserves.pop(me, None)
            while reserve.idle:
                self._close(reserve.idle.pop())

    def close(self) -> None:
        """Close the connections; those in use are closed when they are given back."""
        self._closed = True
        self._close_idle()
        with self._changed:
            self._changed.notify_all()

    def before_fork(self, give_up: float) -> None:
        """Close all connections, waiting for other threads' until then; give none out meanwhile."""
        self._forking = True
        me = threading.get_ident()
        while True:
            self._close_idle()
            # What this thread itself has in use cannot come back before the fork.
            own = sum(connection.thread == me for connection in list(self._connections))
            if own == self._opened or time.monotonic() >= give_up:
                return
            time.sleep(_LOOK_SECONDS)

    def after_fork_in_parent(self) -> None:
        """Give out connections again."""
        with self._changed:
            self._forking = False
            self._changed.notify_all()

    def after_fork_in_child(self) -> None:
        """Begin without connections; what could not be closed before is out of use here."""
        inherited, opened = self._connections, self._opened
        self._begin_process()
        for connection in inherited:
            connection.leave_to_parent()
        if opened and self._identity is not None:
            _out_of_reach.add(self._identity)
        self.in_child()

    def _begin_process(self) -> None:
        self._connections: set[Connection] = set()
        self._idle: list[Connection] = []
        self._opened = 0
        self._waiting = 0
        self._forking = False
        self._reserves: dict[int, _Reserve] = {}
        self._changed = threading.Condition(threading.Lock())

    def _pop_idle(self) -> Connection | None:
        try:
            return self._idle.pop()
        except IndexError:
            return None

    def _open_or_wait(self) -> Connection:
        give_up = time.monotonic() + self._timeout
        with self._changed:
            self._waiting += 1
            try:
                while self._forking or self._opened - self._reserved_ones() >= self._size:
                    connection = None if self._forking else self._pop_idle()
                    if connection is not None:
                        return connection
                    if not self._changed.wait(give_up - time.monotonic()):
                        raise StoreBusy(f"all {self._size} connections were in use")
                    if self._closed:
                        raise StoreUnavailable("the store is closed")
                self._opened += 1
            finally:
                self._waiting -= 1
        return self._open_one()

    def _open_counted(self) -> Connection:
        with self._changed:
            self._opened += 1
        return self._open_one()

    def _open_one(self) -> Connection:
        """Open a connection that is counted already."""
        try:
            if _out_of_reach and _identity_of(self._path) in _out_of_reach:
                raise StoreUnavailable(
                    f"{self._path} was in use when this process was forked; "
                    "fork outside of transactions, or start the process anew"
                )
            connection = self._open()
            if self._identity is None:
                self._identity = _identity_of(self._path)
        except BaseException:
            self._count_closed()
            raise
        self._connections.add(connection)
        return connection

    def _reserved_ones(self) -> int:
        return sum(reserve.opened for reserve in list(self._reserves.values()))

    def _close_idle(self) -> None:
        while (connection := self._pop_idle()) is not None:
            self._close(connection)
        for reserve in list(self._reserves.values()):
            with suppress(IndexError):
                self._close(reserve.idle.pop())

    def _close(self, connection: Connection) -> None:
        self._connections.discard(connection)
        connection.close()
        self._count_closed()

    def _count_closed(self) -> None:
        with self._changed:
            self._opened -= 1
            self._changed.notify()


_pools: Final[WeakSet[Pool]] = WeakSet()

_out_of_reach: Final[set[_Identity]] = set()
"""The files that were in use when this process was forked."""


def _identity_of(path: Path) -> _Identity | None:
    try:
        status = path.stat()
    except OSError:
        # It is gone; opening it tells.
        return None
    return status.st_dev, status.st_ino


def _before_fork() -> None:
    give_up = time.monotonic() + _FORK_WAIT_SECONDS
    for pool in list(_pools):
        pool.before_fork(give_up)


def _after_fork_in_parent() -> None:
    for pool in list(_pools):
        pool.after_fork_in_parent()


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork,
        after_in_parent=_after_fork_in_parent,
        after_in_child=_after_fork_in_child,
    )
