"""Where benchmarks put what they keep in PostgreSQL: schemas of a server of their own."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any, Final, LiteralString, TypeAlias

import psycopg
from psycopg import sql
from tests.postgres import running_server, url_with

RawConnection: TypeAlias = psycopg.Connection[tuple[Any, ...]]

# As memva has it: each statement goes by an index, and is planned once.
_SETTINGS: Final = """
    SET enable_seqscan = off;
    SET enable_bitmapscan = off;
    SET plan_cache_mode = force_generic_plan;
    SET jit = off;
    SET search_path = {}
"""


class Schemas:
    """Schemas of a server, each new.

    Attributes:
        url: The server's database; what is committed there is on disk.
        quick_url: The same, where a commit does not wait for the disk.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.quick_url = _with_settings(url, synchronous_commit="off")
        self._numbers = count()

    @contextmanager
    def new(self) -> Iterator[str]:
        """Give the name of an empty schema, which goes when the block ends."""
        name = f"memva_{next(self._numbers)}"
        self._run("CREATE SCHEMA {}", name)
        try:
            yield name
        finally:
            self._run("DROP SCHEMA {} CASCADE", name)

    def url_in(self, schema: str) -> str:
        """Return the URL at which what is not named in full is in a schema."""
        return _with_settings(self.url, search_path=schema)

    def _run(self, statement: LiteralString, schema: str) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute("SET client_min_messages = error")
            connection.execute(sql.SQL(statement).format(sql.Identifier(schema)))


@contextmanager
def open_schemas() -> Iterator[Schemas]:
    """Give schemas of a server that is as a host's would be: no setting trades safety for speed."""
    with running_server(durable=True) as url:
        yield Schemas(url)


def connect(url: str, schema: str) -> RawConnection:
    """Connect as the floor does: plain psycopg, each statement prepared at its first use."""
    connection = psycopg.connect(url, autocommit=True)
    connection.execute(sql.SQL(_SETTINGS).format(sql.Identifier(schema)))
    connection.prepare_threshold = 0
    return connection


def _with_settings(url: str, **settings: str) -> str:
    options = " ".join(f"-c{name}={value}" for name, value in settings.items())
    return url_with(url, options=options)
