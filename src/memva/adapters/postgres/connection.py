"""A connection to a PostgreSQL database: how it is set up, and what it raises."""

from __future__ import annotations

import math
import os
import socket
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

import psycopg
from psycopg import sql
from psycopg.pq import Conninfo, TransactionStatus
from psycopg.types.numeric import Int8BinaryDumper, Int8Dumper

from memva.adapters.postgres.errors import translate
from memva.adapters.postgres.pooler import check_pooler
from memva.adapters.postgres.sockets import is_readable
from memva.domain.errors import InvalidValue, StoreError, StoreIncompatible, StoreUnavailable

_T = TypeVar("_T")
Row: TypeAlias = tuple[Any, ...]
Parameters: TypeAlias = Sequence[object] | Mapping[str, object]

_OLDEST_SERVER: Final = 150_000

# Every statement goes by an index and touches few rows. Statistics, which of a queue are always
# old, would now and then make the planner read a whole table instead.
_SETTINGS: Final = """
    SET timezone = 'UTC';
    SET datestyle = 'ISO';
    SET client_encoding = 'UTF8';
    SET client_min_messages = warning;
    SET default_transaction_isolation = 'read committed';
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET enable_hashjoin = off;
    SET enable_mergejoin = off;
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;
    SET lock_timeout = {lock_timeout};
    SET search_path = {schema}
"""

# A network that is cut says nothing. What was sent and not taken, or a server that is asked whether
# it is there still and does not answer, ends the connection after 15 seconds, and not after hours.
_ENDS_WHAT_IS_CUT: Final[dict[str, str]] = {
    "connect_timeout": "10",
    "keepalives_idle": "5",
    "keepalives_interval": "5",
    "keepalives_count": "2",
    "tcp_user_timeout": "15000",
}

if TYPE_CHECKING:
    _Base = psycopg.Connection[Row]
else:
    _Base = psycopg.Connection


