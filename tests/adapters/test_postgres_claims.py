"""Claims in PostgreSQL that take several steps: what others hold or what fails loses no job."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any

import pytest

from memva import Job, StoreUnavailable, create_job
from memva.adapters.postgres import PostgresStore
from memva.adapters.postgres.queue import Queue

LONG = 30.0
MINUTE = timedelta(minutes=1)


def claim(store: PostgresStore, limit: int = 9, **options: Any) -> list[Job]:
    return store.jobs.claim(claim_token="t", lease=MINUTE, limit=limit, **options)


def fail(*_: object) -> None:
    raise StoreUnavailable("the connection is lost")


def test_claim_returns_what_it_has_committed_when_a_later_step_fails(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    job = create_job(postgres_store, type="x")
    monkeypatch.setattr(Queue, "look", fail)
    assert [claimed.id for claimed in claim(postgres_store)] == [job.id]
    # Where nothing is claimed there is an error.
    with pytest.raises(StoreUnavailable):
        claim(postgres_store)


def test_claim_that_fails_inside_a_transaction_is_undone_alone(
    postgres_store: PostgresStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    with postgres_store.transaction():
        job = create_job(postgres_store, type="x")
        with monkeypatch.context() as patched, pytest.raises(StoreUnavailable):
            patched.setattr(Queue, "look", fail)
            claim(postgres_store)
        assert postgres_store.jobs.get(job.id) == job
    assert [claimed.id for claimed in claim(postgres_store)] == [job.id]


@pytest.mark.parametrize("types", [None, ["x"]])
def test_due_job_of_a_key_that_is_held_keeps_no_other_waiting(
    postgres_store: PostgresStore, types: list[str] | None
) -> None:
    store = postgres_store
    later = store.now() + MINUTE
    held = create_job(store, type="x", concurrency_key="k", scheduled_at=later)
    others = [create_job(store, type="x", priority=priority).id for priority in (2, 1)]

    def claim_both() -> list[Job]:
        return [job for _ in others for job in claim(store, limit=1, types=types, now=later)]

    assert [job.id for job in beside_holder(store, held, claim_both)] == others
    assert [job.id for job in claim(store, types=types, now=later)] == [held.id]


def beside_holder(store: PostgresStore, held: Job, call: Callable[[], list[Job]]) -> list[Job]:
    """Return what `call` returns while another's transaction holds a job."""
    with ThreadPoolExecutor(1) as other, store.transaction():
        store.jobs.get(held.id)
        return other.submit(call).result(LONG)
