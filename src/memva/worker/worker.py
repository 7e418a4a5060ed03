"""The worker: claims jobs, has them run, and stores how they ended."""

from __future__ import annotations

import os
import socket
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import timedelta
from queue import Empty, SimpleQueue
from random import Random
from typing import Final, Literal, TypeAlias

from cattrs import Converter

from memva.domain.abilities import Watch, WorkerStore
from memva.domain.errors import (
    InvalidValue,
    StoreBusy,
    StoreError,
    StoreUnavailable,
)
from memva.domain.ids import new_id
from memva.domain.job import Job
from memva.domain.rescue import Sightings
from memva.domain.retry import DEFAULT_RETRY, RetryPolicy
from memva.domain.validation import check_identifier
from memva.services.claims import (
    get_next_jobs,
    rescue_expired_jobs,
)
from memva.worker.context import JobContext
from memva.worker.ends import Ends
from memva.worker.handlers import Handler, PermanentFailure, prepared
from memva.worker.happenings import Happening, HappeningKind, log, tell
from memva.worker.leases import LeaseKeeper
from memva.worker.runs import Loop, Run, Threads
from memva.worker.signals import signals_calling

DEFAULT_WORKER_LEASE: Final = timedelta(seconds=30)
"""How long a worker's claim is good; it renews it three times as often."""

_RENEWALS: Final = 3
_GIVE_IN_SECONDS: Final = 5.0
"""How long handlers have to stop, once they were told that the worker stops."""
_FIRST_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 5.0
_WATCH_SECONDS: Final = 0.16

_Word: TypeAlias = Run | Literal["changed", "stop"]
"""What wakes the worker: a run that has ended, a commit of somebody's, a call of `stop`."""


