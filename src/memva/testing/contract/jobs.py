"""What a store promises of jobs."""

from __future__ import annotations

from datetime import timedelta, timezone
from typing import Any, cast

import pytest

from memva.domain.errors import InvalidValue, JobExists, JobNotFound, LeaseLost, SessionNotFound
from memva.domain.job import Job
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.samples import sample_job, sample_session

LEASE = timedelta(minutes=1)


def claim(store: Store, token: str = "token", **options: Any) -> Job | None:
    """Claim the next job at the start of the samples' time."""
    return store.jobs.claim(claim_token=token, lease=LEASE, **{"now": START, **options})


class JobContract:
    """Adding, getting, finding, claiming and changing jobs."""

    def test_job_comes_back_equal(self, store: Store) -> None:
        """Every field of a job comes back as it was stored."""
        store.sessions.add(sample_session())
        job = sample_job(
            data=["any", {"JSON": 1.5}],
            status="completed",
            priority=-(2**63),
            attempts=2,
            max_attempts=5,
            error="once",
            result=0,
            started_at=START,
            completed_at=START + timedelta(microseconds=1),
            memva_session_id="session-1",
            lease_until=START,
            claim_token="token",
            worker_id="worker",
            concurrency_key="key",
            unique_key="unique",
            timeout=timedelta(days=3, microseconds=1),
            cancel_requested_at=START,
        )
        store.jobs.add(job)
        assert store.jobs.get("job-1") == job

    @pytest.mark.parametrize("data", [None, False, 0, "", [], {}, "text", 2**70, [None]])
    def test_data_may_be_any_json(self, store: Store, data: Any) -> None:
        """Any JSON value is a job's data or result, the empty ones included."""
        store.jobs.add(sample_job(data=data, result=data))
        job = store.jobs.get("job-1")
        assert (job.data, job.result) == (data, data)
        assert type(job.data) is type(data)

    def test_job_id_is_taken_once(self, store: Store) -> None:
        """A second job with an id is refused, and the first stays as it was."""
        store.jobs.add(sample_job(type="first"))
        with pytest.raises(JobExists) as caught:
            store.jobs.add(sample_job(type="second"))
        assert caught.value.job_id == "job-1"
        assert store.jobs.get("job-1").type == "first"

    def test_job_needs_its_session(self, store: Store) -> None:
        """A job of a session that is not there is refused."""
        with pytest.raises(SessionNotFound) as caught:
            store.jobs.add(sample_job(memva_session_id="nobody"))
        assert caught.value.session_id == "nobody"

    def test_changed_job_needs_its_session(self, store: Store) -> None:
        """A job is not moved to a session that is not there."""
        store.jobs.add(sample_job())
        with pytest.raises(SessionNotFound) as caught:
            store.jobs.update(sample_job(memva_session_id="nobody"), claim_token=None)
        assert caught.value.session_id == "nobody"
        assert store.jobs.get("job-1") == sample_job()

    def test_now_may_be_of_any_zone(self, store: Store) -> None:
        """What is due is told by the moment, not by how its zone writes it."""
        store.jobs.add(sample_job(scheduled_at=START))
        for hours in (9, -9):
            zone = timezone(timedelta(hours=hours))
            early = (START - timedelta(seconds=1)).astimezone(zone)
            assert claim(store, now=early) is None
        assert claim(store, now=START.astimezone(timezone(timedelta(hours=-9)))) is not None

    def test_job_data_must_be_json(self, store: Store) -> None:
        """What JSON cannot say is refused by name."""
        for field in ("data", "result"):
            with pytest.raises(InvalidValue) as caught:
                store.jobs.add(sample_job(**{field: {"x": object()}}))
            assert caught.value.field == field
        assert store.jobs.find() == []

    @pytest.mark.parametrize("job_id", ["nobody", "", "\x00", "\ud800"])
    def test_unknown_job_is_not_found(self, store: Store, job_id: str) -> None:
        """An id that no job has, or could have, raises a `LookupError` that keeps it."""
        with pytest.raises(JobNotFound) as caught:
            store.jobs.get(job_id)
        assert caught.value.job_id == job_id
        assert isinstance(caught.value, LookupError)

    def test_jobs_are_found_last_created_first(self, store: Store) -> None:
        """The last created comes first; of those created together, the last added."""
        for id_, minutes in [("a", 1), ("b", 2), ("c", 1)]:
            store.jobs.add(sample_job(id=id_, created_at=START + timedelta(minutes=minutes)))
        assert [job.id for job in store.jobs.find()] == ["b", "c", "a"]
        assert [job.id for job in store.jobs.find(limit=2)] == ["b", "c"]

    def test_finding_narrows(self, store: Store) -> None:
        """Status and type narrow what is found."""
        store.jobs.add(sample_job(id="a", type="x"))
        store.jobs.add(sample_job(id="b", type="y"))
        store.jobs.add(sample_job(id="c", type="x", status="failed"))
        assert [job.id for job in store.jobs.find(type="x")] == ["c", "a"]
        assert [job.id for job in store.jobs.find(status="pending")] == ["b", "a"]
        assert [job.id for job in store.jobs.find(status="failed", type="y")] == []
        assert [job.id for job in store.jobs.find(type="\ud800")] == []

    def test_claim_stores_what_it_returns(self, store: Store) -> None:
        """A claim charges an attempt and carries its token, and is stored as it is returned."""
        store.jobs.add(sample_job())
        job = claim(store, worker_id="worker")
        assert job is not None
        assert job == sample_job(
            status="processing",
            attempts=1,
            started_at=START,
            lease_until=START + LEASE,
            claim_token="token",
            worker_id="worker",
        )
        assert store.jobs.get("job-1") == job

    def test_claimed_job_is_not_claimed_again(self, store: Store) -> None:
        """Only pending jobs are claimed."""
        store.jobs.add(sample_job())
        for status in ("processing", "completed", "failed", "cancelled"):
            store.jobs.add(sample_job(id=status, status=status))
        first = claim(store)
        assert first is not None
        assert first.id == "job-1"
        assert claim(store) is None

    def test_claim_order(self, store: Store) -> None:
        """Higher priority first, then earlier due, then earlier created, then first added."""
        earlier = START - timedelta(hours=1)
        for job in (
            sample_job(id="5", created_at=START),
            sample_job(id="6", created_at=START),
            sample_job(id="4", created_at=earlier),
            sample_job(id="3", scheduled_at=earlier),
            sample_job(id="2", priority=1),
            sample_job(id="1", priority=2, scheduled_at=START, created_at=START),
            sample_job(id="7", priority=-1, scheduled_at=earlier - timedelta(days=1)),
        ):
            store.jobs.add(job)
        claimed = []
        while (job_ := claim(store)) is not None:
            claimed.append(job_.id)
        assert claimed == ["1", "2", "3", "4", "5", "6", "7"]

    def test_future_job_waits(self, store: Store) -> None:
        """A job is claimed from the moment it is due, not before, however high its priority."""
        due = START + timedelta(microseconds=1)
        store.jobs.add(sample_job(scheduled_at=due, priority=100))
        assert claim(store, now=START) is None
        assert claim(store, now=due) is not None

    def test_claim_by_type(self, store: Store) -> None:
        """A claimer gets jobs of the types it names alone."""
        store.jobs.add(sample_job(id="a", type="x", priority=9))
        store.jobs.add(sample_job(id="b", type="y"))
        assert claim(store, types=[]) is None
        assert claim(store, types=["z", "\ud800"]) is None
        job = claim(store, types=["y", "z"])
        assert job is not None
        assert job.id == "b"

    def test_update_is_fenced(self, store: Store) -> None:
        """A change under another claim than the stored one is refused and changes nothing."""
        store.jobs.add(sample_job())
        job = claim(store)
        assert job is not None
        done = job.completed("done", now=START)
        for token in ("another", None):
            with pytest.raises(LeaseLost) as caught:
                store.jobs.update(done, claim_token=token)
            assert caught.value.job_id == "job-1"
        assert store.jobs.get("job-1") == job
        store.jobs.update(done, claim_token="token")
        assert store.jobs.get("job-1") == done

    def test_update_of_unknown_job_is_refused(self, store: Store) -> None:
        """An update never creates."""
        with pytest.raises(JobNotFound):
            store.jobs.update(sample_job(), claim_token=None)
        assert store.jobs.find() == []

    def test_update_refuses_what_is_not_json(self, store: Store) -> None:
        """A result that JSON cannot say is refused, and the job stays as it was."""
        store.jobs.add(sample_job())
        with pytest.raises(InvalidValue) as caught:
            store.jobs.update(sample_job(result={"x": object()}), claim_token=None)
        assert caught.value.field == "result"
        assert store.jobs.get("job-1") == sample_job()

    def test_job_data_belongs_to_its_caller(self, store: Store) -> None:
        """A caller who changes what it was given changes nothing stored."""
        store.jobs.add(sample_job(data={"list": [1]}))
        claimed = claim(store)
        assert claimed is not None
        for job in (claimed, store.jobs.get("job-1"), store.jobs.find()[0]):
            cast("dict[str, Any]", job.data)["list"].append(2)
        assert store.jobs.get("job-1").data == {"list": [1]}
