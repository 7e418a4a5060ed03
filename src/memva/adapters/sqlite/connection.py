"""A connection to one SQLite file: how it is set up, waits for locks, and is dropped."""

from __future__ import annotations

import ctypes
import random
import sqlite3
import time
from collections.abc import Callable, Generator, Iterable, Mapping, Sequence
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, NoReturn, TypeAlias, TypeVar, cast

from memva.adapters.sqlite.errors import is_busy, translate
from memva.domain.errors import StoreError, StoreUnavailable
from memva.domain.text import folded

_T = TypeVar("_T")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_POLL_SECONDS: Final = 0.002
WAL_LIMIT: Final = 64 * 1024 * 1024
"""How many bytes the write-ahead log may have once it has been begun anew."""

_SETTINGS: Final = (
    "PRAGMA foreign_keys = ON",
    f"PRAGMA journal_size_limit = {WAL_LIMIT}",
    # These two matter on macOS alone, where fsync does not reach the disk.
    "PRAGMA fullfsync = ON",
    "PRAGMA checkpoint_fullfsync = ON",
)


class Connection:
    """One connection: it fetches every row, waits for locks and raises `StoreError`s."""

    def __init__(self, path: Path, *, synchronous: str, busy_timeout: float) -> None:
        self._busy_timeout = busy_timeout
        self._swollen = False
        # The thread that it is in use by; the pool keeps it.
        self.thread = 0
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
        try:
            self.raw.create_function("folded", 1, _folded, deterministic=True)
            for setting in (*_SETTINGS, f"PRAGMA synchronous = {synchronous}"):
                self.rows(setting)
        except BaseException:
            self.raw.close()
            raise

    def rows(self, sql: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return all of its rows."""
        try:
            # Unfetched rows would keep the statement, and with it the lock, open.
            return self.raw.execute(sql, parameters).fetchall()
        except sqlite3.Error as error:
            return self._again(error, lambda: self.raw.execute(sql, parameters).fetchall())

    def each(self, sql: str, parameters: Parameters = ()) -> Generator[Row, None, None]:
        """Yield the rows of a statement, so that many long ones are not held at once.

        Only inside a transaction; close it where not every row is taken.
        """
        try:
            with closing(self.raw.execute(sql, parameters)) as cursor:
                yield from cursor
        except sqlite3.Error as error:
            raise translate(error) from error

    def mapped(self, sql: str, parameters: Parameters, make: Callable[[Row], _T]) -> list[_T]:
        """Run a statement and return what `make` makes of each row; no two are held at once."""

        def attempt() -> list[_T]:
            return [make(row) for row in self.raw.execute(sql, parameters)]

        try:
            return attempt()
        except sqlite3.Error as error:
            return self._again(error, attempt)

    def run(self, sql: str, parameters: Parameters = ()) -> int:
        """Run a statement that returns no rows; return how many it changed."""
        try:
            return self.raw.execute(sql, parameters).rowcount
        except sqlite3.Error as error:
            return self._again(error, lambda: self.raw.execute(sql, parameters).rowcount)

    def run_many(self, sql: str, rows: Iterable[Parameters]) -> int:
        """Run a statement for each of `rows`, inside a transaction; return how many it changed."""
        try:
            return self.raw.executemany(sql, rows).rowcount
        except sqlite3.Error as error:
            raise translate(error) from error

    def insert_many(self, sql: str, rows: Sequence[Parameters]) -> int:
        """Insert `rows` inside a transaction; return the number that the last of them got."""
        try:
            if len(rows) == 1:
                return cast("int", self.raw.execute(sql, rows[0]).lastrowid)
            self.raw.executemany(sql, rows)
            [(last,)] = self.raw.execute("SELECT last_insert_rowid()").fetchall()
            return int(last)
        except sqlite3.Error as error:
            raise translate(error) from error

    def begin_at_once(self) -> bool:
        """Begin a transaction that writes, or return False where another one is in the way."""
        try:
            self.raw.execute("BEGIN IMMEDIATE")
        except sqlite3.Error as error:
            if is_busy(error):
                return False
            raise translate(error) from error
        return True

    def let_go(self, sql: str, nothing: Parameters) -> None:
        """Make SQLite let go of the long row that `sql` was run with last.

        It keeps what was bound until the statement runs again. `nothing` is a row that the table
        refuses before anything is written.
        """
        with suppress(sqlite3.Error):
            self.raw.execute(sql, nothing)
        self._swollen = True

    def shrink(self) -> None:
        """Give back the memory that long rows took; outside a transaction."""
        if self._swollen:
            self.rows("PRAGMA shrink_memory")
            self._swollen = False

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

    def leave_to_parent(self) -> None:
        """Make every use an error: this process was forked while the connection was in use."""
        # Closed here, it would undo what the parent does; this keeps even the interpreter's end
        # from closing it.
        ctypes.pythonapi.Py_IncRef(ctypes.py_object(self.raw))
        self.raw = cast("sqlite3.Connection", _Gone())

    def roll_back(self) -> None:
        """Undo what is open, without an error; an error may have ended the transaction already."""
        try:
            if self.raw.in_transaction:
                self.run("ROLLBACK")
        except StoreError:
            # A connection whose transaction stays open is not used again.
            return

    def close(self) -> None:
        """Close the connection."""
        self.raw.close()


def _folded(text: str | None) -> str | None:
    return None if text is None else folded(text)


class _Gone:
    """What stands for a connection that is the parent's."""

    def __getattr__(self, _: str) -> NoReturn:
        raise StoreUnavailable("this transaction belongs to the process that this one forked from")
