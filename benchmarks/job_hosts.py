"""What every benchmark of jobs does with a store, as a host would, and what its jobs hold."""

from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator, Sequence
from typing import Final

from benchmarks import raw_jobs
from benchmarks.hosts import BLOCK
from benchmarks.workload import made_up_uuid
from memva import (
    JobStatus,
    JsonObject,
    NewJob,
    Store,
    complete_job,
    complete_jobs,
    create_jobs,
    get_job_stats,
    get_next_job,
    get_next_jobs,
)

TYPE: Final = "prompt"
"""The type of the jobs that are claimed."""

RESULT: Final[JsonObject] = {
    "is_error": False,
    "num_turns": 7,
    "duration_ms": 51_234,
    "total_cost_usd": 0.0831,
    "result": "The login works again; the tests pass.",
}
"""What they are completed with."""

_PROMPTS: Final = (
    "Fix the login: it sends people back to the start page when their session has run out.",
    "Summarise what changed since yesterday, in three sentences for the team's channel.",
    "Write tests for the parser, caf\N{LATIN SMALL LETTER E WITH ACUTE} and all, and run them.",
    "Why is the build red?",
)


def job_data(chance: random.Random) -> JsonObject:
    """Return what a job is given that prompts Claude Code: some 300 bytes of JSON."""
    return {
        "session_id": made_up_uuid(chance),
        "prompt": chance.choice(_PROMPTS),
        "cwd": f"/home/someone/code/project-{chance.randrange(30)}",
        "options": {
            "model": "claude-sonnet-4-5-20250929",
            "max_turns": chance.randrange(5, 50),
            "permission_mode": "acceptEdits",
        },
    }


def job_datas(seed: int, count: int) -> list[JsonObject]:
    """Return what so many jobs are given: the same on every machine."""
    chance = random.Random(seed)
    return [job_data(chance) for _ in range(count)]


def add_jobs(store: Store, datas: Sequence[JsonObject]) -> None:
    """Add jobs that are due at once."""
    create_jobs(store, [NewJob(type=TYPE, data=data) for data in datas])


def claim_and_complete(store: Store, count: int) -> None:
    """Claim and complete so many jobs one by one, each step in a transaction of its own."""
    for _ in range(count):
        job = get_next_job(store, types=[TYPE])
        assert job is not None
        complete_job(store, job, RESULT)


def claim_and_complete_batch(store: Store, count: int) -> None:
    """Claim and complete so many jobs at once: a step for all claims, and one for all ends."""
    jobs = get_next_jobs(store, limit=count, types=[TYPE])
    assert len(jobs) == count
    complete_jobs(store, [(job, RESULT) for job in jobs])


def claim_and_complete_raw(connection: sqlite3.Connection, count: int) -> None:
    """Do on the floor what `claim_and_complete` does with memva."""
    for _ in range(count):
        job = raw_jobs.claim(connection, TYPE)
        assert job is not None
        raw_jobs.complete(connection, job, RESULT)


def blocks(count: int) -> Iterator[int]:
    """Yield how many jobs a contender does before it is the other's turn, `count` in all."""
    for begin in range(0, count, BLOCK):
        yield min(BLOCK, count - begin)


def job_counts(store: Store) -> dict[tuple[str, JobStatus], int]:
    """Return how many jobs there are of each type and status."""
    return {(row.type, row.status): row.count for row in get_job_stats(store)}
