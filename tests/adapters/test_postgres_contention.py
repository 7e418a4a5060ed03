"""Threads that do everything at once on one PostgreSQL schema come to no error and lose no job."""

import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, suppress
from datetime import timedelta
from functools import partial

import pytest

from memva import (
    FixedRetry,
    IllegalTransition,
    Job,
    JobNotFound,
    NewJob,
    SessionExists,
    SessionNotFound,
    cancel_job,
    complete_job,
    create_job,
    create_jobs,
    delete_session,
    fail_job,
    get_next_jobs,
    list_jobs,
    release_job,
)
from memva.adapters.postgres import PostgresStore, queue
from memva.testing import sample_event, sample_session
from memva.testing.contract.processes import PROOF

THREADS = 6
STEPS = 2_000 if PROOF else 60


class Worker:
    """A thread's own chance, and the jobs that it holds."""

    def __init__(self, store: PostgresStore, number: int) -> None:
        self.store = store
        self.number = number
        self.chance = random.Random(number)
        self.held: list[Job] = []

    def work(self) -> None:
        """Take steps by chance, then end what is held."""
        steps = [self.create, self.claim, self.claim, self.end, self.end, self.in_a_block]
        steps += [self.two_keys_in_a_block, self.many_keys, self.cancel, self.record, self.delete]
        for _ in range(STEPS):
            # A job of a session that was deleted is gone.
            with suppress(JobNotFound):
                self.chance.choice(steps)()
        for job in self.held:
            with suppress(JobNotFound):
                complete_job(self.store, job)

    def create(self) -> None:
        delay = timedelta(milliseconds=self.chance.choice([0, 0, 20]))
        create_job(
            self.store,
            type=self.chance.choice("xyz"),
            concurrency_key=self.chance.choice([None, *"abc"]),
            unique_key=self.chance.choice([None, None, "u", "v"]),
            scheduled_at=self.store.now() + delay,
        )

    def claim(self) -> None:
        types = self.chance.choice([None, ["x"], ["y", "z"]])
        self.held += get_next_jobs(self.store, types=types, limit=self.chance.choice([1, 1, 3]))

    def end(self) -> None:
        if self.held:
            job = self.held.pop(self.chance.randrange(len(self.held)))
            fail = partial(fail_job, error="broken", retry=FixedRetry(timedelta(0)))
            ends: list[Callable[[PostgresStore, Job], Job]]
            ends = [complete_job, complete_job, fail, release_job]
            self.chance.choice(ends)(self.store, job)

    def in_a_block(self) -> None:
        with self.store.transaction():
            self.append()
            create_job(self.store, type="x", concurrency_key=self.chance.choice("abc"))
            if self.held:
                complete_job(self.store, self.held.pop())

    def two_keys_in_a_block(self) -> None:
        with self.store.transaction():
            for _ in range(2):
                create_job(self.store, type="y", concurrency_key=self.chance.choice("abc"))
            self.append()

    def many_keys(self) -> None:
        create_jobs(self.store, [NewJob(type="x", concurrency_key=key) for key in "abc"])

    def cancel(self) -> None:
        for job in list_jobs(self.store, status="pending", limit=1):
            with suppress(IllegalTransition):
                cancel_job(self.store, job.id)

    def record(self) -> None:
        session_id = self.chance.choice(["one", "two"])
        with suppress(SessionExists):
            self.store.sessions.add(sample_session(id=session_id))
        with suppress(SessionNotFound):
            self.append(memva_session_id=session_id)
            create_job(self.store, type="z", memva_session_id=session_id, concurrency_key="a")

    def delete(self) -> None:
        with suppress(SessionNotFound):
            delete_session(self.store, self.chance.choice(["one", "two"]))

    def append(self, **fields: str) -> None:
        uuid = f"{self.number}-{self.chance.random()}"
        self.store.events.append([sample_event(uuid=uuid, **fields)])


def test_threads_that_do_everything_at_once(
    postgres_url: str, postgres_schema: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So many locks of keys are taken one by one; three keys are many then.
    monkeypatch.setattr(queue, "_MOST_LOCKED_ONE_BY_ONE", 2)
    with ExitStack() as stack:
        stores = [
            stack.enter_context(
                PostgresStore.open(postgres_url, schema=postgres_schema, max_connections=3)
            )
            for _ in range(2)
        ]
        workers = [Worker(stores[n % 2], n) for n in range(THREADS)]
        with ThreadPoolExecutor(THREADS) as threads:
            for done in [threads.submit(worker.work) for worker in workers]:
                done.result()
        [store, _] = stores
        later = store.now() + timedelta(minutes=1)
        while jobs := get_next_jobs(store, limit=9, now=later):
            for job in jobs:
                complete_job(store, job)
        assert {row.status for row in store.jobs.stats()} <= {"completed", "cancelled", "failed"}
        assert store.jobs.next_due() is None
