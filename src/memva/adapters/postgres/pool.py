"""The connections of a store: a bounded number, kept, and never taken along by a fork."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Final
from weakref import WeakSet

import attrs
from psycopg_pool import ConnectionPool, PoolClosed, PoolTimeout

from memva.adapters.postgres.connection import Connection, connect_options
from memva.domain.errors import StoreBusy, StoreUnavailable

_CLOSE_SECONDS: Final = 5.0
# Longer, and psycopg's pool would double its pauses for as long as the server is away.
_RECONNECT_SECONDS: Final = 0.5
_CONNECT_SECONDS: Final = 1.0
"""How long a call waits for a connection that may be opened, even if it waits for nobody else."""
_A_MOMENT: Final = 0.001


@attrs.define
class _Reserve:
    """The connection that a thread has for itself; None until it is needed."""

    connection: Connection | None = None
    in_use: bool = False


class Pool:
    """A bounded number of connections, opened when first needed; lost ones are replaced."""

    def __init__(
        self, url: str, *, schema: str, min_size: int, max_size: int, busy_timeout: float
    ) -> None:
        self._url = url
        self._schema = schema
        self._min_size = min_size
        self._max_size = max_size
        self.busy_timeout = busy_timeout
        self._closed = False
        self._opened = False
        self._calls_in_child: list[Callable[[], None]] = []
        self._begin_process()
        self._ensure_open()
        _pools.add(self)

    def acquire(self) -> Connection:
        """Return a connection that is the caller's until `release`.

        Raises:
            StoreBusy: All were in use until the wait ran out.
            StoreUnavailable: The pool is closed, or the server gives no connection.
        """
        if self._closed:
            raise StoreUnavailable("the store is closed")
        reserve = self._reserves.get(threading.get_ident())
        if reserve is not None and not reserve.in_use:
            if reserve.connection is None or reserve.connection.is_cut:
                reserve.connection = self.open_apart()
            reserve.in_use = True
            return reserve.connection
        self._ensure_open()
        while (connection := self._get()).is_cut:
            self._discard(connection)
        self._out.add(connection)
        return connection

    def release(self, connection: Connection) -> None:
        """Give a connection back; one that is not idle is not used again."""
        if connection not in self._out:
            reserve = self._reserves.get(threading.get_ident())
            if reserve is not None and reserve.connection is connection:
                reserve.in_use = False
                if self._closed or not connection.is_idle:
                    connection.close()
            # Else it was the parent's, before a fork.
            return
        self._out.discard(connection)
        if connection.closed:
            self._discard(connection)
            return
        if not connection.is_idle:
            connection.close()
        self._pool.putconn(connection)

    def open_apart(self) -> Connection:
        """Open a connection that does not count among those for all; its caller closes it."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        connection = Connection.open(self._url, schema=self._schema, busy_timeout=self.busy_timeout)
        self._connections.add(connection)
        return connection

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Let the calling thread have a connection that no other is given."""
        me = threading.get_ident()
        if me in self._reserves:
            yield
            return
        reserve = self._reserves[me] = _Reserve()
        try:
            yield
        finally:
            if self._reserves.get(me) is reserve:
                del self._reserves[me]
                if reserve.connection is not None:
                    reserve.connection.close()

    def close(self) -> None:
        """Close every connection; those in use are closed when their call ends."""
        self._closed = True
        self._pool.close(_CLOSE_SECONDS)
        for reserve in list(self._reserves.values()):
            if reserve.connection is not None and not reserve.in_use:
                reserve.connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether it was closed."""
        return self._closed

    def call_in_child(self, call: Callable[[], None]) -> None:
        """Have `call` called in every child that is forked, once the pool has begun anew there.

        Calls are made in the order in which they were given.
        """
        self._calls_in_child.append(call)

    def after_fork_in_child(self) -> None:
        """Leave everything to the parent, and begin anew."""
        for connection in list(self._connections):
            connection.leave_to_parent()
        # Its threads are the parent's; what it holds must not even be thrown away.
        _left_to_parents.append(self._pool)
        self._begin_process()
        for call in self._calls_in_child:
            call()

    def _get(self) -> Connection:
        # Without any time psycopg's pool gives not even a connection that is idle.
        least = _A_MOMENT if self._are_all_out else _CONNECT_SECONDS
        try:
            return self._pool.getconn(max(self.busy_timeout, least))
        except PoolTimeout as error:
            if self._are_all_out:
                raise StoreBusy(f"all {self._max_size} connections were in use") from error
            # The pool keeps to itself why it could open none.
            self.open_apart().close()
            raise StoreUnavailable("the server gave no connection in time") from error
        except PoolClosed as error:
            raise StoreUnavailable("the store is closed") from error

    @property
    def _are_all_out(self) -> bool:
        return len(self._out) >= self._max_size

    def _discard(self, connection: Connection) -> None:
        """Give a connection back that was lost."""
        # The others mostly are, too.
        self._pool.drain()
        self._pool.putconn(connection)

    def _ensure_open(self) -> None:
        # In a child that never calls there are no threads either.
        if not self._opened:
            self._pool.open()
            self._opened = True

    def _begin_process(self) -> None:
        self._pool = ConnectionPool(
            self._url,
            connection_class=Connection,
            kwargs=connect_options(self._url),
            configure=self._set_up,
            min_size=self._min_size,
            max_size=self._max_size,
            reconnect_timeout=_RECONNECT_SECONDS,
            reconnect_failed=_begin_again,
            open=False,
        )
        self._opened = False
        self._connections: WeakSet[Connection] = WeakSet()
        self._out: set[Connection] = set()
        self._reserves: dict[int, _Reserve] = {}

    def _set_up(self, connection: Connection) -> None:
        connection.set_up(schema=self._schema, busy_timeout=self.busy_timeout)
        self._connections.add(connection)


def _begin_again(pool: ConnectionPool[Connection]) -> None:
    """Have a pool that gave up try to connect on, where somebody waits for a connection."""
    if pool.get_stats()["requests_waiting"]:
        # Being asked is what makes it try.
        with suppress(PoolTimeout, PoolClosed):
            pool.putconn(pool.getconn(_A_MOMENT))


_pools: Final[WeakSet[Pool]] = WeakSet()
_left_to_parents: Final[list[object]] = []


def _after_fork_in_child() -> None:
    for pool in list(_pools):
        pool.after_fork_in_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork_in_child)
