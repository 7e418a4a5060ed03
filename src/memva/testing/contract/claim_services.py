"""What the services for whoever runs jobs promise on any store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from random import Random
from typing import Any

import pytest

from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    IllegalTransition,
    InvalidValue,
    JobNotFound,
    LeaseLost,
)
from memva.domain.job import Job
from memva.domain.new_job import NewJob
from memva.domain.ports import Store
from memva.domain.rescue import Sightings
from memva.domain.retry import DEFAULT_RETRY, FixedRetry, NoRetry
from memva.services.claims import (
    checkpoint_job,
    complete_job,
    complete_jobs,
    fail_job,
    get_next_job,
    get_next_jobs,
    release_job,
    renew_lease,
    rescue_expired_jobs,
    snooze_job,
    update_job_status,
)
from memva.services.jobs import (
    cancel_job,
    create_job,
    create_jobs,
    get_job,
    get_job_attempts,
)
from memva.services.sessions import create_session, update_session
from memva.testing.clock import START

MINUTE = timedelta(minutes=1)
LATER = START + MINUTE
AT_ONCE = FixedRetry(timedelta(0))


def claimed(store: Store, **options: Any) -> Job:
    """Create a job and claim it."""
    create_job(store, type="prompt", id="job-1", now=START, **options)
    return next_job(store)


def next_job(store: Store, now: datetime = START) -> Job:
    """Claim the next job, which must be there."""
    job = get_next_job(store, worker_id="worker", now=now)
    assert job is not None
    return job


def outcomes(store: Store) -> list[tuple[int, str | None]]:
    """Return how the attempts of `job-1` ended."""
    return [(attempt.number, attempt.outcome) for attempt in get_job_attempts(store, "job-1")]


def rescued(store: Store) -> list[Job]:
    """Rescue what two sightings in a row find expired a day after the claim."""
    sightings = Sightings(timedelta(0))
    return list(rescue_expired_jobs(store, sightings, now=START + timedelta(days=1)))


class ClaimServiceContract:
    """Jobs as those use them who claim and run them."""

    def test_each_claim_has_its_own_token(self, store: Store) -> None:
        """No two claims share a token."""
        first = claimed(store)
        update_job_status(store, first, "pending", now=START)
        second = get_next_job(store, now=START)
        assert second is not None
        assert second.claim_token != first.claim_token

    def test_moment_of_a_claim_knows_its_zone(self, store: Store) -> None:
        """A moment without a time zone is refused, whether or not there is a job."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, now=START.replace(tzinfo=None))
        assert caught.value.field == "now"

    def test_handing_back_is_not_charged(self, store: Store) -> None:
        """A job handed back is pending as before; the attempt does not count."""
        held = claimed(store)
        back = update_job_status(store, held, "pending", now=LATER)
        assert (back.status, back.attempts, back.scheduled_at) == ("pending", 0, START)

    def test_stale_claim_changes_nothing(self, store: Store) -> None:
        """Whoever lost a claim cannot end the job, in any way."""
        stale = claimed(store)
        update_job_status(store, stale, "pending", now=START)
        held = get_next_job(store, now=START)
        calls: list[Callable[[], object]] = [
            lambda: complete_job(store, stale, "stale"),
            lambda: fail_job(store, stale, "stale"),
            lambda: update_job_status(store, stale, "completed"),
            lambda: update_job_status(store, stale, "pending"),
        ]
        for call in calls:
            with pytest.raises(LeaseLost):
                call()
        assert get_job(store, "job-1") == held

    def test_job_ends_once(self, store: Store) -> None:
        """A job that has ended does not end again; its holder is told so."""
        held = claimed(store)
        done = complete_job(store, held, now=START)
        calls: list[Callable[[], object]] = [
            lambda: complete_job(store, held),
            lambda: fail_job(store, held, "late"),
            lambda: cancel_job(store, "job-1"),
            lambda: update_job_status(store, "job-1", "failed"),
        ]
        for call in calls:
            with pytest.raises(IllegalTransition) as caught:
                call()
            assert caught.value.status == "completed"
        assert get_job(store, "job-1") == done

    def test_jobs_are_completed_at_once(self, store: Store) -> None:
        """Jobs that were claimed are completed in one step, each with its result, all or none."""
        create_jobs(store, [NewJob(type="prompt", id=id_) for id_ in "abc"], now=START)
        held = get_next_jobs(store, limit=3, now=START)
        assert complete_jobs(store, []) == []
        done = complete_jobs(store, zip(held[:2], ["first", None], strict=True), now=LATER)
        assert [(job.id, job.result, job.completed_at) for job in done] == [
            ("a", "first", LATER),
            ("b", None, LATER),
        ]
        assert [get_job(store, job.id) for job in done] == done
        for ended in (held[0], done[0]):
            with pytest.raises(IllegalTransition):
                complete_jobs(store, [(held[2], "third"), (ended, "again")])
        assert get_job(store, "c") == held[2]

    def test_failed_job_is_tried_again_while_attempts_are_left(self, store: Store) -> None:
        """A failure makes the job pending after a while, until its attempts are spent."""
        held = claimed(store, max_attempts=2)
        waiting = fail_job(store, held, "first", retry=FixedRetry(MINUTE), now=START)
        assert (waiting.status, waiting.error, waiting.claim_token) == ("pending", "first", None)
        assert get_next_job(store, now=START) is None
        again = get_next_job(store, now=LATER)
        assert again is not None
        spent = fail_job(store, again, "second", retry=FixedRetry(MINUTE), now=LATER)
        assert (spent.status, spent.error, spent.attempts) == ("failed", "second", 2)

    def test_retries_back_off(self, store: Store) -> None:
        """Without a policy of the host's a failed job waits longer each time, with jitter."""
        job, now, chance = claimed(store, max_attempts=4), START, Random(7)
        for attempt in (1, 2, 3):
            expected = DEFAULT_RETRY(attempt, Random(attempt))
            job = fail_job(store, job, "broken", random=Random(attempt), now=now)
            assert job.scheduled_at == now + expected
            now = job.scheduled_at
            next_ = get_next_job(store, now=now)
            assert next_ is not None
            job = next_
        assert fail_job(store, job, "broken", random=chance, now=now).status == "failed"

    def test_failure_for_good(self, store: Store) -> None:
        """A failure that is not to be retried ends the job, however many attempts are left."""
        job = claimed(store)
        assert fail_job(store, job, "broken", retry=NoRetry(), now=START).status == "failed"

    def test_error_text_is_cleaned(self, store: Store) -> None:
        """What no store can hold in an error's text becomes U+FFFD."""
        assert fail_job(store, claimed(store), "a\x00b\ud800").error == "a\ufffdb\ufffd"

    def test_lease_must_be_positive(self, store: Store) -> None:
        """A claim for no time at all is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, lease=timedelta(0))
        assert caught.value.field == "lease"

    def test_one_text_is_no_collection_of_types(self, store: Store) -> None:
        """A single type, given where several are asked for, is refused by name."""
        with pytest.raises(InvalidValue) as caught:
            get_next_job(store, types="prompt")
        assert caught.value.field == "types"

    def test_jobs_completed_together_stand_apart(self, store: Store) -> None:
        """Of jobs completed in one transaction, one whose claim was lost leaves the others be."""
        create_jobs(store, [NewJob(type="x", id=id_) for id_ in "abc"], now=START)
        held = get_next_jobs(store, limit=3, now=START)
        update_job_status(store, "b", "pending", now=START)
        with store.transaction():
            complete_job(store, held[0])
            with pytest.raises(LeaseLost):
                complete_job(store, held[1])
            complete_job(store, held[2])
        assert [get_job(store, id_).status for id_ in "abc"] == [
            "completed",
            "pending",
            "completed",
        ]

    def test_effects_and_completion_are_one(self, store: Store) -> None:
        """Effects stored in the transaction that completes their job are there once, with it."""
        session = create_session(store, project_path="/code", now=START)
        stale = claimed(store)
        release_job(store, stale, now=START)
        held = next_job(store)
        for job, title in ((held, "done"), (stale, "stale")):
            try:
                with store.transaction():
                    update_session(store, session.id, title=title)
                    complete_job(store, job, title)
            except LeaseLost:
                pass
            except IllegalTransition:
                pass
        assert store.sessions.get(session.id).title == "done"
        assert get_job(store, "job-1").result == "done"

    def test_release_is_not_charged(self, store: Store) -> None:
        """A job released is due as before; the attempt is kept, and does not count."""
        back = release_job(store, claimed(store), now=LATER)
        assert (back.status, back.attempts, back.claims) == ("pending", 0, 1)
        assert back.scheduled_at == START
        assert outcomes(store) == [(1, "released")]

    def test_snooze_is_not_charged(self, store: Store) -> None:
        """A job put off is due when it was told, however often it is put off."""
        job = claimed(store, max_attempts=1)
        for _ in range(3):
            back = snooze_job(store, job, until=MINUTE, now=START)
            assert (back.attempts, back.scheduled_at) == (0, LATER)
            assert get_next_job(store, now=START) is None
            job_ = get_next_job(store, now=LATER)
            assert job_ is not None
            job = job_
        assert snooze_job(store, job, until=START, now=LATER).scheduled_at == START

    def test_renewal_moves_the_lease(self, store: Store) -> None:
        """A renewed claim is good from the moment of the renewal."""
        job = renew_lease(store, claimed(store), lease=MINUTE, now=LATER)
        assert job.lease_until == LATER + MINUTE
        assert get_job(store, "job-1") == job
        with pytest.raises(InvalidValue):
            renew_lease(store, job, lease=timedelta(0))

    def test_expiry_alone_rejects_nobody(self, store: Store) -> None:
        """A holder whose lease ran out, and whom nobody replaced, may renew, note and complete."""
        job, late = claimed(store), START + timedelta(days=1)
        checkpoint_job(store, job, 1, now=late)
        renew_lease(store, job, now=late)
        assert complete_job(store, job, now=late).status == "completed"

    def test_renewal_tells_of_a_cancel(self, store: Store) -> None:
        """A holder learns at its next renewal that it is to give in."""
        job = claimed(store)
        cancel_job(store, "job-1", now=LATER)
        assert renew_lease(store, job, now=LATER).cancel_requested_at == LATER

    def test_checkpoint_is_given_to_the_next_attempt(self, store: Store) -> None:
        """What one attempt notes, the next is given; each attempt keeps how it stood at its end."""
        job = claimed(store)
        checkpoint_job(store, job, {"claude": "session"}, now=START)
        fail_job(store, job, "broken", retry=AT_ONCE, now=START)
        again = next_job(store)
        assert again.checkpoint == {"claude": "session"}
        checkpoint_job(store, again, {"claude": "further"}, now=START)
        complete_job(store, again, now=START)
        kept = [attempt.checkpoint for attempt in get_job_attempts(store, "job-1")]
        assert kept == [{"claude": "session"}, {"claude": "further"}]

    def test_attempts_tell_the_history(self, store: Store) -> None:
        """Each claim is an attempt, with its worker, its times, its outcome and its error."""
        fail_job(store, claimed(store), "broken", retry=AT_ONCE, now=LATER)
        job = next_job(store, LATER)
        first = JobAttempt(
            job_id="job-1",
            number=1,
            worker_id="worker",
            started_at=START,
            ended_at=LATER,
            outcome="failed",
            error="broken",
        )
        assert outcomes(store) == [(1, "failed"), (2, None)]
        assert get_job_attempts(store, "job-1")[0] == first
        complete_job(store, job, now=LATER)
        assert outcomes(store) == [(1, "failed"), (2, "completed")]
        with pytest.raises(JobNotFound):
            get_job_attempts(store, "nobody")

    def test_rescue_takes_two_sightings(self, store: Store) -> None:
        """A lease is taken when it was seen expired twice, an interval apart by a steady clock."""
        job, late, seconds = claimed(store), START + timedelta(days=1), [0.0]
        sightings = Sightings(timedelta(seconds=10), clock=lambda: seconds[0])
        assert rescue_expired_jobs(store, sightings, now=late) == []
        seconds[0] = 9.9
        assert rescue_expired_jobs(store, sightings, now=late) == []
        assert get_job(store, "job-1") == job
        seconds[0] = 10.0
        [lost] = rescue_expired_jobs(store, sightings, now=late)
        assert (lost.status, lost.attempts, lost.scheduled_at) == ("pending", 1, START)
        assert get_job(store, "job-1") == lost
        assert outcomes(store) == [(1, "lost")]

    def test_renewal_between_sightings_saves_the_job(self, store: Store) -> None:
        """A machine that slept finds its leases expired, renews them, and is not robbed."""
        job, late, seconds = claimed(store), START + timedelta(days=1), [0.0]
        sightings = Sightings(timedelta(seconds=10), clock=lambda: seconds[0])
        rescue_expired_jobs(store, sightings, now=late)
        renewed = renew_lease(store, job, lease=MINUTE, now=late)
        seconds[0] = 60.0
        assert rescue_expired_jobs(store, sightings, now=late + 2 * MINUTE) == []
        assert get_job(store, "job-1") == renewed
        seconds[0] = 70.0
        assert len(rescue_expired_jobs(store, sightings, now=late + 2 * MINUTE)) == 1

    def test_rescued_holder_changes_nothing(self, store: Store) -> None:
        """Once a claim was replaced, its holder is told so by every call and changes nothing."""
        stale = claimed(store)
        rescued(store)
        calls: list[Callable[[], object]] = [
            lambda: complete_job(store, stale, "stale"),
            lambda: fail_job(store, stale, "stale"),
            lambda: snooze_job(store, stale, until=MINUTE),
            lambda: release_job(store, stale),
            lambda: renew_lease(store, stale),
            lambda: checkpoint_job(store, stale, "stale"),
            lambda: update_job_status(store, stale, "failed"),
        ]
        for look in (lambda store: get_job(store, "job-1"), next_job):
            held = look(store)
            for call in calls:
                with pytest.raises(LeaseLost):
                    call()
            assert get_job(store, "job-1") == held

    def test_crash_costs_an_attempt(self, store: Store) -> None:
        """A job whose holders die is tried again until its attempts are spent, then has failed."""
        claimed(store, max_attempts=2)
        [first] = rescued(store)
        assert first.status == "pending"
        stale = next_job(store)
        [second] = rescued(store)
        assert (second.status, second.attempts) == ("failed", 2)
        assert outcomes(store) == [(1, "lost"), (2, "lost")]
        with pytest.raises(LeaseLost):
            complete_job(store, stale)

    def test_rescue_leaves_others_be(self, store: Store) -> None:
        """What runs within its lease, waits or has ended is not rescued."""
        claimed(store)
        create_job(store, type="prompt")
        assert rescue_expired_jobs(store, Sightings(timedelta(0)), now=LATER) == []
        complete_job(store, get_job(store, "job-1"), now=START)
        assert rescued(store) == []

    def test_rescue_of_a_cancelled_job_cancels_it(self, store: Store) -> None:
        """A job whose holder died before it gave in is cancelled, and not run again."""
        claimed(store)
        cancel_job(store, "job-1", now=START)
        assert [job.status for job in rescued(store)] == ["cancelled"]
        assert get_next_job(store, now=START + timedelta(days=2)) is None
        assert outcomes(store) == [(1, "lost")]

    def test_empty_error_is_an_error(self, store: Store) -> None:
        """A failure without a word takes the place of the failure before it."""
        fail_job(store, claimed(store), "first", retry=AT_ONCE, now=START)
        assert fail_job(store, next_job(store), "", retry=AT_ONCE, now=START).error == ""

    def test_cancelled_run_has_no_error_of_an_earlier_one(self, store: Store) -> None:
        """An attempt tells of its own run: one that was cancelled has no other's error."""
        fail_job(store, claimed(store), "first", retry=AT_ONCE, now=START)
        update_job_status(store, next_job(store), "cancelled", now=START)
        assert outcomes(store) == [(1, "failed"), (2, "cancelled")]
        errors = [attempt.error for attempt in get_job_attempts(store, "job-1")]
        assert errors == ["first", None]
