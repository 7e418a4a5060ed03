"""Which connection a call runs on: transactions, savepoints and snapshots, and who waits for whom.

Locks are taken in one order: a host's transaction, the feed of events, the keys of jobs (by
number), then rows. A host's transaction may take what comes after in any order, so that they run
one after the other; calls that stand alone run beside them and beside each other. Where two wait
for each other all the same, which docs/decisions.md tells of, PostgreSQL ends one of them, and a
call that stands alone is made again.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from typing import Final, TypeVar

import attrs

from memva.adapters.owner import Owner, current_owner
from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.errors import is_conflict
from memva.adapters.postgres.names import Names
from memva.adapters.postgres.pool import Pool
from memva.adapters.signal import Signal
from memva.domain.errors import StoreBusy, StoreError, StoreReadOnly, StoreUnavailable

_T = TypeVar("_T")

_ENDED: Final = "PostgreSQL ended the transaction after an error inside it"
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT 1"
_RELEASE: Final = "RELEASE inside; "
_UNDO: Final = "ROLLBACK TO inside; RELEASE inside; "
_TRIES: Final = 5
_PAUSE_SECONDS: Final = 0.01


@attrs.define
class _Scope:
    """The connection that a thread's or task's transaction or snapshot runs on."""

    connection: Connection
    writes: bool
    has_written: bool = False
    has_kept: bool = False
    """Whether the innermost savepoint is one whose call or block is over.

    The statement that would release it waits for the next call, which sends it with its own.
    """


class Transactions:
    """Gives each call the connection that it belongs on."""

    def __init__(self, pool: Pool, names: Names) -> None:
        self.pool = pool
        self.names = names
        self.scopes: dict[Owner, _Scope] = {}
        self.signal = Signal()
        self._transaction = threading.Lock()
        pool.call_in_child(self._begin_child)

    def reading(self, *, holds: bool = False) -> AbstractContextManager[Connection]:
        """Give the connection that the caller's reads go to.

        Where it `holds` what it reads, inside a transaction, it may wait too long; that spoils no
        more than itself.
        """
        scope = self.scopes.get(current_owner())
        if scope is None:
            return self.apart()
        return self._holding() if holds else nullcontext(scope.connection)

    def in_scope(self) -> bool:
        """Tell whether the caller is inside a transaction or a snapshot."""
        return current_owner() in self.scopes

    def holds(self) -> bool:
        """Tell whether the caller is inside a transaction, which holds the rows that it gets."""
        scope = self.scopes.get(current_owner())
        return scope is not None and scope.writes

    @contextmanager
    def apart(self) -> Iterator[Connection]:
        """Give a connection that is in no transaction, not even in the caller's own."""
        connection = self.pool.acquire()
        try:
            yield connection
        finally:
            self.pool.release(connection)

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads inside the block see the store at one moment."""
        owner = current_owner()
        if owner in self.scopes:
            yield
            return
        with self.apart() as connection:
            try:
                connection.script(_SNAPSHOT)
                self.scopes[owner] = _Scope(connection, writes=False)
                yield
                # After a ROLLBACK the driver would have every statement prepared anew.
                connection.end_snapshot()
            finally:
                self.scopes.pop(owner, None)
                connection.roll_back()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all calls inside the block one unit; one after the other with those of others."""
        owner = current_owner()
        if self.scopes.get(owner) is not None:
            with self._savepoint("") as scope:
                yield
                # What it was opened for may have been a wait for others.
                scope.has_written = True
            return
        with self._turn(), self.apart() as connection:
            try:
                connection.script(f"BEGIN; {self.names.lock_transactions}")
                scope = self.scopes[owner] = _Scope(connection, writes=True)
                yield
                self.scopes.pop(owner, None)
                self._commit(connection, tells=scope.has_written)
            finally:
                self.scopes.pop(owner, None)
                connection.roll_back()

    @contextmanager
    def _turn(self) -> Iterator[None]:
        # Threads of one process queue here, where none takes a connection from those who read.
        turn, limit = self._transaction, self.pool.busy_timeout
        if not turn.acquire(timeout=limit):
            raise StoreBusy(f"another transaction was open for {limit} seconds")
        try:
            yield
        finally:
            turn.release()

    def write(
        self,
        work: Callable[[Connection], _T],
        *,
        lock: str = "",
        one_statement: bool = False,
        tells: bool = True,
    ) -> _T:
        """Do `work` inside a transaction, or inside a savepoint of the caller's own.

        On its own it is tried again where it was undone because another was in its way.

        Args:
            work: What is done, maybe several times.
            lock: A statement that takes a lock before it.
            one_statement: Whether it needs no transaction, as one statement is one.
            tells: Whether those who wait are told by the server, and not by looking alone.
        """
        if current_owner() in self.scopes:
            with self._savepoint(lock) as scope:
                scope.has_written = True
                return work(scope.connection)
        for tries in range(1, _TRIES + 1):
            with self.apart() as connection:
                try:
                    if one_statement:
                        done = work(connection)
                        self.signal.notify()
                    else:
                        connection.script(f"BEGIN; {lock}")
                        done = work(connection)
                        self._commit(connection, tells=tells)
                except StoreError as error:
                    if tries == _TRIES or not is_conflict(error):
                        raise
                else:
                    return done
                finally:
                    connection.roll_back()
            time.sleep(_PAUSE_SECONDS * tries * random.uniform(0.5, 1.5))
        raise AssertionError("the last try returns or raises")

    def write_aside(self, work: Callable[[Connection], object]) -> None:
        """Do what need not be done, as whoever gives positions, unless somebody else is that now.

        It does not wait and raises no `StoreError`: what fails is undone.
        """
        try:
            with self.apart() as connection:
                try:
                    connection.script("BEGIN")
                    if connection.rows(self.names.try_lock_feed) == [(True,)]:
                        work(connection)
                        connection.script("COMMIT")
                finally:
                    connection.roll_back()
        except StoreError:
            # A full disk, say: the next one to write is told.
            return

    @contextmanager
    def _holding(self) -> Iterator[Connection]:
        with self._savepoint("") as scope:
            yield scope.connection

    @contextmanager
    def _savepoint(self, lock: str) -> Iterator[_Scope]:
        """Make a part of the caller's transaction, undone alone where the block raises."""
        scope = self.scopes[current_owner()]
        connection = scope.connection
        if not scope.writes:
            raise StoreReadOnly("a snapshot is only for reading")
        if not connection.is_in_transaction:
            raise StoreUnavailable(_ENDED)
        # On its own each would be one more way to the server and back for each call. Of these the
        # lock alone is expected to fail, when there is a savepoint to go back to.
        begin = f"{_RELEASE if scope.has_kept else ''}SAVEPOINT inside; {lock}"
        scope.has_kept = False
        try:
            connection.script(begin)
            yield scope
            if not connection.is_in_transaction:
                raise StoreUnavailable(_ENDED)
            if scope.has_kept:
                connection.script(_RELEASE)
        except BaseException:
            # Where this fails the connection is lost, as whatever comes next is told.
            with suppress(StoreError):
                connection.script(_UNDO * (2 if scope.has_kept else 1))
            scope.has_kept = False
            raise
        scope.has_kept = True

    def _commit(self, connection: Connection, *, tells: bool) -> None:
        if not connection.is_in_transaction:
            # COMMIT would undo it without an error.
            raise StoreUnavailable(_ENDED)
        connection.script(f"{self.names.notify}; COMMIT" if tells else "COMMIT")
        self.signal.notify()

    def _begin_child(self) -> None:
        # Of the threads only the one that forked is here. Inside its transaction, which is the
        # parent's, its calls go to a connection that is gone.
        owner = current_owner()
        self.scopes = {owner: self.scopes[owner]} if owner in self.scopes else {}
        self.signal = Signal()
        self._transaction = threading.Lock()
