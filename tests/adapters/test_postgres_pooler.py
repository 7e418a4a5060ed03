"""A pooler that gives a connection's session to others is refused; one that keeps it is not.

What a pooler changes is told by which process of the server answers.
"""

from typing import Any

import psycopg
import pytest

from memva import StoreUnavailable
from memva.adapters.postgres import PostgresStore, pooler
from memva.testing import sample_session


@pytest.fixture
def behind_a_pooler(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have every connection told another process than the one that answers."""
    monkeypatch.setattr(psycopg.ConnectionInfo, "backend_pid", -1)


@pytest.mark.usefixtures("behind_a_pooler")
def test_pooler_that_keeps_sessions_is_used(postgres_url: str, postgres_schema: str) -> None:
    with PostgresStore.open(postgres_url, schema=postgres_schema) as store:
        store.sessions.add(sample_session())


@pytest.mark.usefixtures("behind_a_pooler")
@pytest.mark.parametrize(
    "process", ["SELECT 7", "SELECT (1000000000 * random())::int"], ids=["shared", "changing"]
)
def test_pooler_that_keeps_no_sessions_is_refused(
    postgres_url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch, process: str
) -> None:
    monkeypatch.setattr(pooler, "_PROCESS", process)
    with pytest.raises(StoreUnavailable, match="pool_mode = session, or no pooler"):
        PostgresStore.open(postgres_url, schema=postgres_schema)


@pytest.mark.usefixtures("behind_a_pooler")
def test_pooler_that_has_no_second_connection_is_used(
    postgres_url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pooler, "_PROCESS", "SELECT 7")
    monkeypatch.setattr(pooler, "is_readable", lambda *_, **__: False)
    PostgresStore.open(postgres_url, schema=postgres_schema).close()

    def refuse(*_: object, **__: object) -> None:
        raise psycopg.OperationalError

    with monkeypatch.context() as full:
        full.setattr(psycopg, "connect", refuse)
        PostgresStore.open(postgres_url, schema=postgres_schema).close()


@pytest.mark.usefixtures("behind_a_pooler")
def test_second_connection_that_is_lost_is_an_error_of_the_store(
    postgres_url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    connect = psycopg.connect

    def lost(*args: Any, **options: Any) -> psycopg.Connection[Any]:
        connection = connect(*args, **options)
        connection.close()
        return connection

    with monkeypatch.context() as losing, pytest.raises(StoreUnavailable):
        losing.setattr(psycopg, "connect", lost)
        PostgresStore.open(postgres_url, schema=postgres_schema)
