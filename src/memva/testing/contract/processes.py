"""What a store promises to processes that share it, killed ones included.

`MEMVA_PROOF=1` runs the same tests at the size that proves them, fairness included.
"""

from __future__ import annotations

import logging
import multiprocessing
import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from multiprocessing.connection import Connection
from typing import Any, Final

from memva.domain.event_page import EventQuery
from memva.domain.ids import new_id
from memva.domain.new_job import NewJob
from memva.domain.ports import Store
from memva.domain.retry import FixedRetry
from memva.services.claims import fail_job, get_next_job
from memva.services.jobs import create_jobs
from memva.testing.clock import START
from memva.testing.contract.claims import LEASE
from memva.testing.contract.events import stored
from memva.testing.contract.forks import REFUSED, forked
from memva.testing.contract.sessions import all_sessions
from memva.testing.contract.transactions import counts, write_everything
from memva.testing.samples import sample_event, sample_job, sample_session

PROOF: Final = os.environ.get("MEMVA_PROOF") == "1"
PROCESSES: Final = 8 if PROOF else 3
SECONDS: Final = 30.0 if PROOF else 0.5
KILLS: Final = 20 if PROOF else 3

_log = logging.getLogger(__name__)

# A forked child would take the parent's threads' locks along; a fresh one is what hosts run.
_spawn = multiprocessing.get_context("spawn")


class Worker:
    """A process that runs `work(open_store, pipe, *arguments)` from this module."""

    def __init__(
        self, work: Callable[..., None], open_store: Callable[[], Store], *arguments: object
    ) -> None:
        self.pipe, theirs = _spawn.Pipe()
        self.process = _spawn.Process(
            target=work, args=(open_store, theirs, *arguments), daemon=True
        )
        self.process.start()
        theirs.close()

    def receive(self) -> Any:
        """Return the next thing that it sends."""
        if not self.pipe.poll(60):
            raise TimeoutError("a process said nothing for a minute")
        return self.pipe.recv()

    def received(self) -> list[Any]:
        """Return all that it sent before it ended."""
        got = []
        try:
            while self.pipe.poll(60):
                got.append(self.pipe.recv())
        except EOFError:
            pass
        return got

    def kill(self) -> None:
        """End it as a power cut would."""
        assert self.process.pid is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.join()

    def end(self) -> None:
        """Wait for it and release what it held; one that hangs is killed."""
        self.process.join(60)
        if self.process.is_alive():
            self.kill()
        self.pipe.close()
        self.process.close()


@contextmanager
def workers(
    count: int, work: Callable[..., None], open_store: Callable[[], Store], *arguments: object
) -> Iterator[list[Worker]]:
    """Run `count` processes, each told its number; they begin together when all are ready."""
    started: list[Worker] = []
    try:
        started.extend(Worker(work, open_store, number, *arguments) for number in range(count))
        for worker in started:
            assert worker.receive() == "ready"
        for worker in started:
            worker.pipe.send("go")
        yield started
    finally:
        for worker in started:
            worker.end()


def ready(pipe: Connection) -> None:
    """Tell that a process is ready, and wait until all are."""
    pipe.send("ready")
    pipe.recv()


def append_and_read(
    open_store: Callable[[], Store], pipe: Connection, number: int, seconds: float
) -> None:
    """Append and read for some seconds; send how many events, and the longest wait."""
    with closing(open_store()) as store:
        ready(pipe)
        appended, longest, end = 0, 0.0, time.monotonic() + seconds
        while (begin := time.monotonic()) < end:
            appended += 1
            event = sample_event(uuid=str(appended), session_id=f"claude-{number}", line=appended)
            store.events.append([event])
            longest = max(longest, time.monotonic() - begin)
            if appended % 10 == 0:
                page = store.events.page(EventQuery(session_id=f"claude-{number}"), limit=20)
                assert [e.line for e in page.events] == list(range(1, min(appended, 20) + 1))
        pipe.send((appended, longest))


