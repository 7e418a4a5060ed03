"""What a store promises of keys: one at a time per `concurrency_key`, one per `unique_key`."""

from __future__ import annotations

import random
from datetime import timedelta
from typing import Any

import attrs
import pytest

from memva.domain.errors import IllegalTransition, JobExists, SessionNotFound, UniqueKeyTaken
from memva.domain.job import Job
from memva.domain.job_change import JobChange
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.contract.claims import (
    HOUR,
    ONE_BY_ONE,
    TOGETHER,
    claim,
    claim_all,
    ids_of,
)
from memva.testing.contract.jobs import all_jobs
from memva.testing.samples import sample_job


def keyed(id_: str, **fields: Any) -> Job:
    """Return a job of the concurrency key `k`."""
    return sample_job(id=id_, **{"concurrency_key": "k", **fields})


def unique(id_: str, **fields: Any) -> Job:
    """Return a job with the unique key `u`."""
    return sample_job(id=id_, **{"unique_key": "u", **fields})


def complete(store: Store, job: Job) -> None:
    """Complete a claimed job."""
    store.jobs.replace([JobChange(job, job.completed(now=START).job)])


class KeyContract:
    """Concurrency keys and unique keys."""

    @pytest.mark.parametrize("limit", [ONE_BY_ONE, TOGETHER])
    def test_one_at_a_time_per_key(self, store: Store, limit: int) -> None:
        """While a job of a key runs no other of that key is claimed; then the next one is."""
        store.jobs.add([keyed("a"), keyed("b", type="other"), keyed("c")])
        [first] = claim(store, limit=limit)
        assert first.id == "a"
        assert claim(store, limit=limit) == []
        complete(store, first)
        [second] = claim(store, limit=limit)
        assert second.id == "b"
        complete(store, second)
        assert claim_all(store, limit=limit) == ["c"]

    def test_job_never_claimed_holds_nothing(self, store: Store) -> None:
        """A job that only waits keeps no other of its key back, whatever their types."""
        store.jobs.add([keyed("a", type="x", priority=9), keyed("b", type="y")])
        assert ids_of(claim(store, types=["y"])) == ["b"]
        assert claim(store, types=["x"]) == []

    def test_run_begins_by_a_claim_alone(self, store: Store) -> None:
        """A change that begins a run is refused, as it would not ask who holds the key."""
        store.jobs.add([keyed("a"), keyed("b")])
        assert ids_of(claim(store)) == ["a"]
        waiting = store.jobs.get("b")
        begun = waiting.claimed(now=START, lease=HOUR, claim_token="t", worker_id=None)
        with pytest.raises(IllegalTransition) as caught:
            store.jobs.replace([JobChange(waiting, begun)])
        assert (caught.value.status, caught.value.wanted) == ("pending", "processing")
        assert store.jobs.get("b") == waiting

    def test_future_job_holds_nothing(self, store: Store) -> None:
        """A job that is scheduled for later keeps no other of its key back."""
        store.jobs.add([keyed("a", scheduled_at=START + HOUR, priority=9), keyed("b")])
        assert ids_of(claim(store)) == ["b"]

    def test_clock_that_goes_back_hides_no_job_of_a_key(self, store: Store) -> None:
        """Where a job is due no more, as the clock has gone back, others of its key are claimed."""
        store.jobs.add([keyed("a", scheduled_at=START + HOUR, priority=9), keyed("b")])
        assert claim(store, types=["other"], now=START + HOUR) == []
        assert ids_of(claim(store, now=START)) == ["b"]

    def test_wait_for_a_retry_holds_the_key(self, store: Store) -> None:
        """A job that waits for its next run keeps its key, and runs again once it is due."""
        store.jobs.add([keyed("a"), keyed("b", priority=9, scheduled_at=START + HOUR)])
        [job] = claim(store)
        waiting, attempt = job.failed("once", now=START, retry_at=START + HOUR)
        store.jobs.replace([JobChange(job, waiting, attempt)])
        assert claim(store) == []
        assert ids_of(claim(store, now=START + HOUR)) == ["a"]

    @pytest.mark.parametrize("how", ["released", "lost", "snoozed"])
    def test_job_given_up_holds_its_key(self, store: Store, how: str) -> None:
        """A job handed back, put off or taken from its holder goes before others of its key."""
        store.jobs.add([keyed("a"), keyed("b", priority=9, scheduled_at=START + HOUR)])
        [job] = claim(store)
        moves = {
            "released": lambda: job.released(now=START),
            "lost": lambda: job.lost(now=START),
            "snoozed": lambda: job.snoozed(until=START, now=START),
        }
        waiting, attempt = moves[how]()
        store.jobs.replace([JobChange(job, waiting, attempt)])
        assert ids_of(claim(store, now=START + HOUR, limit=9)) == ["a"]

    @pytest.mark.parametrize("how", ["completed", "failed", "cancelled", "cancelled waiting"])
    def test_end_frees_the_key(self, store: Store, how: str) -> None:
        """A job that has completed, failed for good or been cancelled holds its key no more."""
        store.jobs.add([keyed("a"), keyed("b")])
        [job] = claim(store)
        if how == "completed":
            ended = job.completed(now=START).job
        elif how == "failed":
            ended = job.failed("broken", now=START).job
        elif how == "cancelled":
            ended = job.cancelled(now=START).job
        else:
            waiting = job.failed("once", now=START, retry_at=START + HOUR).job
            store.jobs.replace([JobChange(job, waiting)])
            job, ended = waiting, waiting.cancelled(now=START).job
        store.jobs.replace([JobChange(job, ended)])
        assert ids_of(claim(store)) == ["b"]

    def test_cancelled_first_makes_way(self, store: Store) -> None:
        """Where the job that was next of its key is cancelled, the one after it is next."""
        store.jobs.add([keyed("a"), keyed("b"), keyed("c", type="other")])
        first = store.jobs.get("a")
        store.jobs.replace([JobChange(first, first.cancelled(now=START).job)])
        assert ids_of(claim(store, limit=9)) == ["b"]

    def test_order_within_a_key(self, store: Store) -> None:
        """Jobs of a key come in the order of claims, later additions included."""
        store.jobs.add([keyed("c"), keyed("b", priority=1), keyed("d", type="other")])
        store.jobs.add([keyed("a", priority=2), keyed("e", scheduled_at=START + HOUR, priority=9)])
        claimed = []
        while jobs := claim(store, limit=9):
            [job] = jobs
            claimed.append(job.id)
            complete(store, job)
        assert claimed == ["a", "b", "c", "d"]
        assert ids_of(claim(store, now=START + HOUR)) == ["e"]

    @pytest.mark.parametrize("limit", [ONE_BY_ONE, TOGETHER])
    def test_blocked_key_delays_no_other(self, store: Store, limit: int) -> None:
        """However many jobs stand behind a busy key, others are claimed at once."""
        store.jobs.add([keyed(f"k-{n}", priority=9) for n in range(150)])
        store.jobs.add([keyed("other", concurrency_key="l"), sample_job(id="free")])
        assert claim_all(store, limit=limit) == ["k-0", "other", "free"]

    def test_several_keys_in_one_claim(self, store: Store) -> None:
        """One call claims one job of each key, and as many without a key as it may."""
        jobs = [keyed(f"{key}-{n}", concurrency_key=key) for n in range(3) for key in "klm"]
        store.jobs.add([*jobs, sample_job(id="free-1"), sample_job(id="free-2")])
        claimed = claim(store, limit=9)
        assert ids_of(claimed) == ["k-0", "l-0", "m-0", "free-1", "free-2"]

    def test_keys_in_any_order(self, store: Store) -> None:
        """Through a long random history no two of a key run at once, and none is forgotten."""
        chance = random.Random(7)
        keys = [None, "k", "l"]
        running: dict[str, Job] = {}
        for step in range(300):
            now = START + timedelta(seconds=step)
            match chance.randrange(4):
                case 0:
                    delay = timedelta(seconds=chance.choice([0, 0, 5]))
                    job = sample_job(
                        id=f"job-{step}",
                        type=chance.choice("xyz"),
                        priority=chance.randrange(3),
                        concurrency_key=chance.choice(keys),
                        scheduled_at=now + delay,
                        created_at=now,
                        updated_at=now,
                    )
                    store.jobs.add([job])
                case 1:
                    types = chance.choice([None, ["x"], ["y", "z"]])
                    for job in claim(store, f"t-{step}", limit=2, types=types, now=now):
                        running[job.id] = job
                case 2 if running:
                    job = running.pop(chance.choice(sorted(running)))
                    store.jobs.replace([JobChange(job, job.completed(now=now).job)])
                case 3 if running:
                    job = running.pop(chance.choice(sorted(running)))
                    back, attempt = job.released(now=now)
                    store.jobs.replace([JobChange(job, back, attempt)])
            held = [job.concurrency_key for job in running.values() if job.concurrency_key]
            assert len(held) == len(set(held))
        for step in range(300, 2_000):
            now = START + timedelta(seconds=step)
            for job in [*running.values(), *claim(store, f"t-{step}", limit=9, now=now)]:
                store.jobs.replace([JobChange(job, job.completed(now=now).job)])
            running.clear()
        assert {job.status for job in all_jobs(store)} == {"completed"}

    def test_unique_key_keeps_a_second_out(self, store: Store) -> None:
        """A second job of a type with a unique key is not stored; the first is returned."""
        first = unique("a")
        assert store.jobs.add([first]) == [first]
        assert store.jobs.add([unique("b"), sample_job(id="c")]) == [first, sample_job(id="c")]
        assert ids_of(all_jobs(store)) == ["c", "a"]

    def test_unique_key_holds_within_one_call(self, store: Store) -> None:
        """Of jobs added together the first with a unique key is stored."""
        assert ids_of(store.jobs.add([unique("a"), unique("b"), unique("c")])) == ["a", "a", "a"]
        assert ids_of(all_jobs(store)) == ["a"]

    def test_unique_key_is_of_its_type(self, store: Store) -> None:
        """Jobs of other types, or with other keys, or without one, are no concern of a key's."""
        jobs = [
            unique("a"),
            unique("b", type="other"),
            unique("c", unique_key="v"),
            sample_job(id="d"),
            sample_job(id="e"),
        ]
        assert store.jobs.add(jobs) == jobs

    def test_taken_unique_key_hides_no_other_refusal(self, store: Store) -> None:
        """A job whose id is taken, or whose session is not there, is refused all the same."""
        store.jobs.add([unique("a"), sample_job(id="b")])
        with pytest.raises(JobExists):
            store.jobs.add([unique("b")])
        with pytest.raises(SessionNotFound):
            store.jobs.add([unique("c", memva_session_id="nobody")])

    def test_until_finished(self, store: Store) -> None:
        """A job keeps others with its key out until it has ended, while it runs or waits too."""
        store.jobs.add([unique("a")])
        [job] = claim(store)
        assert ids_of(store.jobs.add([unique("b")])) == ["a"]
        waiting, attempt = job.failed("once", now=START, retry_at=START)
        store.jobs.replace([JobChange(job, waiting, attempt)])
        assert ids_of(store.jobs.add([unique("b")])) == ["a"]
        [job] = claim(store)
        complete(store, job)
        assert ids_of(store.jobs.add([unique("b")])) == ["b"]

    def test_until_claimed(self, store: Store) -> None:
        """One job may wait behind a running one; a retry of that does not keep it out."""
        store.jobs.add([unique("a", unique_scope="until_claimed")])
        assert ids_of(store.jobs.add([unique("b", unique_scope="until_claimed")])) == ["a"]
        [job] = claim(store)
        assert ids_of(store.jobs.add([unique("b", unique_scope="until_claimed")])) == ["b"]
        assert ids_of(store.jobs.add([unique("c", unique_scope="until_claimed")])) == ["b"]
        waiting, attempt = job.failed("once", now=START, retry_at=START)
        store.jobs.replace([JobChange(job, waiting, attempt)])
        assert store.jobs.get("a").status == "pending"

    def test_retry_that_would_collide_says_so(self, store: Store) -> None:
        """A job that has ended does not come back beside another that has its key by now."""
        store.jobs.add([unique("a")])
        [job] = claim(store)
        failed = job.failed("broken", now=START).job
        store.jobs.replace([JobChange(job, failed)])
        store.jobs.add([unique("b")])
        with pytest.raises(UniqueKeyTaken) as caught:
            store.jobs.replace([JobChange(failed, failed.retried(now=START).job)])
        assert (caught.value.type, caught.value.unique_key) == ("prompt", "u")
        assert caught.value.job_id == "b"
        assert store.jobs.get("a") == failed

    def test_unique_key_of_ended_jobs_is_free(self, store: Store) -> None:
        """Any number of jobs that have ended may share a unique key."""
        jobs = [unique(id_, status="completed", completed_at=START) for id_ in "ab"]
        assert store.jobs.add(jobs) == jobs
        again = attrs.evolve(jobs[0], id="c")
        assert store.jobs.add([again]) == [again]
