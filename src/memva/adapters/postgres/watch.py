"""Waiting for commits: this process's own are signalled, those of others told and looked for.

A store has one connection that listens, for as long as somebody watches. Most commits are told by
`NOTIFY`. Those that others seldom wait for, such as claims, are not, as PostgreSQL lets only one
commit at a time tell: a look finds them. It compares which transactions there are, so that it also
finds what is told of no schema of memva's.
"""

from __future__ import annotations

import logging
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from selectors import EVENT_READ, DefaultSelector
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.transactions import Transactions
from memva.domain.errors import StoreError, StoreUnavailable

_LOOK_SECONDS: Final = 0.08
_RECONNECT_SECONDS: Final = 0.5
_ANSWER_SECONDS: Final = 5.0
# It changes with the begin and the end of every transaction that writes, and with nothing else.
_SNAPSHOT: Final = "SELECT pg_current_snapshot()::text"

_log = logging.getLogger(__name__)


class Listener:
    """Signals the commits of others to the threads of this process, while one of them watches."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._watches: dict[object, int] = {}
        self._changed = threading.Lock()
        self._ear: _Ear | None = None
        transactions.pool.call_in_child(self._begin_child)

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Signal the commits of others inside the block."""
        watch = object()
        with self._changed:
            self._ensure_running()
            self._watches[watch] = threading.get_ident()
        try:
            yield
        finally:
            with self._changed:
                self._watches.pop(watch, None)
                ending = None if self._watches else self._ear
                if ending is not None:
                    self._ear = None
            if ending is not None:
                ending.end()

    def look(self) -> None:
        """Signal what was committed until now; without a connection, nothing."""
        with self._changed:
            if self._watches:
                with suppress(StoreError):
                    self._ensure_running()
            ear = self._ear
        if ear is not None:
            ear.look()

    def _ensure_running(self) -> None:
        # After a fork there is none in the child.
        if self._ear is None or not self._ear.is_alive:
            dead, self._ear = self._ear, _Ear(self._transactions)
            if dead is not None:
                dead.end()
                # What was committed since it ended may have been missed.
                self._transactions.signal.notify()

    def _begin_child(self) -> None:
        # Of the threads only the one that forked is here, and of the watches its own.
        me = threading.get_ident()
        self._watches = {watch: of for watch, of in self._watches.items() if of == me}
        self._changed = threading.Lock()
        self._ear = None


class _Ear:
    """A thread with a connection that listens."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        connection = self._connect()
        try:
            self._snapshot = self._look(connection)
        except BaseException:
            connection.close()
            raise
        self._connection: Connection | None = connection
        self._hears, self._calls = socket.socketpair()
        self._hears.setblocking(False)
        self._answered = threading.Condition()
        self._asked = self._looked = 0
        self._ending = False
        self._thread = threading.Thread(target=self._run, name="memva watch", daemon=True)
        self._thread.start()

    @property
    def is_alive(self) -> bool:
        """Whether it listens still: what nobody foresaw may have ended it."""
        return self._thread.is_alive()

    def look(self) -> None:
        """Return once a look has been taken that began after this was called."""
        with self._answered:
            self._asked += 1
            mine = self._asked
            if self._looked < mine:
                self._calls.send(b"?")
            self._answered.wait_for(lambda: self._looked >= mine, _ANSWER_SECONDS)

    def end(self) -> None:
        """End the thread and close the connection."""
        self._ending = True
        self._calls.send(b".")
        self._thread.join()
        self._hears.close()
        self._calls.close()

    def _run(self) -> None:
        try:
            while not (self._ending or self._transactions.pool.is_closed):
                self._wait()
                with self._answered:
                    asked = self._asked
                self._look_or_reconnect()
                with self._answered:
                    self._looked = asked
                    self._answered.notify_all()
        finally:
            if self._connection is not None:
                self._connection.close()
            with self._answered:
                # Who asks from here on is not kept waiting.
                self._looked = 2**63
                self._answered.notify_all()

    def _wait(self) -> None:
        """Wait until the server or a thread has something to say, or it is time for a look."""
        with DefaultSelector() as selector:
            selector.register(self._hears, EVENT_READ)
            if self._connection is not None:
                selector.register(self._connection, EVENT_READ)
            ready = selector.select(
                _RECONNECT_SECONDS if self._connection is None else _LOOK_SECONDS
            )
        if any(key.fileobj is self._hears for key, _ in ready):
            self._hears.recv(4096)

    def _look_or_reconnect(self) -> None:
        try:
            if self._connection is None:
                self._connection = self._connect()
            snapshot = self._look(self._connection)
        except StoreError:
            if self._connection is None:
                return
            _log.warning("the connection that listens was lost; opening another", exc_info=True)
            self._connection.close()
            self._connection = None
            snapshot = ""
        if snapshot != self._snapshot:
            self._snapshot = snapshot
            self._transactions.signal.notify()

    def _connect(self) -> Connection:
        connection = self._transactions.pool.open_apart()
        try:
            # What is told is of no interest, only that it is; else it would be kept.
            connection.add_notify_handler(lambda _: None)
            connection.script(f"LISTEN {self._transactions.names.channel}")
        except BaseException:
            connection.close()
            raise
        return connection

    @staticmethod
    def _look(connection: Connection) -> str:
        [(snapshot,)] = connection.rows(_SNAPSHOT)
        return str(snapshot)


class PostgresWatch:
    """Tells a waiting thread of commits; `memva.domain.abilities.Watch` says what it does."""

    def __init__(self, transactions: Transactions, listener: Listener) -> None:
        self._transactions = transactions
        self._listener = listener
        self._signal = transactions.signal
        self._seen = self._signal.count

    def wait(self, timeout: float) -> bool:
        """Return True as soon as something was committed, or False after `timeout` seconds."""
        before = self._signal, self._seen
        self._seen = self._signal.wait(self._seen, timeout)
        if self._seen == before[1]:
            # The time is over: what was committed until now is told all the same.
            self._listener.look()
            # A fork has begun another count.
            self._signal = self._transactions.signal
            self._seen = self._signal.count
        if self._transactions.pool.is_closed:
            raise StoreUnavailable("the store is closed")
        return before != (self._signal, self._seen)