def open_and_write(open_store: Callable[[], Store], pipe: Connection, number: int) -> None:
    """Open the store at the same moment as others, and write to it."""
    ready(pipe)
    with closing(open_store()) as store:
        store.sessions.add(sample_session(id=f"session-{number}"))
        pipe.send("done")


def claim_all(open_store: Callable[[], Store], pipe: Connection, _: int) -> None:
    """Claim jobs until there are none; send their ids."""
    with closing(open_store()) as store:
        ready(pipe)
        claimed = []
        while jobs := store.jobs.claim(claim_token=new_id(), lease=LEASE, limit=2, now=START):
            claimed += [job.id for job in jobs]
        pipe.send(claimed)


def claim_and_fail(
    open_store: Callable[[], Store], pipe: Connection, _: int, seconds: float
) -> None:
    """Claim the same jobs again and again, failing each; send how many claims were made."""
    with closing(open_store()) as store:
        ready(pipe)
        claims, end = 0, time.monotonic() + seconds
        while time.monotonic() < end:
            job = get_next_job(store)
            if job is not None:
                claims += 1
                fail_job(store, job, "again", retry=FixedRetry(timedelta(0)))
        pipe.send(claims)


def append_for_ever(open_store: Callable[[], Store], pipe: Connection, _: int, run: int) -> None:
    """Append pairs of events in transactions, sending the number of each committed pair."""
    with closing(open_store()) as store:
        ready(pipe)
        number = 0
        while True:
            number += 1
            with store.transaction():
                for half in ("a", "b"):
                    store.events.append(
                        [sample_event(uuid=f"{half}-{number}", session_id=f"run-{run}")]
                    )
            pipe.send(number)


def hang_in_transaction(open_store: Callable[[], Store], pipe: Connection, _: int) -> None:
    """Write in a transaction that never ends."""
    with closing(open_store()) as store:
        ready(pipe)
        with store.transaction():
            write_everything(store)
            pipe.send("inside")
            time.sleep(600)