class Connection(_Base):
    """One connection: each statement is a transaction of its own, but inside a block of several.

    What goes wrong in its own methods is raised as a `StoreError`.
    """

    @classmethod
    def open(cls, url: str, *, schema: str, busy_timeout: float) -> Connection:
        """Open a connection and set it up.

        Raises:
            StoreIncompatible: The database cannot hold all text.
            StoreError: It cannot be opened, the server is too old, or a pooler keeps no sessions.
        """
        try:
            options = connect_options(url)
            connection = cls.connect(url, **options)
            try:
                _check_server(connection)
                check_pooler(connection, url, options)
                connection.set_up(schema=schema, busy_timeout=busy_timeout)
            except BaseException:
                connection.close()
                raise
        except psycopg.Error as error:
            raise translate(error) from error
        return connection

    def set_up(self, *, schema: str, busy_timeout: float) -> None:
        """Make it as memva's statements expect it to be."""
        # One type for all numbers: a statement is prepared once, whatever their size, and the rows
        # of a batch agree in it.
        self.adapters.register_dumper(int, Int8Dumper)
        self.adapters.register_dumper(int, Int8BinaryDumper)
        settings = sql.SQL(_SETTINGS).format(
            schema=sql.Identifier(schema),
            lock_timeout=sql.Literal(f"{_milliseconds(busy_timeout)}ms"),
        )
        self.script(settings.as_string(self))

    def rows(self, statement: str, parameters: Parameters = ()) -> list[Row]:
        """Run a statement and return all of its rows."""
        try:
            return self.execute(statement, parameters).fetchall()
        except psycopg.Error as error:
            raise translate(error) from error

    def mapped(self, statement: str, parameters: Parameters, make: Callable[[Row], _T]) -> list[_T]:
        """Run a statement and return what `make` makes of each row."""
        try:
            return list(map(make, self.execute(statement, parameters)))
        except psycopg.Error as error:
            raise translate(error) from error

    def run(self, statement: str, parameters: Parameters = ()) -> int:
        """Run a statement that returns no rows; return how many it changed."""
        try:
            return self.execute(statement, parameters).rowcount
        except psycopg.Error as error:
            raise translate(error) from error

    def run_many(self, statement: str, rows: Iterable[Parameters]) -> int:
        """Run a statement for each of `rows`, inside a block; return how many it changed."""
        try:
            with self.cursor() as cursor:
                cursor.executemany(statement, rows)
                return cursor.rowcount
        except psycopg.Error as error:
            raise translate(error) from error

    def script(self, statements: str) -> None:
        """Run statements without parameters, in one step."""
        try:
            self.execute(statements, prepare=False)
        except psycopg.Error as error:
            raise translate(error) from error

    @property
    def is_idle(self) -> bool:
        """Whether it is open and in no transaction."""
        return self.info.transaction_status == TransactionStatus.IDLE

    @property
    def is_cut(self) -> bool:
        """Whether the server has hung up, as far as can be told without asking it."""
        try:
            # An idle connection has nothing to read, but a warning now and then.
            while not self.closed and is_readable(self):
                self.pgconn.consume_input()
        except psycopg.OperationalError:
            self.close()
        return self.closed

    @property
    def is_in_transaction(self) -> bool:
        """Whether it is in a transaction that no error has spoilt."""
        return self.info.transaction_status == TransactionStatus.INTRANS

    def end_snapshot(self) -> None:
        """End a transaction that has read alone; one that is broken ends without an error."""
        if self.is_in_transaction:
            self.script("COMMIT")

    def roll_back(self) -> None:
        """Undo what is open, without an error; a connection that stays in it is not used again."""
        try:
            if not (self.closed or self.is_idle):
                self.script("ROLLBACK")
        except StoreError:
            return

    def leave_to_parent(self) -> None:
        """Make every use an error: this process was forked while the connection was open."""
        # What is written to the server from here would get into what the parent says to it. In the
        # place of the socket comes one that nobody listens to.
        ours, theirs = socket.socketpair()
        try:
            os.dup2(ours.fileno(), self.fileno())
        except psycopg.Error:
            # It was closed.
            return
        finally:
            ours.close()
            theirs.close()


def _milliseconds(seconds: float) -> int:
    # 0 would be no limit.
    return max(1, math.ceil(seconds * 1_000))


def _check_server(connection: Connection) -> None:
    if connection.info.server_version < _OLDEST_SERVER:
        oldest = _OLDEST_SERVER // 10_000
        version = connection.info.parameter_status("server_version")
        raise StoreUnavailable(f"PostgreSQL {oldest} or newer is needed, not {version}")
    encoding = connection.info.parameter_status("server_encoding")
    if encoding != "UTF8":
        raise StoreIncompatible(f"the database is encoded as {encoding}; it must be UTF8")


def connect_options(url: str) -> dict[str, Any]:
    """Return with which options memva connects to `url`, beside those that the host has given.

    What the URL names, the environment or its service's file, stays as it is. A service that the
    URL names says all for itself but how long connecting may take: psycopg sees to that, which
    does not read the file.
    """
    named = set(psycopg.conninfo.conninfo_to_dict(url))
    defaults = {
        each.keyword.decode(): each.val.decode()
        for each in Conninfo.get_defaults()
        if each.val is not None
    }
    options: dict[str, Any] = {"autocommit": True}
    for name, value in _ENDS_WHAT_IS_CUT.items():
        if name == "connect_timeout" and name not in named:
            options[name] = defaults.get(name, value)
        elif "service" not in named and name not in named and name not in defaults:
            options[name] = value
    return options


def check_url(url: str) -> None:
    """Raise `InvalidValue` where `url` names no database; the error does not tell its password."""
    try:
        psycopg.conninfo.conninfo_to_dict(url)
    except psycopg.ProgrammingError as error:
        rule = "must be postgresql://… or as libpq writes it"
        raise InvalidValue("url", "what was given", rule) from error
