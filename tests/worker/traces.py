"""What the traces of `processes.step` must show, whatever happened to the workers."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping
from typing import Any, TypeAlias, cast

from memva import (
    Job,
    JobAttempt,
    Store,
    get_events_for_claude_session,
    get_job_attempts,
    get_job_stats,
    list_jobs,
)

OfKeys: TypeAlias = Mapping[str, list[Job]]
"""The jobs of each concurrency key, in the order in which they were created."""


def left(store: Store) -> int:
    """Return how many jobs have not completed."""
    return sum(one.count for one in get_job_stats(store) if one.status != "completed")


def number(job: Job) -> int:
    """Return the number that a job was given."""
    return int(cast("dict[str, Any]", job.data)["number"])


def checked_jobs(store: Store) -> OfKeys:
    """See that every job has left one trace, in its order and alone in its key; return all."""
    of_keys = _all_jobs(store)
    for key, jobs in of_keys.items():
        numbers = list(map(number, jobs))
        assert numbers == sorted(set(numbers))
        end = 0
        # Nothing accepted twice, nothing stale, and in their order.
        for job, event in zip(jobs, get_events_for_claude_session(store, key), strict=True):
            assert (job.status, job.result) == ("completed", job.claim_token)
            assert (event.data["number"], event.data["claim"]) == (number(job), job.result)
            # No accepted run began before the one before it had ended, by whatever clock.
            assert cast("int", event.data["begun_after"]) >= end
            end = event.position
    return of_keys


def checked_attempts(store: Store, jobs: OfKeys, expected: Collection[str]) -> list[JobAttempt]:
    """See that attempts before the last of a job ended as is expected; return them."""
    in_vain: list[JobAttempt] = []
    for job in (job for of_key in jobs.values() for job in of_key if job.claims > 1):
        *before, last = get_job_attempts(store, job.id)
        assert last.outcome == "completed"
        assert {attempt.outcome for attempt in before} <= set(expected)
        in_vain += before
    return in_vain


def _all_jobs(store: Store) -> OfKeys:
    of_keys = defaultdict(list)
    page = list_jobs(store, limit=1_000)
    while True:
        for job in page:
            of_keys[str(job.concurrency_key)].append(job)
        if page.next is None:
            break
        page = list_jobs(store, after=page.next, limit=1_000)
    for jobs in of_keys.values():
        jobs.reverse()
    return of_keys
