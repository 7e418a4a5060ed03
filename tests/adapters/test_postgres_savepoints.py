"""Calls inside a transaction of a PostgreSQL store: each is undone alone, at few ways to it."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta

import psycopg
import pytest

from memva import SessionExists, StoreBusy, StoreError, StoreUnavailable
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.connection import Connection
from memva.domain import SessionQuery
from memva.testing import sample_event, sample_job, sample_session


def add(store: PostgresStore, *names: str) -> None:
    for name in names:
        store.sessions.add(sample_session(id=name))


def there(store: PostgresStore) -> set[str]:
    return {session.id for session in store.sessions.find(SessionQuery())}


@pytest.fixture
def impatient(postgres_url: str, postgres_schema: str) -> Iterator[PostgresStore]:
    """Give a store that does not wait long, with something to get and to claim."""
    with PostgresStore.open(postgres_url, schema=postgres_schema, busy_timeout=0.05) as store:
        add(store, "got")
        store.jobs.add([sample_job(id="got"), sample_job(id="of a key", concurrency_key="k")])
        yield store


@contextmanager
def all_held(url: str, store: PostgresStore) -> Iterator[None]:
    """Have a connection of somebody else's hold what calls of the block wait for."""
    names = store._transactions.names
    with psycopg.connect(url, autocommit=True) as other, other.transaction():
        other.execute(names.lock_feed)
        for table in ("sessions", "jobs"):
            other.execute(f'SELECT 1 FROM "{store.schema}".{table} FOR UPDATE')
        yield


@pytest.mark.parametrize(
    "call",
    [
        lambda store: store.events.append([sample_event()]),
        lambda store: store.events.associate("claude-1", "got"),
        lambda store: store.sessions.get("got"),
        lambda store: store.sessions.update(sample_session(id="got")),
        lambda store: store.sessions.delete("got"),
        lambda store: store.jobs.get("got"),
        lambda store: store.jobs.get("of a key"),
    ],
    ids=["append", "associate", "get", "update", "delete", "get job", "get job of a key"],
)
def test_call_that_waited_too_long_is_undone_alone(
    postgres_url: str, impatient: PostgresStore, call: Callable[[PostgresStore], object]
) -> None:
    with all_held(postgres_url, impatient), impatient.transaction():
        add(impatient, "before")
        for _ in range(2):
            with pytest.raises(StoreBusy):
                call(impatient)
        with pytest.raises(StoreBusy), impatient.transaction():
            add(impatient, "inside")
            with pytest.raises(SessionExists):
                add(impatient, "inside")
            call(impatient)
        with impatient.transaction():
            add(impatient, "inside another")
            with pytest.raises(StoreBusy):
                call(impatient)
        add(impatient, "after")
    assert there(impatient) == {"got", "before", "inside another", "after"}


def test_reads_inside_spoil_nothing(impatient: PostgresStore, postgres_url: str) -> None:
    with all_held(postgres_url, impatient), impatient.transaction():
        add(impatient, "before")
        with impatient.snapshot(), pytest.raises(StoreBusy):
            impatient.sessions.get("got")
        assert there(impatient) == {"got", "before"}
        assert impatient.jobs.claim(claim_token="t", lease=timedelta(minutes=1), limit=9) == []
    assert there(impatient) == {"got", "before"}


def test_nested_block_that_an_error_has_spoilt_is_undone_alone(
    postgres_store: PostgresStore,
) -> None:
    def read_in_vain() -> None:
        with postgres_store._transactions.reading() as connection:
            connection.rows("SELECT 1 / 0")

    with postgres_store.transaction():
        add(postgres_store, "outer")
        with pytest.raises(StoreUnavailable), postgres_store.transaction():
            add(postgres_store, "nested")
            with pytest.raises(StoreUnavailable), postgres_store.transaction():
                add(postgres_store, "innermost")
                with suppress(StoreError):
                    read_in_vain()
            add(postgres_store, "nested on")
            with suppress(StoreError):
                read_in_vain()
        add(postgres_store, "outer on")
    assert there(postgres_store) == {"outer", "outer on"}


def test_error_of_the_host_goes_first_where_the_connection_is_lost(
    postgres_store: PostgresStore, postgres_url: str
) -> None:
    with pytest.raises(KeyError), postgres_store.transaction(), postgres_store.transaction():
        add(postgres_store, "lost")
        with postgres_store._transactions.reading() as connection:
            process = connection.info.backend_pid
        with psycopg.connect(postgres_url, autocommit=True) as other:
            other.execute("SELECT pg_terminate_backend(%s, 10000)", (process,))
        raise KeyError
    assert there(postgres_store) == set()


def test_block_is_undone_with_the_calls_inside_it(postgres_store: PostgresStore) -> None:
    with postgres_store.transaction():
        add(postgres_store, "before")
        with pytest.raises(KeyError), postgres_store.transaction():
            add(postgres_store, "inside", "inside as well")
            raise KeyError
        add(postgres_store, "after")
    assert there(postgres_store) == {"before", "after"}


def test_refused_call_is_undone_alone(postgres_store: PostgresStore) -> None:
    with postgres_store.transaction():
        add(postgres_store, "before")
        with postgres_store.transaction():
            add(postgres_store, "inside")
            with pytest.raises(SessionExists):
                add(postgres_store, "before")
        with pytest.raises(SessionExists):
            add(postgres_store, "inside")
        add(postgres_store, "after")
    assert there(postgres_store) == {"before", "inside", "after"}


def test_call_inside_asks_the_server_twice(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    scripts: list[str] = []
    run = Connection.script

    def note(self: Connection, statements: str) -> None:
        scripts.append(statements)
        run(self, statements)

    monkeypatch.setattr(Connection, "script", note)
    with postgres_store.transaction():
        add(postgres_store, "one", "two", "three")
    # The other is the statement itself; meanwhile the pool may set up another connection.
    assert len([statements for statements in scripts if "inside" in statements]) == 3