class ProcessContract:
    """Nothing lost, nothing double, no error, whoever dies."""

    def test_processes_may_open_at_once(self, open_store: Callable[[], Store]) -> None:
        """Several processes may be the first to open a store."""
        with workers(PROCESSES, open_and_write, open_store) as started:
            assert [worker.receive() for worker in started] == ["done"] * PROCESSES
        with closing(open_store()) as store:
            assert len(all_sessions(store)) == PROCESSES

    def test_processes_append_and_read(self, open_store: Callable[[], Store]) -> None:
        """Processes that append and read at once get no error and lose or double nothing."""
        with workers(PROCESSES, append_and_read, open_store, SECONDS) as started:
            outcomes = [worker.receive() for worker in started]
        shares = [appended for appended, _ in outcomes]
        with closing(open_store()) as store:
            for number, appended in enumerate(shares):
                mine = stored(store, EventQuery(session_id=f"claude-{number}"), limit=5_000)
                assert [event.line for event in mine] == list(range(1, appended + 1))
        if PROOF:
            fair = sum(shares) / PROCESSES
            waits = [longest for _, longest in outcomes]
            _log.info("shares %s, longest wait %.3f s", sorted(shares), max(waits))
            assert min(shares) >= fair / 2

    def test_processes_never_claim_the_same_job(self, open_store: Callable[[], Store]) -> None:
        """Each job goes to one process."""
        count = 1_000 if PROOF else 60
        with closing(open_store()) as store:
            store.jobs.add([sample_job(id=f"job-{number}") for number in range(count)])
        with workers(PROCESSES, claim_all, open_store) as started:
            claimed = Counter(id_ for worker in started for id_ in worker.receive())
        assert claimed == Counter(f"job-{number}" for number in range(count))

    def test_processes_lose_no_claim(self, open_store: Callable[[], Store]) -> None:
        """Each claim is charged and kept, though a job is claimed and given up at every moment."""
        with closing(open_store()) as store:
            jobs = [NewJob(type="prompt", id=f"job-{n}", max_attempts=10**9) for n in range(2)]
            create_jobs(store, jobs)
        with workers(PROCESSES, claim_and_fail, open_store, SECONDS) as started:
            claims = sum(worker.receive() for worker in started)
        with closing(open_store()) as store:
            stored = [store.jobs.get(f"job-{n}") for n in range(2)]
            assert sum(job.claims for job in stored) == claims
            assert sum(job.attempts for job in stored) == claims
            for job in stored:
                numbers = [attempt.number for attempt in store.jobs.attempts(job.id)]
                assert numbers == list(range(1, job.claims + 1))

    def test_killed_transaction_leaves_nothing(self, open_store: Callable[[], Store]) -> None:
        """A process killed inside a transaction leaves none of it, and holds up nobody."""
        with workers(1, hang_in_transaction, open_store) as [worker]:
            assert worker.receive() == "inside"
            with closing(open_store()) as store:
                assert counts(store) == (0, 0, 0, 0)
                worker.kill()
                write_everything(store)
                assert counts(store) == (1, 1, 1, 1)

    def test_killed_process_keeps_what_it_committed(self, open_store: Callable[[], Store]) -> None:
        """After SIGKILL at any moment every commit that was acknowledged is there, and whole."""
        moments = random.Random(7)
        for run in range(KILLS):
            with workers(1, append_for_ever, open_store, run) as [worker]:
                worker.receive()
                time.sleep(moments.uniform(0.0, 0.2))
                worker.kill()
                acknowledged = max([1, *worker.received()])
            with closing(open_store()) as store:
                events = stored(store, EventQuery(session_id=f"run-{run}"), limit=5_000)
                uuids = {event.uuid for event in events}
                assert len(uuids) == len(events)
                pairs = len(events) // 2
                assert uuids == {f"{h}-{n}" for h in "ab" for n in range(1, pairs + 1)}
                assert pairs >= acknowledged

    if hasattr(os, "fork"):

        def test_store_survives_a_fork(self, store: Store) -> None:
            """A child process may use its parent's open store, and the parent goes on using it."""
            store.sessions.add(sample_session(id="before"))

            def add_and_count() -> int:
                store.sessions.add(sample_session(id="child"))
                return len(all_sessions(store))

            assert forked(add_and_count)() == 2
            store.sessions.add(sample_session(id="after"))
            assert {session.id for session in all_sessions(store)} == {"before", "child", "after"}

        def test_child_outlives_its_parents_store(self, open_store: Callable[[], Store]) -> None:
            """What a child commits is kept, though its parent has closed the store meanwhile."""
            reader, writer = os.pipe()
            with closing(open_store()) as store:
                store.sessions.add(sample_session(id="before"))

                def add_when_told() -> int:
                    store.sessions.add(sample_session(id="child"))
                    os.read(reader, 1)
                    store.sessions.add(sample_session(id="after"))
                    return len(all_sessions(store))

                result = forked(add_when_told)
            os.write(writer, b"x")
            assert result() == 3
            os.close(reader)
            os.close(writer)
            with closing(open_store()) as store:
                assert len(all_sessions(store)) == 3

        def test_child_leaves_its_parents_transaction_alone(self, store: Store) -> None:
            """A fork inside a transaction: the child is refused, the parent commits."""

            def leave() -> int:
                transaction.__exit__(None, None, None)
                return 0

            def add() -> int:
                store.sessions.add(sample_session(id="child"))
                return 0

            transaction = store.transaction()
            with transaction:
                store.sessions.add(sample_session(id="inside"))
                assert [forked(work)() for work in (leave, add)] == [REFUSED, REFUSED]
                store.sessions.add(sample_session(id="more"))
            store.sessions.add(sample_session(id="after"))
            assert {session.id for session in all_sessions(store)} == {"inside", "more", "after"}
