"""What PostgreSQL refuses or undoes: told apart, and made again where another was in the way."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import psycopg
import pytest

from memva import StoreBusy, StoreCorrupt, StoreError, StoreFull, StoreReadOnly, StoreUnavailable
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.errors import translate
from memva.testing import sample_session

LONG = 30.0


@pytest.mark.parametrize(
    ("state", "error"),
    [
        ("25P03", StoreUnavailable),
        ("25P04", StoreUnavailable),
        ("40P01", StoreBusy),
        ("53200", StoreBusy),
        ("53300", StoreBusy),
        ("57014", StoreBusy),
        ("57P01", StoreUnavailable),
        ("57P05", StoreUnavailable),
        ("25006", StoreReadOnly),
        ("53100", StoreFull),
        ("XX001", StoreCorrupt),
        ("22012", StoreError),
        (None, StoreUnavailable),
    ],
)
def test_errors_are_told_apart_by_state(state: str | None, error: type[StoreError]) -> None:
    raw = psycopg.OperationalError()
    raw.sqlstate = state
    assert type(translate(raw)) is error


def test_call_that_was_undone_for_another_is_made_again(postgres_store: PostgresStore) -> None:
    tries = []

    def work(connection: Connection) -> str:
        tries.append(connection.rows("SELECT 1"))
        if len(tries) < 3:
            error = psycopg.errors.DeadlockDetected("deadlock detected")
            raise translate(error) from error
        return "done"

    assert postgres_store._transactions.write(work) == "done"
    assert len(tries) == 3
    tries.clear()
    # Inside a transaction it is the host's to begin again.
    with pytest.raises(StoreBusy), postgres_store.transaction():
        postgres_store._transactions.write(work)
    assert len(tries) == 1


def test_deadlock_undoes_one_that_is_made_again(postgres_store: PostgresStore) -> None:
    both_hold = Barrier(2)
    tries = []

    def change(connection: Connection, first: str, second: str) -> str:
        tries.append(first)
        update = "UPDATE sessions SET title = %s WHERE id = %s"
        connection.run(update, (first, first))
        if tries.count(first) == 1:
            both_hold.wait(LONG)
        connection.run(update, (first, second))
        return first

    for name in "ab":
        postgres_store.sessions.add(sample_session(id=name))
    write = postgres_store._transactions.write
    with ThreadPoolExecutor(2) as threads:
        changing = [
            threads.submit(write, lambda on, order=order: change(on, *order))
            for order in ("ab", "ba")
        ]
        assert [each.result(LONG) for each in changing] == ["a", "b"]
    # Whose transaction PostgreSQL ends is its own affair; that one is the last.
    assert len(tries) == 3
    titles = [postgres_store.sessions.get(name).title for name in "ab"]
    assert titles == [tries[-1]] * 2
