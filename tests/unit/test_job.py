"""A job's transitions: the legal ones, and the refusal of all others."""

from collections.abc import Callable
from datetime import timedelta
from itertools import product

import pytest

from memva import IllegalTransition, Job
from memva.testing import sample_job
from memva.testing.clock import START

LATER = START + timedelta(minutes=1)
LEASE = timedelta(minutes=5)

MOVES: dict[str, Callable[[Job], Job]] = {
    "processing": lambda job: job.claimed(now=LATER, lease=LEASE, claim_token="t", worker_id="w"),
    "completed": lambda job: job.completed({"n": 1}, now=LATER),
    "failed": lambda job: job.failed("broken", now=LATER),
    "cancelled": lambda job: job.cancelled(now=LATER),
    "pending": lambda job: job.released(now=LATER),
}
LEGAL = {
    ("pending", "processing"),
    ("pending", "cancelled"),
    ("processing", "pending"),
    ("processing", "completed"),
    ("processing", "failed"),
    ("processing", "cancelled"),
}


@pytest.mark.parametrize(("status", "wanted"), list(product(MOVES, MOVES)))
def test_every_transition_is_legal_or_refused(status: str, wanted: str) -> None:
    job = sample_job(status=status, claim_token="t" if status == "processing" else None)
    if (status, wanted) in LEGAL:
        moved = MOVES[wanted](job)
        assert (moved.status, moved.updated_at) == (wanted, LATER)
    else:
        with pytest.raises(IllegalTransition) as caught:
            MOVES[wanted](job)
        assert (caught.value.job_id, caught.value.status, caught.value.wanted) == (
            "job-1",
            status,
            wanted,
        )


def test_claim_charges_an_attempt() -> None:
    job = MOVES["processing"](sample_job(attempts=1))
    assert job.attempts == 2
    assert (job.started_at, job.lease_until) == (LATER, LATER + LEASE)
    assert (job.claim_token, job.worker_id) == ("t", "w")


def test_ended_job_keeps_its_token_but_no_lease() -> None:
    held = MOVES["processing"](sample_job())
    done = MOVES["completed"](held)
    assert (done.claim_token, done.lease_until) == ("t", None)
    assert (done.result, done.completed_at) == ({"n": 1}, LATER)


def test_released_job_is_under_no_claim() -> None:
    job = MOVES["pending"](MOVES["processing"](sample_job()))
    assert (job.claim_token, job.worker_id, job.lease_until) == (None, None, None)
    assert job.scheduled_at == START


def test_failure_retries_while_attempts_are_left() -> None:
    held = MOVES["processing"](sample_job(max_attempts=2))
    again = held.failed("first", now=LATER, retry_at=LATER + LEASE)
    assert (again.status, again.error, again.scheduled_at) == ("pending", "first", LATER + LEASE)
    spent = MOVES["processing"](again).failed("second", now=LATER, retry_at=LATER)
    assert (spent.status, spent.error) == ("failed", "second")


def test_job_asked_to_give_in_is_not_tried_again() -> None:
    asked = MOVES["processing"](sample_job()).cancel_requested(now=START)
    assert asked.cancel_requested(now=LATER).cancel_requested_at == START
    assert asked.released(now=LATER).status == "cancelled"
    retried = asked.failed("broken", now=LATER, retry_at=LATER)
    assert (retried.status, retried.error) == ("cancelled", "broken")
    assert asked.completed(now=LATER).status == "completed"
