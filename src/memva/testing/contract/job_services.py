"""What the services for jobs promise on any store."""

from __future__ import annotations

from typing import Any

import pytest

from memva.domain.errors import (
    IllegalTransition,
    InvalidValue,
    JobNotFound,
    LeaseLost,
    SessionNotFound,
    UniqueKeyTaken,
)
from memva.domain.job import DEFAULT_LEASE
from memva.domain.new_job import NewJob
from memva.domain.ports import Store
from memva.domain.retry import NoRetry
from memva.services.claims import (
    checkpoint_job,
    complete_job,
    fail_job,
    get_next_job,
    get_next_jobs,
    update_job_status,
)
from memva.services.jobs import (
    cancel_job,
    create_job,
    create_jobs,
    get_active_job,
    get_job,
    get_job_stats,
    list_jobs,
    prune_jobs,
    retry_job,
)
from memva.services.sessions import create_session
from memva.testing.clock import START
from memva.testing.contract.claim_services import (
    LATER,
    MINUTE,
    claimed,
    next_job,
    outcomes,
)
from memva.testing.contract.jobs import ended


class JobServiceContract:
    """Jobs as a host uses them."""

    def test_job_from_creation_to_completion(self, store: Store) -> None:
        """A job is created, claimed and completed with its result."""
        job = create_job(store, type="prompt", data={"say": "hi"}, now=START)
        held = get_next_job(store, types=["prompt"], worker_id="w", now=START)
        assert held is not None
        assert (held.id, held.lease_until) == (job.id, START + DEFAULT_LEASE)
        done = complete_job(store, held, {"said": "hi"}, now=LATER)
        assert done.status == "completed"
        assert done.completed_at == LATER
        assert get_job(store, job.id) == done
        assert list(list_jobs(store, status="completed")) == [done]
        assert get_next_job(store, now=LATER) is None

    def test_waiting_job_is_cancelled_at_once(self, store: Store) -> None:
        """Cancelling a pending job ends it."""
        create_job(store, type="prompt", id="job-1", now=START)
        assert cancel_job(store, "job-1", now=START).status == "cancelled"
        assert get_next_job(store, now=LATER) is None

    def test_running_job_is_asked_to_give_in(self, store: Store) -> None:
        """Cancelling a processing job asks its holder; handed back then, it is cancelled."""
        held = claimed(store)
        asked = cancel_job(store, "job-1", now=START)
        assert (asked.status, asked.cancel_requested_at) == ("processing", START)
        assert cancel_job(store, "job-1", now=LATER) == asked
        assert update_job_status(store, held, "pending", now=LATER).status == "cancelled"

    def test_operator_ends_a_running_job(self, store: Store) -> None:
        """With a bare id only legal moves are made, and a holder loses its claim."""
        held = claimed(store)
        with pytest.raises(IllegalTransition):
            update_job_status(store, "job-1", "processing")
        assert update_job_status(store, "job-1", "failed", error="by hand").status == "failed"
        with pytest.raises(LeaseLost):
            complete_job(store, held)
        with pytest.raises(JobNotFound):
            update_job_status(store, "nobody", "failed")

    def test_job_is_created_with_the_rest(self, store: Store) -> None:
        """A job created inside the host's transaction is there with the rest of it, or not."""
        with store.transaction():
            session = create_session(store, project_path="/code", id="session-1")
            create_job(store, type="prompt", memva_session_id=session.id, concurrency_key="k")
        assert len(list_jobs(store, memva_session_id="session-1", concurrency_key="k")) == 1
        with pytest.raises(SessionNotFound), store.transaction():
            create_job(store, type="prompt", unique_key="u")
            create_job(store, type="prompt", memva_session_id="nobody")
        assert len(list_jobs(store)) == 1

    def test_creation_with_a_unique_key_is_idempotent(self, store: Store) -> None:
        """Created twice, a job is there once; whether it was there before is told."""
        job = create_job(store, type="prompt", unique_key="u", data=1, now=START)
        assert create_job(store, type="prompt", unique_key="u", data=2, now=LATER) == job
        with pytest.raises(UniqueKeyTaken) as caught:
            create_job(store, type="prompt", unique_key="u", exist_ok=False)
        assert caught.value.job_id == job.id
        new = [NewJob(type="prompt", unique_key=key) for key in ("u", "v", "v")]
        created = create_jobs(store, new, now=START)
        assert [one.is_new for one in created] == [False, True, False]
        assert created[0].job == job
        assert created[1].job == created[2].job == get_job(store, created[1].job.id)

    def test_many_jobs_in_one_call(self, store: Store) -> None:
        """Jobs created together are stored in their order, all of them or none."""
        created = create_jobs(store, [NewJob(type="x", data=n) for n in range(50)], now=START)
        assert [one.job.data for one in created] == list(range(50))
        held = get_next_jobs(store, limit=30, now=START)
        assert [job.data for job in held] == list(range(30))
        with store.transaction():
            for job in held:
                complete_job(store, job, job.data, now=LATER)
        assert len(list_jobs(store, status="completed")) == 30
        with pytest.raises(InvalidValue):
            create_jobs(store, [NewJob(type="x"), NewJob(type="x", data={"x": object()})])  # type: ignore[dict-item]  # it is no JSON
        assert len(list_jobs(store)) == 50

    def test_cancelled_job_keeps_its_key_until_its_holder_gives_in(self, store: Store) -> None:
        """A running job that is asked to give in holds its key until it does."""
        job = claimed(store, concurrency_key="k")
        create_job(store, type="prompt", concurrency_key="k", id="job-2", now=START)
        cancel_job(store, "job-1", now=START)
        assert get_next_job(store, now=START) is None
        assert fail_job(store, job, "told to stop", now=START).status == "cancelled"
        assert next_job(store).id == "job-2"

    def test_failed_job_is_begun_anew(self, store: Store) -> None:
        """A job that failed is retried by hand: due at once, nothing charged, its history kept."""
        job = claimed(store, max_attempts=1)
        checkpoint_job(store, job, "far", now=START)
        fail_job(store, job, "broken", now=START)
        again = retry_job(store, "job-1", now=LATER)
        assert (again.status, again.attempts, again.checkpoint) == ("pending", 0, "far")
        assert (again.scheduled_at, again.started_at, again.completed_at) == (LATER, None, None)
        assert outcomes(store) == [(1, "failed")]
        held = get_next_job(store, now=LATER)
        assert held is not None
        complete_job(store, held, now=LATER)
        assert outcomes(store) == [(1, "failed"), (2, "completed")]

    def test_only_what_failed_or_was_cancelled_is_begun_anew(self, store: Store) -> None:
        """A job that waits, runs or has completed is not retried by hand."""
        create_job(store, type="prompt", id="job-1", now=START)
        for step in (next_job, lambda store: complete_job(store, get_job(store, "job-1"))):
            with pytest.raises(IllegalTransition):
                retry_job(store, "job-1")
            step(store)
        with pytest.raises(IllegalTransition):
            retry_job(store, "job-1")
        cancelled = create_job(store, type="prompt", now=START)
        cancel_job(store, cancelled.id, now=START)
        assert retry_job(store, cancelled.id, now=START).status == "pending"

    def test_active_job(self, store: Store) -> None:
        """The active job of a key or a session runs, or waits for its next run."""
        session = create_session(store, project_path="/code", id="session-1", now=START)
        keys: dict[str, Any] = {"concurrency_key": "k", "memva_session_id": session.id}
        create_job(store, type="prompt", id="job-1", now=START, **keys)
        assert get_active_job(store, concurrency_key="k") is None
        job = next_job(store)
        assert get_active_job(store, concurrency_key="k") == job
        assert get_active_job(store, memva_session_id="session-1") == job
        assert get_active_job(store, concurrency_key="l") is None
        waiting = fail_job(store, job, "once", now=START)
        assert get_active_job(store, memva_session_id="session-1") == waiting
        cancel_job(store, "job-1", now=START)
        assert get_active_job(store, concurrency_key="k") is None
        with pytest.raises(InvalidValue):
            get_active_job(store)

    def test_stats(self, store: Store) -> None:
        """Jobs are counted by type and status."""
        assert get_job_stats(store) == []
        claimed(store)
        create_job(store, type="prompt", now=START)
        counted = get_job_stats(store, now=START)
        assert [(one.status, one.count, one.oldest_due) for one in counted] == [
            ("pending", 1, START),
            ("processing", 1, None),
        ]

    def test_pruning_goes_by_state_and_age(self, store: Store) -> None:
        """Jobs that ended long enough ago are deleted; failed ones only where they are named."""
        done = [ended(f"done-{n}", "completed", START) for n in range(1200)]
        store.jobs.add(done)
        fail_job(store, claimed(store), "broken", retry=NoRetry(), now=START)
        told: list[int] = []
        assert prune_jobs(store, older_than=MINUTE, now=LATER, on_progress=told.append) == 0
        late = LATER + MINUTE
        assert prune_jobs(store, older_than=MINUTE, now=late, on_progress=told.append) == 1200
        assert (told[-1], len(told)) == (1200, 3)
        assert [job.status for job in list_jobs(store)] == ["failed"]
        assert prune_jobs(store, older_than=MINUTE, status="failed", now=late) == 1
        assert list(list_jobs(store)) == []

    def test_pruning_refuses_what_has_not_ended(self, store: Store) -> None:
        """A status in which no job has ended, or a negative age, is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            prune_jobs(store, older_than=MINUTE, status="pending")  # type: ignore[arg-type]  # it has not ended
        assert caught.value.field == "status"
        with pytest.raises(InvalidValue) as caught:
            prune_jobs(store, older_than=-MINUTE)
        assert caught.value.field == "older_than"

    def test_jobs_page_by_page(self, store: Store) -> None:
        """A long list of jobs comes page by page, the last added first."""
        create_jobs(store, [NewJob(type="x", data=n) for n in range(25)], now=START)
        page, seen = list_jobs(store, limit=10), list[object]()
        while page.next is not None:
            seen += [job.data for job in page]
            page = list_jobs(store, after=page.next, limit=10)
        assert [*seen, *(job.data for job in page)] == list(range(24, -1, -1))
        with pytest.raises(InvalidValue):
            list_jobs(store, status="running")  # type: ignore[arg-type]  # there is none
