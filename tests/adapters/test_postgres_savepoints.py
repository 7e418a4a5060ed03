"""Calls inside a transaction of a PostgreSQL store: each is undone alone, at few ways to it."""

import pytest

from memva import SessionExists
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.connection import Connection
from memva.domain import SessionQuery
from memva.testing import sample_session


def add(store: PostgresStore, *names: str) -> None:
    for name in names:
        store.sessions.add(sample_session(id=name))


def there(store: PostgresStore) -> set[str]:
    return {session.id for session in store.sessions.find(SessionQuery())}


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
