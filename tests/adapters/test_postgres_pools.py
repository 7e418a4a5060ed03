"""Many processes with small pools: no error, nothing lost or doubled, no connection left.

`MEMVA_PROOF=1` runs the same at the size that proves it.
"""

from __future__ import annotations

import logging
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from functools import partial
from multiprocessing.connection import Connection
from typing import Final

import psycopg
from tests.postgres import url_with
from tests.worker.working import until

from memva import (
    complete_job,
    create_job,
    get_events_for_claude_session,
    get_job_stats,
    get_next_job,
    record_event,
)
from memva.adapters.postgres import PostgresStore
from memva.testing.contract.processes import PROOF, ready, workers

PROCESSES: Final = 20 if PROOF else 3
SECONDS: Final = 60.0 if PROOF else 1.0
THREADS: Final = 4
POOL: Final = 2

_log = logging.getLogger(__name__)


def work(opens: partial[PostgresStore], pipe: Connection, number: int) -> None:
    """Create, claim and complete jobs and append events in more threads than connections.

    Send the ids of the jobs that were created and of those that were completed, and how many
    events were appended beside the one for each that was completed. It outlives its store.
    """
    created: list[str] = []
    completed: list[str] = []
    alone: list[str] = []

    def live(thread: int) -> None:
        key = f"{number}-{thread}"
        append = partial(record_event, store, session_id=f"{number}", event_type="soak")
        while time.monotonic() < end:
            created.append(create_job(store, type="soak", concurrency_key=key).id)
            alone.append(append(data={"thread": thread}, uuid=f"{created[-1]}-{key}").uuid)
            job = get_next_job(store)
            if job is not None:
                with store.transaction():
                    append(data={"job": job.id}, uuid=job.id)
                    complete_job(store, job)
                completed.append(job.id)

    with closing(opens(max_connections=POOL)) as store, ThreadPoolExecutor(THREADS) as threads:
        ready(pipe)
        end = time.monotonic() + SECONDS
        list(threads.map(live, range(THREADS)))
    pipe.send((created, completed, len(alone)))
    pipe.recv()


def test_processes_claim_and_append_through_pools_of_two(
    postgres_url: str, postgres_schema: str
) -> None:
    def connections() -> int:
        [(count,)] = asking.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'soak'"
        ).fetchall()
        return int(count)

    url = url_with(postgres_url, application_name="soak")
    opens = partial(PostgresStore.open, url, schema=postgres_schema)
    most = 0
    with (
        psycopg.connect(postgres_url, autocommit=True) as asking,
        workers(PROCESSES, work, opens) as started,
    ):
        end = time.monotonic() + SECONDS
        while time.monotonic() < end:
            most = max(most, connections())
            time.sleep(0.02)
        told = [worker.receive() for worker in started]
        until(lambda: connections() == 0)
        for worker in started:
            worker.pipe.send("end")
    assert PROCESSES <= most <= PROCESSES * POOL
    created = Counter(job_id for jobs, _, _ in told for job_id in jobs)
    completed = Counter(job_id for _, jobs, _ in told for job_id in jobs)
    assert set(created.values()) == set(completed.values()) == {1}
    assert set(completed) <= set(created)
    events = 0
    with PostgresStore.open(postgres_url, schema=postgres_schema) as store:
        counts = Counter({row.status: row.count for row in get_job_stats(store)})
        assert counts["completed"] == len(completed)
        assert counts["pending"] == len(created) - len(completed)
        assert counts.total() == len(created)
        for number, (_, jobs, alone) in enumerate(told):
            recorded = list(get_events_for_claude_session(store, f"{number}"))
            assert Counter(e.data["job"] for e in recorded if "job" in e.data) == Counter(jobs)
            assert len(recorded) == len(jobs) + alone
            events += len(recorded)
    _log.info(
        "%d processes: %d jobs created, %d completed, %d events, %.0f s, at most %d connections",
        PROCESSES,
        len(created),
        len(completed),
        events,
        SECONDS,
        most,
    )
