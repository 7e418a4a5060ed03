"""The store on one SQLite file: opening it, and what it is made of."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from pathlib import Path
from typing import Final, Literal, TypeAlias, cast, get_args

from memva.adapters.no_search import NoSearch
from memva.adapters.sqlite.backup import back_up
from memva.adapters.sqlite.checking import checked, examined
from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.counts import SqliteCounts
from memva.adapters.sqlite.cursors import SqliteCursors
from memva.adapters.sqlite.events import SqliteEvents
from memva.adapters.sqlite.identity import check_is_memvas
from memva.adapters.sqlite.jobs import SqliteJobs
from memva.adapters.sqlite.migrations import MIGRATIONS, migrate
from memva.adapters.sqlite.pool import Pool
from memva.adapters.sqlite.search import SqliteSearch
from memva.adapters.sqlite.search_index import SearchIndex, prepare_search
from memva.adapters.sqlite.sessions import SqliteSessions
from memva.adapters.sqlite.transactions import Transactions
from memva.adapters.sqlite.transcripts import SqliteTranscripts
from memva.adapters.sqlite.wal import WalKeeper
from memva.adapters.sqlite.watch import SqliteWatch
from memva.domain.abilities import SearchRepository, Watch
from memva.domain.errors import InvalidValue, StoreUnavailable
from memva.domain.finding import Finding
from memva.domain.time import utc_now

Durability: TypeAlias = Literal["full", "normal"]
"""`full`: what was committed is on disk. `normal`: a power cut may lose the last commits whole."""

_MAX_CONNECTIONS: Final = 8
_OLDEST_SQLITE: Final = (3, 35, 0)


class SqliteStore:
    """A store on one SQLite file, shared between threads and processes.

    Open it with `SqliteStore.open`; use it in a `with` block or close it.
    """

    def __init__(
        self,
        path: Path,
        pool: Pool,
        *,
        clock: Callable[[], datetime],
        busy_timeout: float,
        search: bool,
    ) -> None:
        self.path = path
        self._pool = pool
        self._clock = clock
        self._transactions = Transactions(pool, WalKeeper(path), busy_timeout=busy_timeout)
        index = SearchIndex(kept=search)
        self.sessions = SqliteSessions(self._transactions, clock, index)
        self.events = SqliteEvents(self._transactions, index)
        self.jobs = SqliteJobs(self._transactions, clock)
        self.cursors = SqliteCursors(self._transactions)
        self.search: SearchRepository = (
            SqliteSearch(self._transactions, index) if search else NoSearch()
        )
        self.counts = SqliteCounts(self._transactions)
        self.transcripts = SqliteTranscripts(self._transactions, clock, index)

    @classmethod
    def open(
        cls,
        path: str | os.PathLike[str],
        *,
        durability: Durability = "full",
        busy_timeout: float = 30.0,
        search: bool = True,
        clock: Callable[[], datetime] = utc_now,
    ) -> SqliteStore:
        """Open the store at `path`; make it where there is none.

        A new file may be read by its owner alone, and so may a folder that is made for it.

        Args:
            path: The file.
            durability: `full`, or `normal`, which is faster and keeps the file sound, but may
                lose the last commits when the machine, not the program, goes down.
            busy_timeout: How many seconds a call waits for other writers before `StoreBusy`.
            search: Whether events can be searched. Without it appending is quicker, and the file
                smaller; opened with it later, the index is built when it is needed.
            clock: Tells the present moment, aware and in UTC.

        Raises:
            InvalidValue: An argument has a value that it cannot have.
            StoreIncompatible: The file is another application's or a newer memva's.
            SearchUnavailable: SQLite was built without FTS5; leave search out.
            StoreError: It cannot be opened for another reason.
        """
        if durability not in get_args(Durability):
            raise InvalidValue("durability", durability, "must be full or normal")
        if os.fspath(path) in ("", ":memory:"):
            raise InvalidValue("path", path, "must be a file; for memory there is MemoryStore")
        if sqlite3.sqlite_version_info < _OLDEST_SQLITE:
            oldest = ".".join(map(str, _OLDEST_SQLITE))
            raise StoreUnavailable(
                f"SQLite {oldest} or newer is needed, not {sqlite3.sqlite_version}"
            )
        file = Path(path).absolute()
        _make_private(file)
        check_is_memvas(file, newest=len(MIGRATIONS))

        def connect() -> Connection:
            return Connection(file, synchronous=durability, busy_timeout=busy_timeout)

        pool = Pool(file, connect, size=_MAX_CONNECTIONS, timeout=busy_timeout)
        first = pool.acquire()
        try:
            migrate(first, file)
            # Only now, so that the file's header tells whose it is before there is a log.
            [(mode,)] = first.rows("PRAGMA journal_mode = WAL")
            if mode != "wal":
                raise StoreUnavailable(f"{file} is where SQLite cannot keep a write-ahead log")
            if search:
                prepare_search(first)
        except BaseException:
            pool.close()
            raise
        finally:
            pool.release(first)
        return cls(file, pool, clock=clock, busy_timeout=busy_timeout, search=search)

    def now(self) -> datetime:
        """Return the present moment of its clock."""
        return self._clock()

    def transaction(self) -> AbstractContextManager[None]:
        """Make all calls inside the block one unit."""
        # What it gives is a connection, which is no concern of the caller's.
        return cast("AbstractContextManager[None]", self._transactions.writing())

    def snapshot(self) -> AbstractContextManager[None]:
        """Make all reads inside the block see the store at one moment."""
        return self._transactions.snapshot()

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watch for commits of any process."""
        yield SqliteWatch(self._transactions)

    def reserved(self) -> AbstractContextManager[None]:
        """Keep a connection free for the calls of this thread."""
        return self._pool.reserved()

    def check(self, *, thorough: bool = False) -> list[Finding]:
        """Return what is wrong with the file, the worst first: damage, arrears, too little room."""
        with self._transactions.apart() as connection:
            return checked(connection.raw, self.path, thorough=thorough)

    @staticmethod
    def examine(path: str | os.PathLike[str], *, thorough: bool = False) -> list[Finding]:
        """Return what is wrong with a file, whether it can be opened as a store or not.

        It is for files that `open` refuses, too: of another application, of a newer memva, damaged.
        The file is read and no more. Otherwise it finds what `check` does.

        Args:
            path: The file.
            thorough: Whether indexes are compared with their tables, which takes longer.

        Raises:
            StoreBusy: Somebody keeps it locked.
        """
        return examined(Path(path).absolute(), thorough=thorough)

    def backup(
        self,
        path: str | os.PathLike[str],
        *,
        on_progress: Callable[[int, int], None] | None = None,
    ) -> None:
        """Copy the store, as it is at one moment, to a new file, and check the copy.

        Writers go on meanwhile. The copy appears at `path` only when it is whole and sound.

        Args:
            path: The new file.
            on_progress: Told how many of how many pages are copied.

        Raises:
            InvalidValue: There is something at `path` already.
            StoreCorrupt: The copy is not sound, as the store itself is damaged.
            StoreError: It cannot be written.
        """
        with self._transactions.apart() as connection:
            back_up(connection, Path(path).absolute(), on_progress=on_progress)

    def close(self) -> None:
        """Close every connection; those in use are closed when their call ends."""
        self._pool.close()

    def __enter__(self) -> SqliteStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _make_private(file: Path) -> None:
    """Make an empty file, and the folders above it, that the owner alone may read."""
    try:
        missing = [folder for folder in file.parents if not folder.exists()]
        for folder in reversed(missing):
            folder.mkdir(mode=0o700, exist_ok=True)
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(f"{file} cannot be made: {error.strerror}") from error
