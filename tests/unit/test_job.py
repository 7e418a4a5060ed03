"""A job's transitions: the legal ones, and the refusal of all others."""

from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from itertools import product
from typing import Any

import attrs
import pytest

from memva import IllegalTransition, InvalidValue, Job, NewJob
from memva.testing import sample_job
from memva.testing.clock import START

LATER = START + timedelta(minutes=1)
LEASE = timedelta(minutes=5)

MOVES: dict[str, Callable[[Job], Job]] = {
    "processing": lambda job: job.claimed(now=LATER, lease=LEASE, claim_token="t", worker_id="w"),
    "completed": lambda job: job.completed({"n": 1}, now=LATER).job,
    "failed": lambda job: job.failed("broken", now=LATER).job,
    "cancelled": lambda job: job.cancelled(now=LATER).job,
    "pending": lambda job: job.released(now=LATER).job,
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
    started = None if status == "pending" else START
    job = sample_job(status=status, started_at=started, claims=0 if status == "pending" else 1)
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


def claimed(job: Job) -> Job:
    return MOVES["processing"](job)


def test_claim_charges_an_attempt() -> None:
    job = claimed(sample_job(attempts=1, claims=4))
    assert (job.attempts, job.claims) == (2, 5)
    assert (job.started_at, job.lease_until) == (LATER, LATER + LEASE)
    assert (job.claim_token, job.worker_id) == ("t", "w")


def test_ended_job_keeps_its_token_but_no_lease() -> None:
    done = MOVES["completed"](claimed(sample_job()))
    assert (done.claim_token, done.lease_until) == ("t", None)
    assert (done.result, done.completed_at) == ({"n": 1}, LATER)


def test_released_job_is_under_no_claim() -> None:
    job, attempt = claimed(sample_job()).released(now=LATER)
    assert (job.claim_token, job.lease_until, job.attempts) == (None, None, 0)
    assert (job.scheduled_at, job.worker_id) == (START, "w")
    assert attempt is not None
    assert (attempt.number, attempt.outcome, attempt.error) == (1, "released", None)


def test_snoozed_job_is_due_when_it_was_told() -> None:
    job, attempt = claimed(sample_job(attempts=2)).snoozed(until=LATER + LEASE, now=LATER)
    assert (job.scheduled_at, job.attempts) == (LATER + LEASE, 2)
    assert attempt is not None
    assert attempt.outcome == "snoozed"


def test_failure_retries_while_attempts_are_left() -> None:
    held = claimed(sample_job(max_attempts=2))
    again, attempt = held.failed("first", now=LATER, retry_at=LATER + LEASE)
    assert (again.status, again.error, again.scheduled_at) == ("pending", "first", LATER + LEASE)
    assert attempt is not None
    assert (attempt.outcome, attempt.error, attempt.ended_at) == ("failed", "first", LATER)
    spent, kept = claimed(again).failed("second", now=LATER, retry_at=LATER)
    assert (spent.status, spent.error, kept) == ("failed", "second", None)


def test_lost_job_is_due_at_once_or_has_failed() -> None:
    again, attempt = claimed(sample_job(max_attempts=2)).lost(now=LATER)
    assert (again.status, again.attempts, again.scheduled_at) == ("pending", 1, START)
    assert attempt is not None
    assert attempt.outcome == "lost"
    spent, attempt = claimed(again).lost(now=LATER)
    assert (spent.status, spent.claim_token, spent.completed_at) == ("failed", None, LATER)
    assert attempt is not None
    assert (attempt.number, attempt.outcome) == (2, "lost")


def test_job_asked_to_give_in_is_not_tried_again() -> None:
    asked = claimed(sample_job()).cancel_requested(now=START).job
    assert asked.cancel_requested(now=LATER).job is asked
    assert asked.released(now=LATER).job.status == "cancelled"
    assert asked.snoozed(until=LATER, now=LATER).job.status == "cancelled"
    assert asked.lost(now=LATER).job.status == "cancelled"
    retried = asked.failed("broken", now=LATER, retry_at=LATER).job
    assert (retried.status, retried.error) == ("cancelled", "broken")
    assert asked.completed(now=LATER).job.status == "completed"


def test_renewal_and_checkpoint_are_for_what_runs() -> None:
    held = claimed(sample_job())
    assert held.renewed(now=START, lease=LEASE).lease_until == START + LEASE
    assert held.checkpointed([1], now=START).checkpoint == [1]
    for job in (sample_job(), MOVES["completed"](held)):
        with pytest.raises(IllegalTransition):
            job.renewed(now=START, lease=LEASE)
        with pytest.raises(IllegalTransition):
            job.checkpointed(1, now=START)


def test_job_begun_anew_has_all_its_attempts() -> None:
    failed = claimed(sample_job(max_attempts=1, checkpoint="far")).failed("broken", now=START).job
    job, attempt = failed.retried(now=LATER)
    assert (job.status, job.attempts, job.claims, job.checkpoint) == ("pending", 0, 1, "far")
    assert (job.started_at, job.completed_at, job.claim_token) == (None, None, None)
    assert attempt is not None
    assert attempt.outcome == "failed"
    for other in (sample_job(), claimed(job), MOVES["completed"](claimed(job))):
        with pytest.raises(IllegalTransition):
            other.retried(now=LATER)


def test_job_is_active_from_its_first_claim_to_its_end() -> None:
    job = sample_job(unique_key="u", unique_scope="until_claimed")
    assert (job.is_active, job.takes_unique_key, job.last_attempt) == (False, True, None)
    held = claimed(job)
    assert (held.is_active, held.takes_unique_key) == (True, False)
    assert held.last_attempt is not None
    assert held.last_attempt.outcome is None
    waiting = held.failed("once", now=LATER, retry_at=LATER).job
    assert (waiting.is_active, waiting.takes_unique_key, waiting.last_attempt) == (
        True,
        False,
        None,
    )
    done = claimed(waiting).completed(now=LATER).job
    assert not done.is_active
    assert done.last_attempt is not None
    assert (done.last_attempt.outcome, done.last_attempt.number) == ("completed", 2)


def test_unique_until_finished() -> None:
    held = claimed(sample_job(unique_key="u"))
    assert held.takes_unique_key
    assert not held.completed(now=LATER).job.takes_unique_key


def test_changes_are_the_fields_that_differ() -> None:
    held = claimed(sample_job())
    assert held.changes_from(held) == {}
    assert held.completed(now=LATER).job.changes_from(held) == {
        "status": "completed",
        "completed_at": LATER,
        "lease_until": None,
    }
    assert held.checkpointed(True, now=LATER).changes_from(held.checkpointed(1, now=LATER)) == {
        "checkpoint": True
    }


def test_transition_checks_what_it_changes() -> None:
    held = claimed(sample_job())
    with pytest.raises(InvalidValue) as caught:
        held.failed("a\x00b", now=LATER)
    assert caught.value.field == "error"
    with pytest.raises(InvalidValue) as caught:
        held.completed(now=LATER.replace(tzinfo=None))
    assert caught.value.field == "now"
    zone = timezone(timedelta(hours=5))
    assert held.completed(now=LATER.astimezone(zone)).job.completed_at == LATER


def test_new_job_becomes_a_valid_job() -> None:
    new = NewJob(
        type="prompt",
        data=[1],
        priority=-1,
        max_attempts=9,
        scheduled_at=LATER.astimezone(timezone(timedelta(hours=5))),
        memva_session_id="session-1",
        concurrency_key="k",
        unique_key="u",
        unique_scope="until_claimed",
        timeout=LEASE,
        id="job-1",
    )
    job = new.created(now=START)
    fields = {name: getattr(new, name) for name in attrs.fields_dict(NewJob)}
    assert job == Job(**fields, created_at=START, updated_at=START)
    assert NewJob(type="x").created(now=START).scheduled_at == START


@pytest.mark.parametrize(
    "fields",
    [
        {"type": " "},
        {"max_attempts": 0},
        {"priority": 2**63},
        {"unique_scope": "for ever"},
        {"timeout": timedelta(0)},
        {"scheduled_at": datetime(2026, 1, 1)},  # noqa: DTZ001 - it knows no zone
        {"concurrency_key": "\x00"},
        {"id": ""},
    ],
)
def test_new_job_refuses_what_no_job_can_have(fields: dict[str, Any]) -> None:
    with pytest.raises(InvalidValue) as caught:
        NewJob(**{"type": "prompt", **fields})
    assert [caught.value.field] == list(fields)
