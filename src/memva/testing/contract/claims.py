"""What a store promises of claims: which job comes next, and that it goes to one caller."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta, timezone
from typing import Any

from memva.domain.job import Job
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.samples import sample_job

LEASE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
ONE_BY_ONE = 1
TOGETHER = 100


def claim(store: Store, token: str = "token", **options: Any) -> list[Job]:
    """Claim the next job at the start of the samples' time."""
    options = {"now": START, "limit": 1, **options}
    return store.jobs.claim(claim_token=token, lease=LEASE, **options)


def claim_all(store: Store, *, limit: int = ONE_BY_ONE, **options: Any) -> list[str]:
    """Claim until there is nothing left, at most `limit` a time; return the ids in order."""
    ids: list[str] = []
    while jobs := claim(store, token=f"token-{len(ids)}", limit=limit, **options):
        ids += ids_of(jobs)
    return ids


def ids_of(jobs: Iterable[Job]) -> list[str]:
    """Return the ids of jobs."""
    return [job.id for job in jobs]


class ClaimContract:
    """The order of claims, what is due, and whom it goes to."""

    def test_claim_stores_what_it_returns(self, store: Store) -> None:
        """A claim charges an attempt and carries its token, and is stored as it is returned."""
        store.jobs.add([sample_job()])
        [job] = claim(store, worker_id="worker")
        assert job == sample_job(
            status="processing",
            attempts=1,
            claims=1,
            started_at=START,
            lease_until=START + LEASE,
            claim_token="token",
            worker_id="worker",
        )
        assert store.jobs.get("job-1") == job

    def test_claimed_job_is_not_claimed_again(self, store: Store) -> None:
        """Only pending jobs are claimed."""
        store.jobs.add([sample_job()])
        for status in ("processing", "completed", "failed", "cancelled"):
            store.jobs.add([sample_job(id=status, status=status)])
        assert claim_all(store) == ["job-1"]

    def test_claim_order(self, store: Store) -> None:
        """Higher priority first, then earlier due, then earlier created, then first added."""
        earlier = START - HOUR
        jobs = [
            sample_job(id="5", created_at=START),
            sample_job(id="6", created_at=START),
            sample_job(id="4", created_at=earlier),
            sample_job(id="3", scheduled_at=earlier),
            sample_job(id="2", priority=1),
            sample_job(id="1", priority=2, scheduled_at=START, created_at=START),
            sample_job(id="7", priority=-1, scheduled_at=earlier - timedelta(days=1)),
        ]
        store.jobs.add(jobs)
        assert claim_all(store) == ["1", "2", "3", "4", "5", "6", "7"]

    def test_claim_of_several(self, store: Store) -> None:
        """One call claims as many as it is asked for, in the order in which they come."""
        store.jobs.add([sample_job(id=str(n), type="xy"[n % 2], priority=-n) for n in range(5)])
        assert ids_of(claim(store, limit=3)) == ["0", "1", "2"]
        rest = claim(store, limit=9, types=["x", "y"])
        assert ids_of(rest) == ["3", "4"]
        assert all(store.jobs.get(job.id) == job for job in rest)
        assert claim(store, limit=9) == []

    def test_order_spans_types(self, store: Store) -> None:
        """The order of claims is one order, whatever the types."""
        store.jobs.add(
            [
                sample_job(id="c", type="x", scheduled_at=START),
                sample_job(id="a", type="z", priority=1),
                sample_job(id="b", type="y", scheduled_at=START - HOUR),
                sample_job(id="d", type="x", created_at=START, scheduled_at=START),
            ]
        )
        assert claim_all(store, types=["x", "y", "z"]) == ["a", "b", "c", "d"]

    def test_future_job_waits(self, store: Store) -> None:
        """A job is claimed from the moment it is due, not before, however high its priority."""
        due = START + timedelta(microseconds=1)
        store.jobs.add([sample_job(scheduled_at=due, priority=100), sample_job(id="job-2")])
        assert claim_all(store, now=START) == ["job-2"]
        assert claim_all(store, now=due) == ["job-1"]

    def test_order_holds_among_what_became_due(self, store: Store) -> None:
        """Jobs that were scheduled for later take their place in the order once they are due."""
        later = START + HOUR
        store.jobs.add(
            [
                sample_job(id="c"),
                sample_job(id="b", scheduled_at=later, priority=1),
                sample_job(id="a", scheduled_at=later - timedelta(seconds=1), priority=1),
                sample_job(id="d", scheduled_at=later),
            ]
        )
        assert claim_all(store, now=later) == ["a", "b", "c", "d"]

    def test_many_that_become_due_at_once_are_all_claimed(self, store: Store) -> None:
        """After a burst every job is claimed once, however many became due together."""
        later = START + HOUR
        store.jobs.add([sample_job(id=f"job-{n}", scheduled_at=later) for n in range(250)])
        claimed = claim_all(store, limit=7, now=later)
        assert sorted(claimed) == sorted(f"job-{n}" for n in range(250))

    def test_burst_of_others_hides_no_job(self, store: Store) -> None:
        """Where nobody is at a job, a claim finds it, however many others became due before."""
        later = START + HOUR
        others = [sample_job(id=f"job-{n}", type="other", scheduled_at=later) for n in range(250)]
        store.jobs.add([*others, sample_job(id="mine", scheduled_at=later + HOUR)])
        assert ids_of(claim(store, types=["prompt"], now=later + HOUR)) == ["mine"]

    def test_clock_that_goes_back_claims_nothing_early(self, store: Store) -> None:
        """What was due by a clock that has gone back since is not due any more."""
        store.jobs.add([sample_job(scheduled_at=START + HOUR)])
        assert claim(store, types=["other"], now=START + HOUR) == []
        assert claim(store, now=START) == []
        assert ids_of(claim(store, now=START + HOUR)) == ["job-1"]

    def test_now_may_be_of_any_zone(self, store: Store) -> None:
        """What is due is told by the moment, not by how its zone writes it."""
        store.jobs.add([sample_job(scheduled_at=START)])
        for hours in (9, -9):
            zone = timezone(timedelta(hours=hours))
            early = (START - timedelta(seconds=1)).astimezone(zone)
            assert claim(store, now=early) == []
        assert claim(store, now=START.astimezone(timezone(timedelta(hours=-9)))) != []

    def test_claim_by_type(self, store: Store) -> None:
        """A claimer gets jobs of the types it names alone."""
        store.jobs.add([sample_job(id="a", type="x", priority=9), sample_job(id="b", type="y")])
        assert claim(store, types=[]) == []
        assert claim(store, types=["z", "\ud800"]) == []
        assert ids_of(claim(store, types=["y", "z"], limit=9)) == ["b"]

    def test_next_due_is_never_late(self, store: Store) -> None:
        """Before the moment that is told no claim succeeds, and none is told for nothing."""
        assert store.jobs.next_due() is None
        store.jobs.add([sample_job(scheduled_at=START + HOUR)])
        for types in (None, ["prompt"]):
            due = store.jobs.next_due(types=types)
            assert due is not None
            assert due <= START + HOUR
        assert claim(store, now=START + HOUR) != []
        assert store.jobs.next_due() is None

    def test_next_due_follows_a_clock_that_goes_back(self, store: Store) -> None:
        """A job that is due no more, as the clock has gone back, is not told for due for ever."""
        store.jobs.add([sample_job(scheduled_at=START + HOUR)])
        assert claim(store, types=["other"], now=START + HOUR) == []
        for _ in range(3):
            assert claim(store, types=["prompt"], now=START) == []
        assert store.jobs.next_due(types=["prompt"]) == START + HOUR

    def test_next_due_moves_on(self, store: Store) -> None:
        """Claims at the moments that are told come to an end, where others' jobs are in the way."""
        store.jobs.add([sample_job(id=str(n), type="other") for n in range(3)])
        store.jobs.add([sample_job(id="mine", scheduled_at=START + HOUR)])
        for _ in range(5):
            due = store.jobs.next_due(types=["prompt"])
            assert due is not None
            if claim(store, types=["prompt"], now=max(due, START)):
                break
        assert store.jobs.get("mine").status == "processing"
        assert store.jobs.next_due(types=["prompt"]) is None
