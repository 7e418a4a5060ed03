"""Connections to one SQLite file: how they are set up, kept, waited for and dropped."""

from __future__ import annotations

import os
import random
import sqlite3
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar

from memva.adapters.sqlite.errors import is_busy, translate
from memva.domain.errors import StoreBusy, StoreUnavailable

_T = TypeVar("_T")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_POLL_SECONDS: Final = 0.002
_WAL_LIMIT: Final = 64 * 1024 * 1024

_SETTINGS: Final = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA journal_size_limit = {_WAL_LIMIT}",
    # These two matter on macOS alone, where fsync does not reach the disk.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
)

_abandoned: Final[list[sqlite3.Connection]] = []
"""Connections that a fork brought along: closing them here could unlock the parent's."""


class Connection:
    """One connection: it fetches every row, waits for locks and raises `StoreError`s."""

    def __init__(self, path: Path, *, synchronous: str, busy_timeout: float) -> None:
        self._busy_timeout = busy_timeout
        try:
            # The busy handler is off: it lets one process starve the others for seconds.
            # Threads take turns with a connection, so that SQLite's own check is not needed.
            self.raw = sqlite3.connect(
                path,
                timeout=0,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=256,
            )
        except sqlite3.Error as error:
            raise translate(error) from error
        for setting in (*_SETTINGS, f"PRAGMA synchronous = {synchronous}"):
            self.rows(setting)

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return all of its rows."""
        try:
            # Unfetched rows would keep the statement, and with it the lock, open.
            return self.raw.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            return self._again(error, lambda: self.raw.execute(sql, parameters).fetchall())

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that returns no rows; return how many it changed."""
        try:
            return self.raw.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            return self._again(error, lambda: self.raw.execute(sql, parameters).rowcount)

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> None:
        """Run a statement once for each of `rows`, inside a transaction."""
        try:
            self.raw.executemany(sql, rows)
        except sqlite3.Error as error:
            raise translate(error) from error

    def _again(self, error: sqlite3.Error, attempt: Callable[[], _T]) -> _T:
        """Try again for as long as it is a lock that stands in the way."""
        give_up = time.monotonic() + self._busy_timeout
        while is_busy(error) and time.monotonic() < give_up:
            # Jitter keeps waiting processes from knocking in step.
            time.sleep(_POLL_SECONDS * random.uniform(0.5, 1.5))
            try:
                return attempt()
            except sqlite3.Error as next_error:
                error = next_error
        raise translate(error) from error

    def roll_back(self) -> None:
        """Undo what is open; errors that end a transaction may have done so already."""
        if self.raw.in_transaction:
            self.rows("ROLLBACK")

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


class Pool:
    """A bounded number of connections, opened when first needed and kept."""

    def __init__(self, open_connection: Callable[[], Connection], *, size: int, timeout: float):
        self._open = open_connection
        self._size = size
        self._timeout = timeout
        self._closed = False
        self._begin_process()

    def acquire(self) -> Connection:
        """Return a connection that is the caller's until `release`.

        Raises:
            StoreBusy: All were in use until the wait ran out.
            StoreUnavailable: The pool is closed, or the file cannot be opened.
        """
        if self._process != os.getpid():
            self._leave_to_parent()
        if self._closed:
            raise StoreUnavailable("the store is closed")
        try:
            return self._idle.pop()
        except IndexError:
            return self._open_or_wait()

    def release(self, connection: Connection) -> None:
        """Give a connection back; one with an open transaction is not used again."""
        if self._process != os.getpid():
            _abandoned.append(connection.raw)
            return
        if self._closed or connection.raw.in_transaction:
            connection.close()
            with self._changed:
                self._opened -= 1
                self._changed.notify()
            return
        self._idle.append(connection)
        if self._waiting:
            with self._changed:
                self._changed.notify()

    def close(self) -> None:
        """Close the connections; those in use are closed when they are given back."""
        if self._process != os.getpid():
            self._leave_to_parent()
        self._closed = True
        while self._idle:
            self._idle.pop().close()

    def _open_or_wait(self) -> Connection:
        give_up = time.monotonic() + self._timeout
        with self._changed:
            self._waiting += 1
            try:
                while self._opened >= self._size:
                    if self._idle:
                        return self._idle.pop()
                    if not self._changed.wait(give_up - time.monotonic()):
                        raise StoreBusy(f"all {self._size} connections were in use")
                self._opened += 1
            finally:
                self._waiting -= 1
        try:
            return self._open()
        except BaseException:
            with self._changed:
                self._opened -= 1
                self._changed.notify()
            raise

    def _begin_process(self) -> None:
        self._process = os.getpid()
        self._idle: list[Connection] = []
        self._opened = 0
        self._waiting = 0
        self._changed = threading.Condition(threading.Lock())

    def _leave_to_parent(self) -> None:
        _abandoned.extend(connection.raw for connection in self._idle)
        self._begin_process()


class WalKeeper:
    """Keeps the write-ahead log bounded.

    SQLite's own checkpoints copy the log into the file but cannot begin it anew while any reader
    uses it, so that readers who always overlap let it grow for ever. Past the limit a checkpoint
    is asked to wait for the readers of the moment, while new ones read the file itself.
    """

    _PAUSE_SECONDS = 1.0
    _WAIT_MILLISECONDS = 100

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(f"{path.name}-wal")
        self._next = 0.0

    def after_commit(self, connection: Connection) -> None:
        """Begin the log anew where it has outgrown its limit; looks not more than once a second."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + self._PAUSE_SECONDS
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size <= _WAL_LIMIT:
            return
        connection.rows(f"PRAGMA busy_timeout = {self._WAIT_MILLISECONDS}")
        connection.rows("PRAGMA wal_checkpoint(RESTART)")
        connection.rows("PRAGMA busy_timeout = 0")
