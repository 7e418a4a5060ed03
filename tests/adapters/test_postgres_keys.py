"""Concurrency keys of jobs in PostgreSQL: none is forgotten, however calls meet."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import pytest

from memva import (
    NewJob,
    StoreBusy,
    complete_jobs,
    create_job,
    create_jobs,
    delete_session,
    get_next_jobs,
)
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.connection import Connection, Parameters, Row
from memva.adapters.postgres.queue import Queue
from memva.testing import sample_session

LONG = 30.0


def test_key_of_a_job_that_comes_while_its_session_goes(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, lock = postgres_store, Queue.lock
    store.sessions.add(sample_session(id="s"))
    behind = create_job(store, type="x", concurrency_key="k")

    def lock_and_let_one_come(self: Queue, keys: Iterable[str | None]) -> None:
        lock(self, keys)
        monkeypatch.setattr(Queue, "lock", lock)
        create_job(store, type="x", concurrency_key="k", memva_session_id="s", priority=1)

    monkeypatch.setattr(Queue, "lock", lock_and_let_one_come)
    delete_session(store, "s")
    assert [job.id for job in get_next_jobs(store, limit=9)] == [behind.id]


def test_jobs_of_many_keys_take_few_of_the_locks_that_a_server_has_room_for(
    postgres_store: PostgresStore,
) -> None:
    store = postgres_store
    store.sessions.add(sample_session(id="s"))

    def locks() -> int:
        with store._transactions.reading() as connection:
            [(count,)] = connection.rows(
                "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory'"
                " AND pid = pg_backend_pid()"
            )
        return int(count)

    create_jobs(store, jobs_of_keys(1_000, session_id="s"))
    claimed = get_next_jobs(store, limit=500)
    assert len({job.concurrency_key for job in claimed}) == 500
    with store.transaction():
        create_jobs(store, jobs_of_keys(1_000))
        complete_jobs(store, [(job, None) for job in claimed])
        delete_session(store, "s")
        assert locks() < 10
    assert len(get_next_jobs(store, limit=2_000)) == 1_000


def test_many_keys_and_one_of_them_exclude_each_other(
    postgres_url: str, postgres_schema: str
) -> None:
    with (
        PostgresStore.open(postgres_url, schema=postgres_schema) as store,
        PostgresStore.open(postgres_url, schema=postgres_schema, busy_timeout=0.2) as other,
    ):
        for key in ("key 0", "key 300", None):
            create_job(store, type="x", concurrency_key=key)
        with outside(store) as elsewhere:
            create_jobs(store, jobs_of_keys(300))
            with pytest.raises(StoreBusy):
                elsewhere(create_job, other, type="x", concurrency_key="key 0")
            claimed = elsewhere(get_next_jobs, other, limit=9)
            assert [job.concurrency_key for job in claimed] == [None]
        with outside(store) as elsewhere:
            create_job(store, type="x", concurrency_key="key 0")
            with pytest.raises(StoreBusy):
                elsewhere(create_jobs, other, jobs_of_keys(300))
            # Another key is nobody's.
            elsewhere(create_job, other, type="x", concurrency_key="key 1")
            claimed = elsewhere(get_next_jobs, other, limit=1, types=["x"])
            assert [job.concurrency_key for job in claimed] == ["key 300"]


def test_rows_of_several_changes_are_held_in_one_order(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    bound: list[Any] = []
    rows = Connection.rows

    def note(self: Connection, statement: str, parameters: Parameters = ()) -> list[Row]:
        bound.append(parameters)
        return rows(self, statement, parameters)

    create_jobs(postgres_store, jobs_of_keys(9))
    claimed = get_next_jobs(postgres_store, limit=9)
    monkeypatch.setattr(Connection, "rows", note)
    complete_jobs(postgres_store, [(job, None) for job in reversed(claimed)])
    [ids] = [values["id"] for values in bound if "id" in values]
    assert ids == sorted(job.id for job in claimed)


@contextmanager
def outside(store: PostgresStore) -> Iterator[Callable[..., Any]]:
    """Give what makes a call in another thread, while this one is in a transaction."""
    with ThreadPoolExecutor(1) as other, store.transaction():
        yield lambda call, *args, **options: other.submit(call, *args, **options).result(LONG)


def jobs_of_keys(number: int, session_id: str | None = None) -> list[NewJob]:
    return [
        NewJob(type="x", concurrency_key=f"key {n}", memva_session_id=session_id)
        for n in range(number)
    ]
