"""What a store promises of jobs that come from another store, and of giving its own to one."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from memva.domain.attempt import JobAttempt
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobQuery
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.contract.claims import claim, claim_all
from memva.testing.contract.jobs import MINUTE, all_jobs, running
from memva.testing.samples import sample_job


class MovedJobContract:
    """Jobs that go from one store to another with all that has happened to them."""

    def test_pages_of_jobs_from_the_oldest_on(self, store: Store) -> None:
        """Asked for, the job added first comes first, whatever its times and priority."""
        store.jobs.add(
            [
                sample_job(id="job-1", priority=-1, created_at=START + MINUTE),
                sample_job(id="other", type="other"),
                sample_job(id="job-2", priority=9),
                sample_job(id="job-3", created_at=START - MINUTE),
            ]
        )
        query = JobQuery(types=["prompt"])
        first = store.jobs.find(query, oldest_first=True, limit=1)
        second = store.jobs.find(query, after=first.next, oldest_first=True, limit=1)
        store.jobs.add([sample_job(id="job-4")])
        last = store.jobs.find(query, after=second.next, oldest_first=True, limit=9)
        ids = [[job.id for job in page] for page in (first, second, last)]
        assert (ids, last.next) == ([["job-1"], ["job-2"], ["job-3", "job-4"]], None)

    def test_claim_made_elsewhere_is_good(self, store: Store) -> None:
        """A job that was claimed elsewhere is ended by its claim, and is found when that runs out.

        Until then it keeps the others of its key back.
        """
        held = running(concurrency_key="key")
        store.jobs.add([sample_job(id="behind", concurrency_key="key"), held])
        assert store.jobs.get("job-1") == held
        assert claim_all(store) == []
        assert store.jobs.expired(now=START + MINUTE, limit=9) == [held]
        store.jobs.replace([JobChange(held, held.completed("done", now=START).job)])
        assert claim_all(store) == ["behind"]

    def test_wait_for_a_retry_that_began_elsewhere_goes_on(self, store: Store) -> None:
        """A job that waits for its next run holds its key, and is claimed when it is due."""
        waiting = running(
            status="pending",
            concurrency_key="key",
            lease_until=None,
            scheduled_at=START + MINUTE,
            claim_token=None,
            error="broken",
        )
        store.jobs.add([waiting, sample_job(id="behind", concurrency_key="key", priority=9)])
        assert claim_all(store) == []
        [again] = claim(store, now=START + MINUTE)
        assert (again.id, again.claims, again.error) == ("job-1", 2, "broken")

    @pytest.mark.parametrize(
        "fields",
        [
            {"claims": 1},
            {"claims": 1, "status": "completed", "started_at": START, "completed_at": START},
            {"claims": 2, "status": "processing", "started_at": START, "claim_token": "token"},
        ],
        ids=["pending", "completed", "processing"],
    )
    def test_attempt_is_kept_of_a_job_as_it_is(self, store: Store, fields: dict[str, Any]) -> None:
        """An attempt may be added to a job whatever its status; the job stays as it is."""
        job = sample_job(**fields)
        store.jobs.add([job])
        attempt = JobAttempt(
            job_id="job-1",
            number=1,
            worker_id="worker",
            started_at=START,
            ended_at=START + MINUTE,
            outcome="snoozed",
            error="later",
            checkpoint=["at", 1.5],
        )
        store.jobs.replace([JobChange(job, attrs.evolve(job), attempt)])
        assert store.jobs.attempts("job-1") == [attempt]
        assert all_jobs(store) == [job]
