"""The schema of a PostgreSQL store: made once, refused where it is not memva's, beside others."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString

import psycopg
import pytest
from psycopg import sql
from tests.postgres import Schemas, Server

from memva import InvalidValue, StoreIncompatible, StoreUnavailable
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres import connection as postgres_connection
from memva.adapters.postgres.migrations import MIGRATIONS
from memva.domain import SessionQuery
from memva.testing import sample_session
from memva.testing.contract.forks import forked


@pytest.fixture
def new_schema(postgres_schemas: Schemas) -> Iterator[str]:
    """Give the name of a schema that is not there."""
    with postgres_schemas.own(fresh=True) as schema:
        yield schema


def run(url: str, statement: LiteralString, schema: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url, autocommit=True) as connection:
        cursor = connection.execute(sql.SQL(statement).format(sql.Identifier(schema)))
        return cursor.fetchall() if cursor.description else []


@contextmanager
def not_allowed_to_make_schemas(url: str) -> Iterator[None]:
    """Take the right to make schemas from the role, which owns the database and may do so.

    Nobody else may use the database meanwhile.
    """
    run(url, "REVOKE CREATE ON DATABASE {} FROM CURRENT_USER", database(url))
    try:
        yield
    finally:
        run(url, "GRANT CREATE ON DATABASE {} TO CURRENT_USER", database(url))


def database(url: str) -> str:
    with psycopg.connect(url) as connection:
        return connection.info.dbname


def test_ten_processes_may_make_the_schema_at_once(postgres_url: str, new_schema: str) -> None:
    reader, writer = os.pipe()

    def open_and_add() -> int:
        os.read(reader, 1)
        with PostgresStore.open(postgres_url, schema=new_schema) as store:
            store.sessions.add(sample_session(id=f"session-{os.getpid()}"))
        return 0

    results = [forked(open_and_add) for _ in range(10)]
    os.write(writer, b"x" * 10)
    assert [result() for result in results] == [0] * 10
    os.close(reader)
    os.close(writer)
    versions = run(postgres_url, "SELECT version FROM {}.memva_version", new_schema)
    assert versions == [(len(MIGRATIONS),)]
    with PostgresStore.open(postgres_url, schema=new_schema) as store:
        assert len(store.sessions.find(SessionQuery())) == 10


def test_schema_made_for_the_role_is_enough(
    restarted_server: Server, restarted_schema: str
) -> None:
    url = restarted_server.url
    run(url, "CREATE SCHEMA {} AUTHORIZATION CURRENT_USER", restarted_schema)
    with (
        not_allowed_to_make_schemas(url),
        PostgresStore.open(url, schema=restarted_schema) as store,
    ):
        store.sessions.add(sample_session())


def test_role_that_may_not_make_the_schema_is_told_what_it_needs(
    restarted_server: Server, restarted_schema: str
) -> None:
    url = restarted_server.url
    with (
        not_allowed_to_make_schemas(url),
        pytest.raises(StoreUnavailable, match=r'CREATE SCHEMA "memva_.*" AUTH') as caught,
    ):
        PostgresStore.open(url, schema=restarted_schema)
    assert isinstance(caught.value.__cause__, psycopg.errors.InsufficientPrivilege)


@pytest.mark.parametrize(
    ("made", "rights"), [(False, "CREATE"), (False, "CREATE, USAGE"), (True, "USAGE")]
)
def test_role_that_may_not_use_the_schema_is_told_what_it_needs(
    postgres_url: str, new_schema: str, made: bool, rights: LiteralString
) -> None:
    run(postgres_url, "CREATE SCHEMA {}", new_schema)
    if made:
        PostgresStore.open(postgres_url, schema=new_schema).close()
    run(postgres_url, f"REVOKE {rights} ON SCHEMA {{}} FROM CURRENT_USER", new_schema)
    try:
        with pytest.raises(StoreUnavailable, match="GRANT USAGE, CREATE ON SCHEMA"):
            PostgresStore.open(postgres_url, schema=new_schema)
    finally:
        run(postgres_url, "GRANT ALL ON SCHEMA {} TO CURRENT_USER", new_schema)


def test_schema_of_a_newer_memva_is_refused(postgres_url: str, postgres_schema: str) -> None:
    PostgresStore.open(postgres_url, schema=postgres_schema).close()
    newer = len(MIGRATIONS) + 1
    run(postgres_url, "UPDATE {}.memva_version SET version = version + 1", postgres_schema)
    try:
        with pytest.raises(StoreIncompatible, match=f"is at {newer}, written by a newer memva"):
            PostgresStore.open(postgres_url, schema=postgres_schema)
    finally:
        run(postgres_url, "UPDATE {}.memva_version SET version = version - 1", postgres_schema)


def test_schema_of_another_application_is_refused_and_untouched(
    postgres_url: str, new_schema: str
) -> None:
    run(postgres_url, "CREATE SCHEMA {}", new_schema)
    run(postgres_url, "CREATE TABLE {}.theirs (id bigint)", new_schema)
    try:
        with pytest.raises(StoreIncompatible, match="another application's"):
            PostgresStore.open(postgres_url, schema=new_schema)
        with psycopg.connect(postgres_url) as connection:
            tables = connection.execute(
                "SELECT tablename FROM pg_tables WHERE schemaname = %s", (new_schema,)
            ).fetchall()
        assert tables == [("theirs",)]
    finally:
        run(postgres_url, "DROP SCHEMA {} CASCADE", new_schema)


def test_schema_that_is_there_already_is_used(postgres_url: str, new_schema: str) -> None:
    run(postgres_url, "CREATE SCHEMA {}", new_schema)
    with PostgresStore.open(postgres_url, schema=new_schema) as store:
        store.sessions.add(sample_session())


def test_stores_of_one_database_do_not_see_each_other(
    postgres_url: str, postgres_schema: str
) -> None:
    odd = "Memva \"é\" -- 'x' %s"
    try:
        with (
            PostgresStore.open(postgres_url, schema=postgres_schema) as one,
            PostgresStore.open(postgres_url, schema=odd) as other,
        ):
            one.sessions.add(sample_session())
            with other.transaction():
                assert len(other.sessions.find(SessionQuery())) == 0
                # Nobody waits for the other's locks either.
                with one.transaction():
                    one.sessions.add(sample_session(id="session-2"))
            with other.watch() as watch:
                other.sessions.add(sample_session())
                assert watch.wait(30)
    finally:
        run(postgres_url, "DROP SCHEMA {} CASCADE", odd)


@pytest.mark.parametrize("schema", ["", "pg_memva", "information_schema", "a\x00b", "x" * 49])
def test_schema_that_cannot_be_is_refused(postgres_url: str, schema: str) -> None:
    with pytest.raises(InvalidValue) as caught:
        PostgresStore.open(postgres_url, schema=schema)
    assert caught.value.field == "schema"


@pytest.mark.parametrize("sizes", [(0, 0), (-1, 3), (4, 3)])
def test_sizes_that_cannot_be_are_refused(postgres_url: str, sizes: tuple[int, int]) -> None:
    least, most = sizes
    with pytest.raises(InvalidValue) as caught:
        PostgresStore.open(postgres_url, min_connections=least, max_connections=most)
    assert caught.value.field == "max_connections"


def test_url_that_is_none_is_refused_without_its_password() -> None:
    with pytest.raises(InvalidValue) as caught:
        PostgresStore.open("postgres:secret@host")
    assert caught.value.field == "url"
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize(
    "url", ["postgresql:///memva?host=/nowhere", "postgresql://localhost:1/memva"]
)
def test_server_that_is_not_there_is_told_at_once(url: str) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        PostgresStore.open(url)
    assert isinstance(caught.value.__cause__, psycopg.Error)


def test_server_that_is_too_old_is_refused(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_connection, "_OLDEST_SERVER", 990_000)
    with pytest.raises(StoreUnavailable, match="PostgreSQL 99 or newer is needed"):
        PostgresStore.open(postgres_url)


def test_database_that_cannot_hold_all_text_is_refused(
    postgres_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(psycopg.ConnectionInfo, "parameter_status", lambda *_: "LATIN1")
    with pytest.raises(StoreIncompatible, match="LATIN1"):
        PostgresStore.open(postgres_url)


def test_all_text_that_is_compared_sorts_by_code_points(
    postgres_url: str, postgres_schema: str
) -> None:
    PostgresStore.open(postgres_url, schema=postgres_schema).close()
    with psycopg.connect(postgres_url) as connection:
        columns = connection.execute(
            "SELECT column_name FROM information_schema.columns"
            " WHERE table_schema = %s AND data_type = 'text'"
            " AND collation_name IS DISTINCT FROM 'C'",
            (postgres_schema,),
        ).fetchall()
    # JSON is kept, and never compared.
    kept = {"calls", "checkpoint", "data", "metadata", "result", "skipped", "stats", "summary"}
    assert {name for (name,) in columns} == kept
