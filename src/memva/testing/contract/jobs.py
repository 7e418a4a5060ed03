"""What a store promises of the jobs that it keeps: storing, finding, changing and deleting them."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any, cast

import attrs
import pytest

from memva.domain.errors import (
    InvalidValue,
    JobExists,
    JobNotFound,
    SessionNotFound,
)
from memva.domain.job import Job
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobQuery, JobStats
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.samples import sample_job, sample_session

MINUTE = timedelta(minutes=1)


def all_jobs(store: Store) -> list[Job]:
    """Return all jobs of a small store, the last added first."""
    return list(store.jobs.find(JobQuery(), limit=10_000))


def found(store: Store, **query: Any) -> list[str]:
    """Return the ids of the jobs of a query."""
    return [job.id for job in store.jobs.find(JobQuery(**query), limit=100)]


def running(**fields: Any) -> Job:
    """Return a job as it is under the claim `token`."""
    return sample_job(
        **{
            "status": "processing",
            "attempts": 1,
            "claims": 1,
            "started_at": START,
            "lease_until": START + MINUTE,
            "claim_token": "token",
            **fields,
        }
    )


def ended(id_: str, status: str, at: datetime) -> Job:
    """Return a job that came to `status` at a moment."""
    return sample_job(id=id_, status=status, completed_at=at)


class JobContract:
    """Adding, getting, finding, changing, counting and deleting jobs."""

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
            unique_scope="until_claimed",
            timeout=timedelta(days=3, microseconds=1),
            cancel_requested_at=START,
            claims=3,
            checkpoint={"at": 7},
        )
        assert store.jobs.add([job]) == [job]
        assert store.jobs.get("job-1") == job

    @pytest.mark.parametrize("data", [None, False, 0, "", [], {}, "text", 2**70, [None]])
    def test_data_may_be_any_json(self, store: Store, data: Any) -> None:
        """Any JSON value is a job's data, result or checkpoint, the empty ones included."""
        store.jobs.add([sample_job(data=data, result=data, checkpoint=data)])
        job = store.jobs.get("job-1")
        assert (job.data, job.result, job.checkpoint) == (data, data, data)
        assert type(job.data) is type(data)

    def test_jobs_are_added_together_or_not_at_all(self, store: Store) -> None:
        """Where one of several jobs is refused, none is stored."""
        store.jobs.add([sample_job(id="taken", type="first")])
        for bad, error in (
            (sample_job(id="taken"), JobExists),
            (sample_job(id="new-1"), JobExists),
            (sample_job(id="bad", memva_session_id="nobody"), SessionNotFound),
            (sample_job(id="bad", data={"x": object()}), InvalidValue),
        ):
            with pytest.raises(error):
                store.jobs.add([sample_job(id="new-1"), sample_job(id="new-2"), bad])
            assert [job.id for job in all_jobs(store)] == ["taken"]
        assert store.jobs.get("taken").type == "first"
        assert store.jobs.add([]) == []

    def test_job_may_have_ended_before_it_is_added(self, store: Store) -> None:
        """A job that ended elsewhere is added as it is, holds nothing, and may be told anew."""
        ended = {"status": "failed", "started_at": START, "completed_at": START, "error": "gone"}
        old = sample_job(concurrency_key="key", unique_key="key", **ended)
        new = sample_job(id="job-2", concurrency_key="key", unique_key="key")
        assert [job.id for job in store.jobs.add([old, new])] == ["job-1", "job-2"]
        assert store.jobs.get("job-1") == old
        told = attrs.evolve(old, status="completed", error=None, result="done")
        store.jobs.replace([JobChange(old, told)])
        assert store.jobs.get("job-1") == told
        claimed = store.jobs.claim(
            claim_token="token", lease=timedelta(minutes=1), limit=2, now=START
        )
        assert [job.id for job in claimed] == ["job-2"]

    def test_refusal_of_a_job_names_it(self, store: Store) -> None:
        """The error of a job that cannot be added keeps the id that stood in the way."""
        store.jobs.add([sample_job()])
        with pytest.raises(JobExists) as exists:
            store.jobs.add([sample_job(id="job-2"), sample_job()])
        assert exists.value.job_id == "job-1"
        with pytest.raises(SessionNotFound) as missing:
            store.jobs.add([sample_job(id="job-2", memva_session_id="nobody")])
        assert missing.value.session_id == "nobody"

    def test_job_data_must_be_json(self, store: Store) -> None:
        """What JSON cannot say is refused by name."""
        for field in ("data", "result", "checkpoint"):
            with pytest.raises(InvalidValue) as caught:
                store.jobs.add([sample_job(**{field: {"x": object()}})])
            assert caught.value.field == field
        assert all_jobs(store) == []

    @pytest.mark.parametrize("job_id", ["nobody", "", "\x00", "\ud800"])
    def test_unknown_job_is_not_found(self, store: Store, job_id: str) -> None:
        """An id that no job has, or could have, raises a `LookupError` that keeps it."""
        with pytest.raises(JobNotFound) as caught:
            store.jobs.get(job_id)
        assert caught.value.job_id == job_id
        assert isinstance(caught.value, LookupError)
        assert store.jobs.attempts(job_id) == []

    def test_jobs_are_found_last_added_first(self, store: Store) -> None:
        """The last added comes first, whenever it was created."""
        store.jobs.add([sample_job(id="a", created_at=START + MINUTE), sample_job(id="b")])
        store.jobs.add([sample_job(id="c")])
        assert found(store) == ["c", "b", "a"]

    def test_finding_narrows(self, store: Store) -> None:
        """Each part of a query narrows what is found, and together they narrow more."""
        store.sessions.add(sample_session())
        store.jobs.add(
            [
                sample_job(id="a", type="x", concurrency_key="k"),
                sample_job(id="b", type="y", memva_session_id="session-1"),
                sample_job(id="c", type="x", status="failed", completed_at=START),
                running(id="d", type="z", concurrency_key="k", memva_session_id="session-1"),
                sample_job(id="e", type="z", started_at=START, memva_session_id="session-1"),
                ended("f", "completed", START),
            ]
        )
        assert found(store, types=["x"]) == ["c", "a"]
        assert found(store, types=["x", "z"]) == ["e", "d", "c", "a"]
        assert found(store, statuses=["pending"]) == ["e", "b", "a"]
        assert found(store, statuses=["failed"]) == ["c"]
        assert found(store, statuses=["failed", "processing"]) == ["d", "c"]
        assert found(store, statuses=["failed", "completed"]) == ["f", "c"]
        assert found(store, statuses=[]) == []
        assert found(store, memva_session_id="session-1") == ["e", "d", "b"]
        assert found(store, concurrency_key="k") == ["d", "a"]
        assert found(store, active=True) == ["e", "d"]
        assert found(store, active=True, concurrency_key="k") == ["d"]
        assert found(store, types=["x"], statuses=["failed"]) == ["c"]
        assert found(store, types=["\ud800", "x\x00"]) == []
        assert found(store, memva_session_id="\x00") == []

    def test_pages_of_jobs(self, store: Store) -> None:
        """Pages follow each other without a gap, though jobs come and go between them."""
        store.jobs.add([sample_job(id=f"job-{n}") for n in range(1, 5)])
        store.jobs.add([ended("job-5", "completed", START)])
        first = store.jobs.find(JobQuery(), limit=1)
        assert [job.id for job in first] == ["job-5"]
        store.jobs.prune("completed", ended_before=START + MINUTE, limit=9)
        store.jobs.add([sample_job(id="job-6")])
        second = store.jobs.find(JobQuery(), after=first.next, limit=3)
        assert [job.id for job in second] == ["job-4", "job-3", "job-2"]
        last = store.jobs.find(JobQuery(), after=second.next, limit=1)
        assert ([job.id for job in last], last.next) == (["job-1"], None)

    def test_any_number_bounds_a_page_of_jobs(self, store: Store) -> None:
        """The largest limit narrows nothing, and neither does a cursor after all there is."""
        store.jobs.add([sample_job(id=f"job-{n}") for n in range(1, 4)])
        page = store.jobs.find(JobQuery(), after=10**30, limit=2**63 - 1)
        assert (len(page), page.next) == (3, None)

    def test_expired_leases_are_found(self, store: Store) -> None:
        """Leases that ran out are found, the longest ago first; others are not."""
        for id_, minutes in (("a", 2), ("b", 1), ("c", 3)):
            store.jobs.add([running(id=id_, lease_until=START + minutes * MINUTE)])
        store.jobs.add([sample_job(id="d", lease_until=START)])
        now = START + 2 * MINUTE
        assert [job.id for job in store.jobs.expired(now=now, limit=9)] == ["b", "a"]
        assert [job.id for job in store.jobs.expired(now=now, limit=1)] == ["b"]
        assert store.jobs.expired(now=START, limit=9) == []

    def test_jobs_are_counted(self, store: Store) -> None:
        """Jobs are counted by type and status; waiting ones say since when the first is due."""
        store.jobs.add(
            [
                sample_job(id="a", type="x", scheduled_at=START + 2 * MINUTE),
                sample_job(id="b", type="x", scheduled_at=START + MINUTE),
                sample_job(id="c", type="x", scheduled_at=START + MINUTE, concurrency_key="k"),
                sample_job(id="d", type="x", scheduled_at=START, concurrency_key="k"),
                sample_job(id="e", type="w", scheduled_at=START + 9 * MINUTE),
                running(id="f", type="x"),
                ended("g", "completed", START),
                ended("h", "completed", START),
            ]
        )
        assert store.jobs.stats(now=START + MINUTE) == [
            JobStats("prompt", "completed", 2, None),
            JobStats("w", "pending", 1, None),
            JobStats("x", "pending", 4, START),
            JobStats("x", "processing", 1, None),
        ]

    def test_pruning_deletes_what_ended_long_ago(self, store: Store) -> None:
        """Jobs are deleted that came to a status before a moment, as many as asked, no others."""
        store.jobs.add(
            [
                ended("a", "completed", START),
                ended("b", "completed", START + MINUTE),
                ended("c", "failed", START),
                attrs.evolve(ended("d", "completed", START), type="other"),
                sample_job(id="e"),
                running(id="f"),
            ]
        )
        assert store.jobs.prune("completed", ended_before=START + MINUTE, limit=1) == 1
        assert store.jobs.prune("completed", ended_before=START + MINUTE, limit=9) == 1
        assert store.jobs.prune("completed", ended_before=START + MINUTE, limit=9) == 0
        assert found(store) == ["f", "e", "c", "b"]

    def test_pruning_takes_the_attempts_along(self, store: Store) -> None:
        """A job that takes a deleted one's id has none of its attempts."""
        job = running()
        store.jobs.add([job])
        lost, attempt = attrs.evolve(job, attempts=3).lost(now=START)
        store.jobs.replace([JobChange(job, lost, attempt)])
        assert len(store.jobs.attempts("job-1")) == 1
        store.jobs.prune("failed", ended_before=START + MINUTE, limit=9)
        store.jobs.add([job])
        assert store.jobs.attempts("job-1") == []

    def test_session_takes_its_jobs_along(self, store: Store) -> None:
        """Deleting a session deletes its jobs and their attempts, and frees their keys."""
        store.sessions.add(sample_session())
        job = running(memva_session_id="session-1", concurrency_key="k")
        store.jobs.add([job, sample_job(id="job-2", concurrency_key="k")])
        store.jobs.replace([JobChange(job, job, job.released(now=START).attempt)])
        store.sessions.delete("session-1")
        assert found(store) == ["job-2"]
        assert store.jobs.attempts("job-1") == []
        claimed = store.jobs.claim(claim_token="t", lease=MINUTE, limit=9, now=START)
        assert [job.id for job in claimed] == ["job-2"]

    def test_job_data_belongs_to_its_caller(self, store: Store) -> None:
        """A caller who changes what it was given changes nothing stored."""
        store.jobs.add([sample_job(data={"list": [1]})])
        [claimed] = store.jobs.claim(claim_token="t", lease=MINUTE, limit=1, now=START)
        for job in (claimed, store.jobs.get("job-1"), all_jobs(store)[0]):
            cast("dict[str, Any]", job.data)["list"].append(2)
        assert store.jobs.get("job-1").data == {"list": [1]}
