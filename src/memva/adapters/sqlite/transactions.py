"""Which connection a call runs on: transactions, savepoints and snapshots."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Final

import attrs

from memva.adapters.owner import Owner, current_owner
from memva.adapters.signal import Signal
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.pool import Pool
from memva.adapters.sqlite.wal import WalKeeper
from memva.domain.errors import StoreBusy, StoreReadOnly, StoreUnavailable

_ENDED: Final = "SQLite ended the transaction after an error inside it"


@attrs.define
class _Scope:
    """The connection that a thread's or task's transaction or snapshot runs on."""

    connection: Connection
    writes: bool


class Transactions:
    """Gives each call the connection that it belongs on."""

    def __init__(self, pool: Pool, wal: WalKeeper, *, busy_timeout: float) -> None:
        self._pool = pool
        self._wal = wal
        self._busy_timeout = busy_timeout
        self._begin_process()

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """Give the connection that the caller's reads go to."""
        scope = self._scopes.get(self._owner())
        if scope is not None:
            yield scope.connection
            return
        with self.apart() as connection:
            yield connection

    @contextmanager
    def apart(self) -> Iterator[Connection]:
        """Give a connection that is in no transaction, not even in the caller's own."""
        connection = self._pool.acquire()
        try:
            yield connection
        finally:
            self._pool.release(connection)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads inside the block see the store at one moment."""
        owner = self._owner()
        if owner in self._scopes:
            yield
            return
        connection = self._pool.acquire()
        try:
            connection.rows("BEGIN DEFERRED")
            # The moment is that of the first read, not that of BEGIN.
            connection.rows("SELECT 1 FROM sessions LIMIT 1")
            self._scopes[owner] = _Scope(connection, writes=False)
            yield
        finally:
            self._scopes.pop(owner, None)
            with suppress(Exception):
                connection.roll_back()
            self._pool.release(connection)

    @contextmanager
    def writing(self, *, one_statement: bool = False) -> Iterator[Connection]:
        """Give a connection inside a transaction, or inside a savepoint of the caller's own.

        With `one_statement` it needs no savepoint: SQLite undoes a statement that fails itself.
        """
        owner = self._owner()
        scope = self._scopes.get(owner)
        if scope is None:
            with self._top_level(owner) as connection:
                yield connection
        elif not scope.writes:
            raise StoreReadOnly("a snapshot is only for reading")
        else:
            connection = scope.connection
            if not connection.raw.in_transaction:
                # A savepoint of its own would be a transaction, committed at its end.
                raise StoreUnavailable(_ENDED)
            if one_statement:
                yield connection
                return
            connection.rows("SAVEPOINT inner")
            try:
                yield connection
            except BaseException:
                # An error such as a full disk may have ended the whole transaction.
                if connection.raw.in_transaction:
                    connection.rows("ROLLBACK TO inner")
                    connection.rows("RELEASE inner")
                raise
            connection.rows("RELEASE inner")

    @contextmanager
    def _top_level(self, owner: Owner) -> Iterator[Connection]:
        # Threads of one process queue here, where waiting costs nothing; processes meet at BEGIN.
        turn = self._turn
        if not turn.acquire(timeout=self._busy_timeout):
            raise StoreBusy(f"another writer was busy for {self._busy_timeout} seconds")
        try:
            connection = self._pool.acquire()
            try:
                connection.rows("BEGIN IMMEDIATE")
                self._scopes[owner] = _Scope(connection, writes=True)
                yield connection
                if not connection.raw.in_transaction:
                    raise StoreUnavailable(_ENDED)
                connection.rows("COMMIT")
                self.signal.notify()
                self._wal.after_commit(connection)
            finally:
                self._scopes.pop(owner, None)
                with suppress(Exception):
                    connection.roll_back()
                self._pool.release(connection)
        finally:
            turn.release()

    def _owner(self) -> Owner:
        if self._process != os.getpid():
            self._begin_process()
        return current_owner()

    def _begin_process(self) -> None:
        # After a fork the threads that held these are not there to give them back.
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._scopes: dict[Owner, _Scope] = {}
        self.signal = Signal()
