"""Concurrency keys of jobs in PostgreSQL: none is forgotten, however calls meet."""

from collections.abc import Iterable

import pytest

from memva import create_job, delete_session, get_next_jobs
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.queue import Queue
from memva.testing import sample_session


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
