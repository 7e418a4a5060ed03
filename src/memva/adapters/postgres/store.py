"""The store in a PostgreSQL database: opening it, and what it is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import datetime
from typing import Final

from memva.adapters.no_search import NoSearch
from memva.adapters.postgres.checking import checked
from memva.adapters.postgres.clock import DatabaseClock
from memva.adapters.postgres.connection import Connection, check_url
from memva.adapters.postgres.counts import PostgresCounts
from memva.adapters.postgres.cursors import PostgresCursors
from memva.adapters.postgres.events import PostgresEvents
from memva.adapters.postgres.jobs import PostgresJobs
from memva.adapters.postgres.migrations import migrate
from memva.adapters.postgres.names import Names, check_schema
from memva.adapters.postgres.pool import Pool
from memva.adapters.postgres.search import PostgresSearch
from memva.adapters.postgres.sessions import PostgresSessions
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.postgres.transcripts import PostgresTranscripts
from memva.adapters.postgres.watch import Listener, PostgresWatch
from memva.domain.abilities import SearchRepository, Watch
from memva.domain.errors import InvalidValue
from memva.domain.finding import Finding

_MIN_CONNECTIONS: Final = 1
_MAX_CONNECTIONS: Final = 8
_LONGEST_WAIT: Final = 2_147_483
"""In seconds: PostgreSQL counts milliseconds, and no further."""


class PostgresStore:
    """A store in a schema of a PostgreSQL database, shared between threads, processes, machines.

    Open it with `PostgresStore.open`; use it in a `with` block or close it.
    """

    def __init__(
        self, pool: Pool, names: Names, *, search: bool, clock: Callable[[], datetime] | None
    ) -> None:
        self.schema = names.schema
        self._pool = pool
        self._transactions = Transactions(pool, names)
        self._listener = Listener(self._transactions)
        self._clock = DatabaseClock(self._transactions) if clock is None else clock
        self.sessions = PostgresSessions(self._transactions, self._clock)
        self.events = PostgresEvents(self._transactions)
        self.jobs = PostgresJobs(self._transactions, self._clock)
        self.cursors = PostgresCursors(self._transactions)
        self.search: SearchRepository = PostgresSearch(self._transactions) if search else NoSearch()
        self.counts = PostgresCounts(self._transactions)
        self.transcripts = PostgresTranscripts(self._transactions, self._clock)

    @classmethod
    def open(
        cls,
        url: str,
        *,
        schema: str = "memva",
        min_connections: int = _MIN_CONNECTIONS,
        max_connections: int = _MAX_CONNECTIONS,
        busy_timeout: float = 30.0,
        search: bool = True,
        clock: Callable[[], datetime] | None = None,
    ) -> PostgresStore:
        """Open the store in a schema of the database at `url`; make the schema where there is none.

        Its role needs no rights but to connect, and to make the schema, or to make tables in it
        where it is there already.

        Args:
            url: The database, `postgresql://…` or as libpq writes it.
            schema: The schema, which is memva's alone.
            min_connections: How many connections are kept open.
            max_connections: How many there are at most, but for those that are reserved or watch.
            busy_timeout: How many seconds a call waits for other writers, or for a connection,
                before `StoreBusy`. With 0 it waits for none, but a second for a connection that
                may be opened. Where none could be, one more is tried, which tells why.
            search: Whether events can be searched; opened with it later, the index is built then.
            clock: Tells the present moment, aware and in UTC; the database's clock where None.

        Raises:
            InvalidValue: An argument has a value that it cannot have.
            StoreIncompatible: The schema is another application's or a newer memva's.
            StoreUnavailable: The server cannot be reached, or the role may not make the schema.
            StoreError: It cannot be opened for another reason.
        """
        check_url(url)
        check_schema(schema)
        if not 0 <= min_connections <= max_connections or max_connections < 1:
            rule = f"must be 1 or more, and not below min_connections, {min_connections}"
            raise InvalidValue("max_connections", max_connections, rule)
        if not 0 <= busy_timeout <= _LONGEST_WAIT:
            rule = f"must be 0 to {_LONGEST_WAIT:,} seconds"
            raise InvalidValue("busy_timeout", busy_timeout, rule)
        names = Names(schema)
        first = Connection.open(url, schema=schema, busy_timeout=busy_timeout)
        try:
            migrate(first, names)
        finally:
            first.close()
        pool = Pool(
            url,
            schema=schema,
            min_size=min_connections,
            max_size=max_connections,
            busy_timeout=busy_timeout,
        )
        return cls(pool, names, search=search, clock=clock)

    def now(self) -> datetime:
        """Return the present moment of its clock."""
        return self._clock()

    def transaction(self) -> AbstractContextManager[None]:
        """Make all calls inside the block one unit."""
        return self._transactions.transaction()

    def snapshot(self) -> AbstractContextManager[None]:
        """Make all reads inside the block see the store at one moment."""
        return self._transactions.snapshot()

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watch for commits of anyone's; while somebody does, a connection listens."""
        with self._listener.listening():
            yield PostgresWatch(self._transactions, self._listener)

    def check(self, *, thorough: bool = False) -> list[Finding]:
        """Return what is wrong with its schema, the worst first; `thorough` looks no further."""
        with self._transactions.reading() as connection:
            return checked(connection, self.schema)

    def reserved(self) -> AbstractContextManager[None]:
        """Keep a connection free for the calls of this thread."""
        return self._pool.reserved()

    def close(self) -> None:
        """Close every connection; those in use are closed when their call ends."""
        self._pool.close()
        # Whoever watches is told.
        self._transactions.signal.notify()

    def __enter__(self) -> PostgresStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
