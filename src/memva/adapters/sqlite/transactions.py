"""Which connection a call runs on: transactions, savepoints and snapshots."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Final

import attrs

from memva.adapters.owner import Owner, current_owner
from memva.adapters.signal import Signal
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.pool import Pool
from memva.adapters.sqlite.wal import WalKeeper
from memva.domain.errors import StoreBusy, StoreError, StoreReadOnly, StoreUnavailable

_ENDED: Final = "SQLite ended the transaction after an error inside it"


@attrs.define
class _Scope:
    """The connection that a thread's or task's transaction or snapshot runs on."""

    connection: Connection
    writes: bool


class Transactions:
    """Gives each call the connection that it belongs on."""

    def __init__(self, pool: Pool, wal: WalKeeper, *, busy_timeout: float) -> None:
        self.pool = pool
        self.wal = wal
        self.busy_timeout = busy_timeout
        self._begin_process()
        pool.in_child = self._begin_process

    def reading(self) -> AbstractContextManager[Connection]:
        """Give the connection that the caller's reads go to."""
        scope = self.scopes.get(current_owner())
        return self.apart() if scope is None else nullcontext(scope.connection)

    def in_scope(self) -> bool:
        """Tell whether the caller is inside a transaction or a snapshot."""
        return current_owner() in self.scopes

    def apart(self) -> AbstractContextManager[Connection]:
        """Give a connection that is in no transaction, not even in the caller's own."""
        return _Apart(self.pool)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads inside the block see the store at one moment."""
        owner = current_owner()
        if owner in self.scopes:
            yield
            return
        connection = self.pool.acquire()
        try:
            connection.rows("BEGIN DEFERRED")
            # The moment is that of the first read, not that of BEGIN.
            connection.rows("SELECT 1 FROM sessions LIMIT 1")
            self.scopes[owner] = _Scope(connection, writes=False)
            yield
        finally:
            self.scopes.pop(owner, None)
            connection.roll_back()
            self.pool.release(connection)

    def writing(self, *, one_statement: bool = False) -> AbstractContextManager[Connection]:
        """Give a connection inside a transaction, or inside a savepoint of the caller's own.

        With `one_statement` it needs neither: SQLite undoes a statement that fails itself, and
        commits one that succeeds.
        """
        owner = current_owner()
        scope = self.scopes.get(owner)
        if scope is None:
            return _Statement(self) if one_statement else _Transaction(self, owner)
        if not scope.writes:
            raise StoreReadOnly("a snapshot is only for reading")
        if not scope.connection.raw.in_transaction:
            # A savepoint of its own would be a transaction, committed at its end.
            raise StoreUnavailable(_ENDED)
        return nullcontext(scope.connection) if one_statement else _Savepoint(scope.connection)

    def write_aside(self, connection: Connection, work: Callable[[Connection], None]) -> None:
        """Do what need not be done in a transaction of its own, unless somebody else is writing.

        It does not wait and raises no `StoreError`: what fails is undone.
        """
        turn = self.turn
        if not turn.acquire(blocking=False):
            return
        try:
            if connection.begin_at_once():
                work(connection)
                connection.run("COMMIT")
                self.wal.after_commit(connection)
        except StoreError:
            # A full disk, say: the next one to write is told.
            return
        finally:
            connection.roll_back()
            turn.release()

    def take_turn(self, turn: threading.Lock) -> Connection:
        """Return a connection once it is the caller's turn to write.

        Raises:
            StoreBusy: Others were at it until the wait ran out.
        """
        # Threads of one process queue here, where waiting costs nothing; processes meet at BEGIN.
        if not turn.acquire(timeout=self.busy_timeout):
            raise StoreBusy(f"another writer was busy for {self.busy_timeout} seconds")
        try:
            return self.pool.acquire()
        except BaseException:
            turn.release()
            raise

    def committed(self, connection: Connection) -> None:
        """Do what follows each commit."""
        self.signal.notify()
        self.wal.after_commit(connection)

    def _begin_process(self) -> None:
        # After a fork the threads that held these are not there to give them back.
        self.turn = threading.Lock()
        self.scopes: dict[Owner, _Scope] = {}
        self.signal = Signal()


# These stand on the path of each call. A generator under `contextmanager` would take twice as long.


class _Apart:
    """A connection from the pool, for the block alone."""

    __slots__ = ("_connection", "_pool")

    def __init__(self, pool: Pool) -> None:
        self._pool = pool

    def __enter__(self) -> Connection:
        self._connection = self._pool.acquire()
        return self._connection

    def __exit__(self, *_: object) -> None:
        self._pool.release(self._connection)


class _Transaction:
    """A transaction: committed where the block succeeds, undone where it raises."""

    __slots__ = ("_connection", "_owner", "_transactions", "_turn")

    def __init__(self, transactions: Transactions, owner: Owner) -> None:
        self._transactions = transactions
        self._owner = owner
        self._turn = transactions.turn

    def __enter__(self) -> Connection:
        transactions = self._transactions
        self._connection = connection = transactions.take_turn(self._turn)
        try:
            connection.run("BEGIN IMMEDIATE")
        except BaseException:
            transactions.pool.release(connection)
            self._turn.release()
            raise
        transactions.scopes[self._owner] = _Scope(connection, writes=True)
        return connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        transactions, connection = self._transactions, self._connection
        try:
            if kind is None:
                if not connection.raw.in_transaction:
                    raise StoreUnavailable(_ENDED)
                connection.run("COMMIT")
                transactions.committed(connection)
        finally:
            transactions.scopes.pop(self._owner, None)
            connection.roll_back()
            transactions.pool.release(connection)
            self._turn.release()


class _Statement:
    """A statement that is a transaction of its own; other calls of the store wait meanwhile.

    What is read beside it need not agree with it.
    """

    __slots__ = ("_connection", "_transactions", "_turn")

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._turn = transactions.turn

    def __enter__(self) -> Connection:
        self._connection = self._transactions.take_turn(self._turn)
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        transactions, connection = self._transactions, self._connection
        try:
            if kind is None:
                transactions.committed(connection)
        finally:
            transactions.pool.release(connection)
            self._turn.release()


class _Savepoint:
    """A part of the caller's transaction: undone alone where the block raises."""

    __slots__ = ("_connection",)

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def __enter__(self) -> Connection:
        self._connection.run("SAVEPOINT inner")
        return self._connection

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        connection = self._connection
        if kind is None:
            connection.run("RELEASE inner")
        elif connection.raw.in_transaction:
            # An error such as a full disk may have ended the whole transaction.
            connection.run("ROLLBACK TO inner")
            connection.run("RELEASE inner")
