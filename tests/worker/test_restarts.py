"""Proof under fire: PostgreSQL's server is stopped and started while everybody works.

`MEMVA_PROOF=1` runs the same at the size that proves it.
"""

from __future__ import annotations

import logging
import random
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from datetime import datetime, timedelta
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final, TypeAlias

from tests.postgres import Server
from tests.worker.processes import WorkerProcess, patiently
from tests.worker.traces import OfKeys, checked_attempts, checked_jobs, left, number

from memva import (
    NewJob,
    Store,
    StoreUnavailable,
    create_jobs,
    get_events_for_claude_session,
    get_job_stats,
    list_jobs,
    record_event,
)
from memva.adapters.postgres import PostgresStore
from memva.testing.contract.processes import PROOF, ready
from memva.testing.contract.processes import workers as processes

RESTARTS: Final = 20 if PROOF else 2
ENOUGH: Final = 200 if PROOF else 30
"""How many jobs are completed between two restarts, at least."""
SURVIVORS: Final = 2
VICTIMS: Final = 2 if PROOF else 1
PRODUCERS: Final = 4 if PROOF else 1
KEYS: Final = 10
PAUSE: Final = 0.01 if PROOF else 0.002
LEASE: Final = timedelta(seconds=1.0)
PATIENCE: Final = 300.0 if PROOF else 60.0

_log = logging.getLogger(__name__)

Opens: TypeAlias = Callable[[], PostgresStore]
Count: TypeAlias = tuple[int, bool]
"""A number, and whether it was acknowledged that its job is there."""


def produce(open_store: Opens, pipe: Connection, producer: int) -> None:
    """Create jobs and append events until told to stop; send what was acknowledged.

    Odd numbers are created and appended in one transaction, even ones apart, and each event is
    appended until that is acknowledged.
    """
    with closing(open_store()) as store:
        ready(pipe)
        counts: list[Count] = []
        while not pipe.poll(PAUSE):
            count = len(counts)
            append = partial(
                record_event,
                store,
                session_id=f"producer-{producer}",
                event_type="produced",
                data={"number": count},
                uuid=f"{producer}-{count}",
            )
            job = NewJob(
                type="step",
                data={"number": count},
                concurrency_key=f"{producer}-{count % KEYS}",
                max_attempts=1_000,
            )
            try:
                with store.transaction() if count % 2 else nullcontext():
                    if count % 2:
                        append()
                    create_jobs(store, [job])
            except StoreUnavailable:
                counts.append((count, False))
            else:
                counts.append((count, True))
            if count % 2 == 0:
                patiently(append)
        pipe.send(counts)


@contextmanager
def workers(open_store: Opens, errors: Path, count: int) -> Iterator[list[WorkerProcess]]:
    """Have workers work; those that are in the list at the end of the block end gracefully."""
    started = [start(open_store, errors) for _ in range(count)]
    try:
        yield started
        while started:
            started.pop().end()
    finally:
        for worker in started:
            worker.kill()


def start(open_store: Opens, errors: Path) -> WorkerProcess:
    return WorkerProcess(open_store, LEASE, errors, borne=(StoreUnavailable,))


def until(condition: Callable[[], object]) -> None:
    """Wait until a condition holds, also where the server is away meanwhile."""
    give_up = time.monotonic() + PATIENCE
    while not patiently(condition):
        assert time.monotonic() < give_up, "it did not happen"
        time.sleep(0.05)


def has_completed(store: Store, jobs: int) -> bool:
    """Tell whether so many jobs have completed."""
    return sum(one.count for one in get_job_stats(store) if one.status == "completed") >= jobs


def has_worked(store: Store, worker: WorkerProcess, since: datetime) -> bool:
    """Tell whether a worker has completed a job that it began after a moment."""
    return any(
        f"-{worker.pid}-" in str(job.worker_id) and job.started_at and job.started_at > since
        for job in list_jobs(store, status="completed", limit=200)
    )


def check_produced(store: Store, jobs: OfKeys, producer: int, counts: list[Count]) -> None:
    """See that what was acknowledged is there, and that a transaction is there whole or not."""
    there = [number(job) for key in range(KEYS) for job in jobs.get(f"{producer}-{key}", [])]
    assert len(set(there)) == len(there)
    assert {count for count, acknowledged in counts if acknowledged} <= set(there)
    assert set(there) <= {count for count, _ in counts}
    events = get_events_for_claude_session(store, f"producer-{producer}")
    appended = Counter(event.uuid for event in events)
    assert appended == Counter(
        f"{producer}-{count}" for count, _ in counts if count % 2 == 0 or count in there
    )


def test_killed_workers_and_a_restarted_server_lose_and_double_nothing(
    restarted_server: Server, restarted_schema: str, tmp_path: Path
) -> None:
    chance, errors = random.Random(7), tmp_path / "errors"
    opens = partial(PostgresStore.open, restarted_server.url, schema=restarted_schema)
    open_store = partial(patiently, opens)
    begin = time.monotonic()
    with closing(opens()) as store:
        with (
            workers(open_store, errors, SURVIVORS) as survivors,
            workers(open_store, errors, VICTIMS) as victims,
        ):
            with processes(PRODUCERS, produce, open_store) as producers:
                for restart in range(RESTARTS):
                    until(partial(has_completed, store, ENOUGH * (restart + 1)))
                    victim = victims.pop(0)
                    if restart % 2:
                        victim.kill()
                    with restarted_server.away():
                        time.sleep(chance.uniform(0, 0.3))
                        if not restart % 2:
                            victim.kill()
                    victims.append(start(open_store, errors))
                since = patiently(store.now)
                for survivor in survivors:
                    until(partial(has_worked, store, survivor, since))
                for producer in producers:
                    producer.pipe.send("stop")
                counts = [producer.receive() for producer in producers]
            until(lambda: left(store) == 0)
        jobs = checked_jobs(store)
        for producer_number, produced in enumerate(counts):
            check_produced(store, jobs, producer_number, produced)
        in_vain = checked_attempts(store, jobs, {"lost", "released", "failed"})
        for attempt in in_vain:
            assert attempt.outcome != "failed" or str(attempt.error).startswith("StoreUnavailable")
    assert errors.read_text() == ""
    _log.info(
        "%d jobs, %d restarts, %d kills, %s, %d not acknowledged, %.0f s",
        sum(map(len, jobs.values())),
        RESTARTS,
        RESTARTS,
        dict(Counter(attempt.outcome for attempt in in_vain)),
        sum(not acknowledged for produced in counts for _, acknowledged in produced),
        time.monotonic() - begin,
    )