class Worker:
    """Runs handlers on the jobs of a store, several at a time.

    Sync handlers run in threads, async ones on one event loop. Leases are renewed from a thread of
    its own for as long as a handler runs, however long that is. Jobs of workers that died are
    rescued. One worker runs once: it has ended when `run` or `run_until_idle` returns.
    """

    def __init__(
        self,
        store: WorkerStore,
        handlers: Mapping[str, Handler],
        *,
        concurrency: int = 10,
        lease: timedelta = DEFAULT_WORKER_LEASE,
        grace: timedelta = timedelta(seconds=30),
        retry: RetryPolicy = DEFAULT_RETRY,
        on_happening: Callable[[Happening], None] | None = None,
        worker_id: str | None = None,
        converter: Converter | None = None,
        random: Random | None = None,
    ) -> None:
        """Make a worker; `run` sets it to work.

        Args:
            store: Where the jobs are.
            handlers: What runs the jobs of each type. The first parameter's annotation says what
                a job's data is made into, by cattrs: a class of attrs, a dataclass, or whatever
                the converter knows; without one it is the JSON as it is.
            concurrency: How many jobs run at a time.
            lease: How long a claim is good; it is renewed every third of it, and another worker
                takes the jobs of this one when it has been silent for so long.
            grace: How long running handlers may go on after `stop`.
            retry: When a job whose handler raised is tried again.
            on_happening: Called with each start and each end of a run, from the worker's thread.
            worker_id: Names the worker, for people to read; the host, the process and a number
                where None.
            converter: Makes arguments of JSON, and JSON of results; a strict one where None.
            random: Where `retry` takes chance from.

        Raises:
            InvalidValue: An argument has a value that it cannot have.
        """
        if type(concurrency) is not int or concurrency < 1:
            raise InvalidValue("concurrency", concurrency, "must be a whole number, at least 1")
        if lease <= timedelta(0):
            raise InvalidValue("lease", lease, "must be a timedelta above zero")
        if grace < timedelta(0):
            raise InvalidValue("grace", grace, "must be a timedelta, not below zero")
        if worker_id is None:
            worker_id = f"{socket.gethostname()}-{os.getpid()}-{new_id()[-6:]}"
        check_identifier("worker_id", worker_id)
        self.worker_id = worker_id
        self._store = store
        self._handlers = prepared(handlers, converter)
        self._types = sorted(self._handlers)
        self._concurrency = concurrency
        self._lease = lease
        self._grace = grace.total_seconds()
        self._on_happening = on_happening
        self._ends = Ends(store, retry, random or Random())
        self._interval = lease.total_seconds() / _RENEWALS
        self._sightings = Sightings(timedelta(seconds=self._interval))
        self._inbox: SimpleQueue[_Word] = SimpleQueue()
        self._threads = Threads(self.worker_id, self._inbox.put)
        self._loop = Loop(f"{self.worker_id}-loop", self._inbox.put)
        self._leases = LeaseKeeper(store, lease, self._interval, name=f"{self.worker_id}-leases")
        self._listening = threading.Event()
        self._running: set[Run] = set()
        self._finished: list[Run] = []
        self._look = True
        self._due_at = self._rescue_at = float("-inf")
        self._stops = 0
        self._begun = False
        self._closed = threading.Event()

    def run(self) -> None:
        """Work until `stop` is called.

        In the main thread SIGINT and SIGTERM call `stop` meanwhile, and a second one stops it
        without grace. An error of the store's is logged, and tried again.

        Raises:
            RuntimeError: It has been run before.
        """
        with self._at_work(), signals_calling(self.stop):
            self._work(until_idle=False)

    def run_until_idle(self) -> None:
        """Work until no job of its types is due and none runs; for scripts and tests.

        Raises:
            RuntimeError: It has been run before.
            StoreError: The store failed.
        """
        with self._at_work(), signals_calling(self.stop):
            self._work(until_idle=True)

    def stop(self) -> None:
        """Have the worker end, from any thread or a signal handler; a second call ends the grace.

        It claims no more. Running handlers have the grace period to return. Then they are told to
        stop, and what stops is handed back, uncharged. A handler that does not stop keeps its job
        until it returns, after the worker has ended; or until the process ends, when its lease runs
        out and another worker takes it.
        """
        self._stops += 1
        self._inbox.put("stop")

    @contextmanager
    def _at_work(self) -> Iterator[None]:
        if self._begun:
            raise RuntimeError("a worker runs once; make another one")
        self._begun = True
        listener = threading.Thread(
            target=self._listen, name=f"{self.worker_id}-watch", daemon=True
        )
        self._leases.start()
        listener.start()
        try:
            yield
        finally:
            self._closed.set()
            self._listening.set()
            self._threads.close()
            self._loop.close()
            self._leases.close()
            listener.join()

    def _work(self, *, until_idle: bool) -> None:
        """Work until there is an end, and let what runs come to its own."""
        try:
            self._work_on(until_idle=until_idle)
        except BaseException:
            # Whatever it was, nothing that runs is left to itself; but it is not waited for long.
            self._stops = 2
            raise
        finally:
            self._end()

    def _work_on(self, *, until_idle: bool) -> None:
        """Claim, start and settle what there is, and wait for more."""
        pause = _FIRST_PAUSE
        while not self._stops:
            try:
                self._rescue()
                self._step()
                pause = _FIRST_PAUSE
            except StoreError as error:
                if self._finished and not isinstance(error, (StoreBusy, StoreUnavailable)):
                    self._settle_apart()
                elif until_idle:
                    raise
                log.warning("the store failed; trying again in %.1f s", pause, exc_info=True)
                self._receive(pause)
                pause, self._look = min(2 * pause, _LONGEST_PAUSE), True
                continue
            if until_idle and not self._look and not self._running:
                return
            self._wait()

    def _step(self) -> None:
        """Settle what has finished and claim what is due, in one transaction."""
        free = self._concurrency - len(self._running)
        if not self._finished:
            if not (self._look and free):
                return
            # A look takes no lock, which a claim would, though there be nothing to claim.
            self._due_at = self._next_due()
            if self._due_at > time.monotonic():
                self._look = False
                return
        claimed = self._settle_and_claim(limit=free)
        # As many as were asked for: there may be more.
        self._look = len(claimed) == free
        self._start(claimed)

    def _wait(self) -> None:
        """Wait until something has finished, has changed or is due."""
        free = self._concurrency - len(self._running)
        if free and self._look:
            self._receive(0.0)
            return
        if free:
            self._listening.set()
        until = min(self._rescue_at, self._due_at) if free else self._rescue_at
        self._receive(until - time.monotonic())
        if self._due_at <= time.monotonic():
            self._look = True

    def _next_due(self) -> float:
        """Return when the next job is due, by the steady clock; never, where there is none."""
        due = self._store.jobs.next_due(types=self._types)
        if due is None:
            return float("inf")
        return time.monotonic() + (due - self._store.now()).total_seconds()

    def _rescue(self) -> None:
        """Look for leases that ran out, once in an interval."""
        if time.monotonic() < self._rescue_at:
            return
        for job in rescue_expired_jobs(self._store, self._sightings):
            log.warning("rescued %s job %s: it is %s", job.type, job.id, job.status)
        # Whatever else wakes it, it looks for itself as often as this: a watch may have failed,
        # and the clock that jobs are due by may have gone on while this machine slept.
        self._look = True
        # From here on, so that the next look comes a whole interval after this one.
        self._rescue_at = time.monotonic() + self._interval

    def _receive(self, seconds: float) -> None:
        """Take in what has come, waiting for it at most so long."""
        try:
            word = self._inbox.get(timeout=max(0.0, seconds))
            while True:
                if isinstance(word, Run):
                    self._running.discard(word)
                    self._finished.append(word)
                    if not word.handler.is_async:
                        self._threads.ended()
                elif word == "changed":
                    self._look = True
                word = self._inbox.get_nowait()
        except Empty:
            return

    def _listen(self) -> None:
        """Tell of commits, in a thread of its own, whenever the worker waits for some."""
        while not self._closed.is_set():
            try:
                with self._store.watch() as watch:
                    # What was committed before it began is nobody else's to tell.
                    self._inbox.put("changed")
                    self._listen_to(watch)
            except StoreError:
                log.warning("no word of commits comes; trying again", exc_info=True)
                self._closed.wait(_LONGEST_PAUSE)

    def _listen_to(self, watch: Watch) -> None:
        while not self._closed.is_set():
            self._listening.wait()
            if watch.wait(_WATCH_SECONDS):
                self._listening.clear()
                self._inbox.put("changed")

    def _start(self, jobs: Sequence[Job]) -> None:
        runs = []
        for job in jobs:
            run = Run(job, self._handlers[job.type], JobContext(self._store, job))
            runs.append(run)
            self._running.add(run)
        if not runs:
            return
        self._leases.add(runs)
        for run in runs:
            self._tell("started", run.job, run)
            (self._loop if run.handler.is_async else self._threads).start(run)

    def _settle_and_claim(self, *, limit: int) -> Sequence[Job]:
        claimed: Sequence[Job] = ()
        with self._store.transaction():
            ends = [(run, *self._ends.store(run)) for run in self._finished]
            if limit:
                claimed = get_next_jobs(
                    self._store,
                    limit=limit,
                    types=self._types,
                    worker_id=self.worker_id,
                    lease=self._lease,
                )
        self._finished.clear()
        for run, kind, job in ends:
            self._leases.remove(run)
            self._tell(kind, job, run)
        return claimed

    def _settle_apart(self) -> None:
        """Store ends one by one, as one that the store refuses holds up all the others."""
        for run in list(self._finished):
            for _ in range(2):
                try:
                    with self._store.transaction():
                        kind, job = self._ends.store(run)
                except StoreError as error:
                    run.error = PermanentFailure(f"its end could not be stored: {error}")
                else:
                    self._finished.remove(run)
                    self._leases.remove(run)
                    self._tell(kind, job, run)
                    break

    def _tell(self, kind: HappeningKind, job: Job, run: Run) -> None:
        seconds = None if kind == "started" else time.monotonic() - run.began
        happening = Happening(
            kind=kind, job=job, worker_id=self.worker_id, seconds=seconds, error=run.error
        )
        tell(happening, self._on_happening)

    def _end(self) -> None:
        """Let what runs come to its end, or give in, and hand back what gives in."""
        stop_at = time.monotonic() + self._grace
        told = False
        while self._running or self._finished:
            if not told and (self._stops > 1 or time.monotonic() >= stop_at):
                self._leases.stop_all()
                told, stop_at = True, time.monotonic() + _GIVE_IN_SECONDS
            if self._finished:
                try:
                    self._settle_and_claim(limit=0)
                except StoreError:
                    log.warning("the store failed while the worker stopped", exc_info=True)
                    time.sleep(_FIRST_PAUSE)
            elif self._running:
                self._receive(stop_at - time.monotonic())
            if told and time.monotonic() >= stop_at:
                break
        for run in (*self._running, *self._finished):
            log.error("%s job %s did not stop; its claim is kept", run.job.type, run.job.id)
        if self._running or self._finished:
            threading.Thread(target=self._outlast, name=self.worker_id, daemon=True).start()

    def _outlast(self) -> None:
        """Keep the claims of handlers that did not stop until they end, and store how they did."""
        while self._running or self._finished:
            if not self._finished:
                self._receive(_LONGEST_PAUSE)
                continue
            try:
                self._settle_and_claim(limit=0)
            except StoreError:
                log.warning("how jobs ended after their worker could not be stored", exc_info=True)
                break
        self._leases.let_go()
        self._loop.close()
