"""What a store promises of changes: fenced by the claim, whole, one or several at once."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    IllegalTransition,
    InvalidValue,
    JobNotFound,
    LeaseLost,
    MemvaError,
    UniqueKeyTaken,
)
from memva.domain.job_change import JobChange
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.contract.claims import claim, claim_all
from memva.testing.contract.jobs import MINUTE, all_jobs, running
from memva.testing.samples import sample_job


class JobChangeContract:
    """Changes of jobs that are stored."""

    def test_change_is_fenced(self, store: Store) -> None:
        """A change under another claim than the stored one is refused and changes nothing."""
        job = running()
        store.jobs.add([job])
        done = job.completed("done", now=START).job
        for token in ("another", None):
            with pytest.raises(LeaseLost) as caught:
                store.jobs.replace([JobChange(attrs.evolve(job, claim_token=token), done)])
            assert caught.value.job_id == "job-1"
        assert store.jobs.get("job-1") == job
        store.jobs.replace([JobChange(job, done)])
        assert store.jobs.get("job-1") == done

    def test_change_of_another_status_is_refused(self, store: Store) -> None:
        """A job that has another status by now is not changed, though the claim is the same."""
        job = running()
        store.jobs.add([job])
        done = job.completed("done", now=START).job
        store.jobs.replace([JobChange(job, done)])
        with pytest.raises(IllegalTransition) as caught:
            store.jobs.replace([JobChange(job, job.failed("late", now=START).job)])
        assert (caught.value.status, caught.value.wanted) == ("completed", "failed")
        assert store.jobs.get("job-1") == done

    def test_change_leaves_what_it_is_not_about(self, store: Store) -> None:
        """A change stores the fields in which it differs; what others changed meanwhile stays."""
        job = running()
        store.jobs.add([job])
        store.jobs.replace([JobChange(job, job.checkpointed({"at": 1}, now=START))])
        store.jobs.replace([JobChange(job, job.cancel_requested(now=START).job)])
        store.jobs.replace([JobChange(job, job.completed("done", now=START).job)])
        stored = store.jobs.get("job-1")
        assert (stored.status, stored.result) == ("completed", "done")
        assert (stored.checkpoint, stored.cancel_requested_at) == ({"at": 1}, START)

    def test_json_changes_in_its_type(self, store: Store) -> None:
        """JSON that Python takes for equal is stored as the change gives it."""
        job = running(checkpoint=1)
        store.jobs.add([job])
        store.jobs.replace([JobChange(job, job.checkpointed(True, now=START))])
        assert store.jobs.get("job-1").checkpoint is True

    def test_change_of_unknown_job_is_refused(self, store: Store) -> None:
        """A change never creates."""
        with pytest.raises(JobNotFound):
            store.jobs.replace([JobChange(sample_job(), sample_job(attempts=1))])
        assert all_jobs(store) == []

    def test_change_must_be_json(self, store: Store) -> None:
        """A result that JSON cannot say is refused, and the job stays as it was."""
        job = running()
        store.jobs.add([job])
        with pytest.raises(InvalidValue) as caught:
            store.jobs.replace([JobChange(job, job.completed({1: object()}, now=START).job)])  # type: ignore[dict-item]  # it is no JSON
        assert caught.value.field == "result"
        assert store.jobs.get("job-1") == job

    def test_attempts_are_kept(self, store: Store) -> None:
        """Attempts come back equal, by number; one that is kept already stays as it is."""
        job = running()
        store.jobs.add([job])
        attempts = [
            JobAttempt(
                job_id="job-1",
                number=number,
                worker_id="worker",
                started_at=START,
                ended_at=START + MINUTE,
                outcome="failed",
                error="broken",
                checkpoint={"at": number},
            )
            for number in (1, 2)
        ]
        store.jobs.replace([JobChange(job, job, attempts[1])])
        store.jobs.replace([JobChange(job, job, attempts[0])])
        store.jobs.replace([JobChange(job, job, attrs.evolve(attempts[0], error="another"))])
        assert store.jobs.attempts("job-1") == attempts

    def test_refused_change_keeps_no_attempt(self, store: Store) -> None:
        """An attempt is kept together with its change, or not at all."""
        job = running()
        store.jobs.add([job])
        waiting, attempt = job.released(now=START)
        with pytest.raises(LeaseLost):
            store.jobs.replace(
                [JobChange(attrs.evolve(job, claim_token="another"), waiting, attempt)]
            )
        assert store.jobs.attempts("job-1") == []

    def test_several_changes_are_stored(self, store: Store) -> None:
        """Changes of several jobs are stored in one step, each with what is its own."""
        jobs = [running(id=id_) for id_ in "abcd"]
        store.jobs.add(jobs)
        waiting, attempt = jobs[3].failed("once", now=START, retry_at=START + MINUTE)
        changes = [
            JobChange(jobs[0], jobs[0].completed({"n": 1}, now=START).job),
            JobChange(jobs[1], jobs[1].completed([2], now=START + MINUTE).job),
            JobChange(jobs[2], jobs[2].completed(now=START).job),
            JobChange(jobs[3], waiting, attempt),
        ]
        store.jobs.replace(changes)
        assert [store.jobs.get(id_) for id_ in "abcd"] == [change.new for change in changes]
        assert [len(store.jobs.attempts(id_)) for id_ in "abcd"] == [0, 0, 0, 1]

    def test_no_changes_are_stored(self, store: Store) -> None:
        """Nothing to change changes nothing."""
        store.jobs.add([running()])
        store.jobs.replace([])
        assert store.jobs.get("job-1") == running()

    @pytest.mark.parametrize(
        ("place", "fields", "error"),
        [
            (0, {"claim_token": "another"}, LeaseLost),
            (1, {"claim_token": None}, LeaseLost),
            (2, {"status": "failed", "completed_at": START}, IllegalTransition),
            (1, None, JobNotFound),
        ],
    )
    def test_several_changes_are_stored_or_none(
        self, store: Store, place: int, fields: dict[str, Any] | None, error: type[MemvaError]
    ) -> None:
        """Where one of several changes is refused, none is stored, and it is named."""
        jobs = [running(id=id_) for id_ in "abc"]
        there = jobs.copy()
        there[place : place + 1] = [] if fields is None else [attrs.evolve(jobs[place], **fields)]
        store.jobs.add(there)
        before = all_jobs(store)
        changes = [JobChange(job, *job.lost(now=START)) for job in jobs]
        for several in (changes, [JobChange(job, job.completed(1, now=START).job) for job in jobs]):
            with pytest.raises(error) as caught:
                store.jobs.replace(several)
            assert vars(caught.value)["job_id"] == "abc"[place]
            assert all_jobs(store) == before
            assert [store.jobs.attempts(id_) for id_ in "abc"] == [[], [], []]

    def test_refused_changes_leave_a_transaction_whole(self, store: Store) -> None:
        """Changes that are refused undo themselves alone; the transaction goes on."""
        jobs = [running(id=id_) for id_ in "ab"]
        store.jobs.add(jobs)
        stale = attrs.evolve(jobs[1], claim_token="another")
        changes = [JobChange(job, job.completed(now=START).job) for job in (jobs[0], stale)]
        with store.transaction():
            store.jobs.add([sample_job(id="c")])
            with pytest.raises(LeaseLost):
                store.jobs.replace(changes)
            store.jobs.replace([JobChange(jobs[1], jobs[1].completed(now=START).job)])
        assert [job.status for job in all_jobs(store)] == ["pending", "completed", "processing"]

    def test_changes_of_one_job_follow_each_other(self, store: Store) -> None:
        """Of several changes of one job each is made of what the one before it has left."""
        job, other = running(), running(id="other")
        store.jobs.add([job, other])
        once = job.checkpointed(1, now=START + MINUTE)
        twice = once.checkpointed(2, now=START + MINUTE)
        elsewhere = JobChange(other, other.checkpointed(3, now=START))
        store.jobs.replace([elsewhere, JobChange(job, once), JobChange(once, twice)])
        assert all_jobs(store) == [elsewhere.new, twice]
        done = JobChange(twice, twice.completed(now=START + MINUTE).job)
        with pytest.raises(IllegalTransition):
            store.jobs.replace([done, done])
        assert all_jobs(store) == [elsewhere.new, twice]

    def test_several_changes_free_their_keys(self, store: Store) -> None:
        """Jobs that end at once free their keys at once, whichever stood behind them."""
        store.jobs.add([sample_job(id=key + n, concurrency_key=key) for n in "12" for key in "xy"])
        held = claim(store, limit=9)
        assert [job.id for job in held] == ["x1", "y1"]
        store.jobs.replace([JobChange(job, job.completed(now=START).job) for job in held])
        assert claim_all(store) == ["x2", "y2"]

    def test_several_changes_see_each_others_unique_keys(self, store: Store) -> None:
        """A job may take the unique key that one before it frees; two never take the same."""
        ended = {"status": "failed", "claims": 1, "started_at": START, "completed_at": START}
        old, other = (sample_job(id=id_, unique_key="u", **ended) for id_ in ("old", "other"))
        held = running(id="held", unique_key="u")
        store.jobs.add([old, other, held])
        frees = JobChange(held, held.completed(now=START).job)
        takes, takes_too = (JobChange(job, *job.retried(now=START)) for job in (old, other))
        for refused in ([takes, frees], [frees, takes, takes_too]):
            with pytest.raises(UniqueKeyTaken) as caught:
                store.jobs.replace(refused)
            assert caught.value.job_id == ("held" if refused[0] is takes else "old")
            assert all_jobs(store) == [held, other, old]
        store.jobs.replace([frees, takes])
        assert [job.status for job in all_jobs(store)] == ["completed", "failed", "pending"]
