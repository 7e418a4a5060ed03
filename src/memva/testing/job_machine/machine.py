"""The machine: what it does in each step, and what it compares after it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Collection, Sequence
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta, timezone
from functools import partial
from itertools import product
from typing import Any, cast

import attrs
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)

from memva.domain.attempt import JobAttempt
from memva.domain.errors import MemvaError
from memva.domain.job import EndedStatus, Job, JobStatus
from memva.domain.job_page import JobQuery
from memva.domain.new_job import CreatedJob, NewJob
from memva.domain.ports import Store
from memva.testing.clock import START
from memva.testing.job_machine import values
from memva.testing.job_machine.calls import JobCalls
from memva.testing.job_machine.kept import Kept
from memva.testing.job_machine.model import JobModel


class _Undone(Exception):
    """Ends a transaction whose changes are to be undone."""


@attrs.frozen
class _Failure:
    """An error as it is compared: its type and what it keeps."""

    type: type[MemvaError]
    attributes: dict[str, Any]


def _has(*statuses: JobStatus) -> Callable[[Any], bool]:
    """Tell whether a machine has a job with one of these statuses."""
    return lambda machine: any(job.status in statuses for job in machine.model.jobs)


class JobMachine(RuleBasedStateMachine):
    """Creates jobs, claims, ends, loses and prunes them, on several stores and on a model.

    Its subclass gives `stores`; its `TestCase` is what pytest or unittest runs.
    """

    def __init__(self) -> None:
        super().__init__()
        self.now = START
        self.monotonic = 0.0
        self.model = JobModel(lambda: self.monotonic)
        # What calls have returned, under names that keep the account of a run short.
        self.seen: dict[str, Job] = {}
        self._tokens = 0
        self._transactions: list[tuple[Kept, list[AbstractContextManager[None]]]] = []
        self._checked: dict[str, list[JobAttempt]] = {}
        self._exit = ExitStack()
        stores = self._exit.enter_context(self.stores())
        self._calls = [JobCalls(store, lambda: self.monotonic) for store in stores]
        for session_id in values.SESSIONS:
            self._create_session(session_id)

    def stores(self) -> AbstractContextManager[Sequence[Store]]:
        """Give the stores that are driven together, empty and open, for the `with` block."""
        raise NotImplementedError("a subclass of JobMachine gives `stores`")

    @property
    def held(self) -> list[str]:
        """What was seen of jobs under the claim that they are running under."""
        return [name for name, job in self.seen.items() if self._is_held(job)]

    @property
    def stale(self) -> list[str]:
        """What was seen of jobs that are not as they were any more."""
        return [name for name, job in self.seen.items() if not self._is_held(job)]

    @property
    def job_ids(self) -> list[str]:
        """The ids of the jobs that are there."""
        return list(self.model.kept.jobs)

    @property
    def free_ids(self) -> list[str]:
        """Ids that no job has."""
        return [id_ for id_ in values.IDS if id_ not in self.model.kept.jobs]

    @initialize(several=values.batches, runs=st.lists(values.holders_moves))
    def begin_with(
        self, several: list[tuple[NewJob, values.Due]], runs: list[list[values.Move]]
    ) -> None:
        """Begin with some jobs, of which some have been claimed, and some of those have ended."""
        for new, due in several:
            self.create(new, due, exist_ok=True)
        for moves in runs:
            self.run(moves)

    @rule(new=values.new_jobs, due=values.dues, exist_ok=st.booleans())
    def create(self, new: NewJob, due: values.Due, exist_ok: bool) -> None:
        """Create a job; its id or its unique key may be taken, and its session may be gone."""
        new = self._scheduled(new, due)
        self._agree(lambda jobs: jobs.create_job(new, exist_ok=exist_ok, now=self.now))

    @rule(several=values.batches, repeat=st.sampled_from([False, False, False, True]))
    def create_several(self, several: list[tuple[NewJob, values.Due]], repeat: bool) -> None:
        """Create several jobs at once, all of them or none; an id may be there twice."""
        new = [self._scheduled(*one) for one in several + several[: int(repeat)]]
        self._agree(lambda jobs: jobs.create_jobs(new, now=self.now))

    @precondition(_has("pending"))
    @rule(
        limit=st.integers(1, 5),
        types=values.types,
        lease=values.leases,
        worker_id=st.sampled_from([None, "w", "v"]),
    )
    def claim(
        self, limit: int, types: Collection[str] | None, lease: timedelta, worker_id: str | None
    ) -> None:
        """Claim jobs of some types."""
        self._claim(limit, types, lease, worker_id)

    @precondition(_has("pending"))
    @rule(moves=values.holders_moves)
    def run(self, moves: list[values.Move]) -> None:
        """Claim the next job and go on with it, as a worker does."""
        for job in self._claim(1, None, timedelta(seconds=10), "w"):
            self._move(job, moves)

    @precondition(lambda self: self.held)
    @rule(claim=values.held, moves=values.holders_moves)
    def go_on(self, claim: str, moves: list[values.Move]) -> None:
        """Go on with a running job, as it was seen some time since it was claimed."""
        self._move(self.seen[claim], moves)

    @precondition(lambda self: self.stale)
    @rule(claim=values.stale, moves=values.holders_moves)
    def use_stale(self, claim: str, moves: list[values.Move]) -> None:
        """Use what was seen of a job that was claimed, ended or deleted since then."""
        self._move(self.seen[claim], moves)

    @rule(job_id=values.job_ids, moves=values.operators_moves)
    def interfere(self, job_id: str, moves: list[values.Move]) -> None:
        """Cancel a job, begin it anew, or move it to a status, as an operator."""
        self._move(job_id, moves)

    @precondition(_has("processing"))
    @rule(patient=st.booleans(), looks=st.lists(values.passings, min_size=1, max_size=4))
    def rescue(self, patient: bool, looks: list[values.Passing]) -> None:
        """Look for expired leases now and again, as one of two rescuers, and rescue jobs.

        The patient one must see a lease expired twice, 10 seconds apart by a clock that nobody
        sets.
        """
        interval = timedelta(seconds=10 if patient else 0)
        for passing in looks:
            self._pass_time(passing)
            self._rescue(interval)

    @precondition(_has("completed", "failed", "cancelled"))
    @rule(statuses=values.ended, age=values.seconds(0, 1, 60), at_once=st.integers(0, 2))
    def prune(self, statuses: list[EndedStatus], age: timedelta, at_once: int) -> None:
        """Delete jobs that have ended, all at once or by small batches."""
        if at_once == 0:
            self._agree(lambda jobs: jobs.prune_jobs(older_than=age, status=statuses, now=self.now))
            return
        for status in statuses:
            self._prune(status, age, at_once)

    @rule(session_id=values.sessions)
    def toggle_session(self, session_id: str) -> None:
        """Delete a session with its jobs, or create it where it is not there."""
        if session_id in self.model.kept.sessions:
            self._agree(lambda jobs: jobs.delete_session(session_id))
        else:
            self._create_session(session_id)

    @rule(inner=st.booleans(), undo=st.sampled_from([False, False, True]))
    def begin_or_end(self, inner: bool, undo: bool) -> None:
        """Begin a transaction, or one inside another; or end one, which an error may undo."""
        if not self._transactions or (inner and len(self._transactions) == 1):
            self._begin()
        else:
            self._end(undo=undo)

    @rule(passing=values.passings, hours=st.integers(-12, 12))
    def pass_time(self, passing: values.Passing, hours: int) -> None:
        """Let some time pass, and set the clock, maybe back, and to another time zone."""
        self._pass_time(passing)
        self.now = self.now.astimezone(timezone(timedelta(hours=hours)))

    @rule(
        status=st.none() | st.lists(values.statuses, unique=True),
        type=values.types,
        session_id=st.none() | values.sessions,
        concurrency_key=st.none() | values.keys,
        job_id=values.job_ids,
        limit=st.integers(1, 4),
    )
    def look(
        self,
        status: Collection[JobStatus] | None,
        type: Collection[str] | None,
        session_id: str | None,
        concurrency_key: str | None,
        job_id: str,
        limit: int,
    ) -> None:
        """List jobs page by page, look one up, count them, and see whose leases ran out first."""
        self._agree(
            lambda jobs: jobs.list_jobs(
                status=status,
                type=type,
                memva_session_id=session_id,
                concurrency_key=concurrency_key,
                limit=limit,
            )
        )
        self._agree(lambda jobs: jobs.get_job(job_id))
        self._agree(
            lambda jobs: [job.lease_until for job in jobs.expired(now=self.now, limit=limit)]
        )
        self._look_over()

    @invariant()
    def stores_agree(self) -> None:
        """After each step the stores have the model's jobs, keys are held once, none is late."""
        self._compare_jobs()
        self._check_keys()
        self._check_next_due()

    def teardown(self) -> None:
        """End what is open, see that no job is ever forgotten, and close the stores."""
        with self._exit:
            while self._transactions:
                self._end(undo=True)
            if sys.exc_info()[0] is None:
                self._work_off()

    def _work_off(self) -> None:
        """Claim and complete everything, to the last job."""
        completed = values.Move("update_job_status", {"status": "completed"})
        self._look_over()
        for job in self.model.jobs:
            if job.status == "processing":
                self._move(job.id, [completed])
        while waiting := [job.scheduled_at for job in self.model.jobs if job.status == "pending"]:
            self.now = max(self.now, *waiting)
            self.run([completed])
        self.stores_agree()
        self._look_over()
        for store in self._calls:
            assert store.next_due(None) is None, f"{store} waits for nothing"

    def _look_over(self) -> None:
        """Count the jobs, and look for the active ones."""
        self._agree(lambda jobs: jobs.get_job_stats(now=self.now))
        for key, session_id in product((None, *values.KEYS), (None, *values.SESSIONS)):
            if key or session_id:
                self._look_for_active(key, session_id)

    def _look_for_active(self, key: str | None, session_id: str | None) -> None:
        self._agree(
            lambda jobs: jobs.get_active_job(concurrency_key=key, memva_session_id=session_id)
        )

    def _claim(
        self, limit: int, types: Collection[str] | None, lease: timedelta, worker_id: str | None
    ) -> list[Job]:
        """Claim; where there are no such jobs, the next moment that is told must move on."""
        told = [store.next_due(types) for store in self._calls]
        self._tokens += 1
        claimed: list[Job] = self._agree(
            lambda jobs: jobs.get_next_jobs(
                limit=limit,
                types=types,
                worker_id=worker_id,
                lease=lease,
                claim_token=f"token-{self._tokens}",
                now=self.now,
            )
        )
        for store, before in zip(self._calls, told, strict=True):
            after = store.next_due(types)
            if not claimed and before is not None and before <= self.now:
                assert after is None or after > before, f"{store} tells of the same moment again"
        return claimed

    def _create_session(self, session_id: str) -> None:
        self._agree(lambda jobs: jobs.create_session(session_id))

    def _move(self, job: Job | str, moves: list[values.Move]) -> None:
        for move in moves:
            self._agree(partial(move, job, now=self.now))

    def _begin(self) -> None:
        blocks = [store.transaction() for store in self._calls]
        self._transactions.append((self.model.kept, blocks))
        for block in blocks:
            block.__enter__()

    def _end(self, *, undo: bool) -> None:
        before, blocks = self._transactions.pop()
        if undo:
            self.model.kept = before
        for block in blocks:
            error = _Undone() if undo else None
            swallowed = block.__exit__(type(error) if error else None, error, None)
            assert not swallowed

    def _pass_time(self, passing: values.Passing) -> None:
        self.now += passing.waited + passing.clock_set_by
        self.monotonic += passing.waited.total_seconds()

    def _rescue(self, interval: timedelta) -> None:
        self._agree(
            # Of leases that ran out together any may come first.
            lambda jobs: sorted(jobs.rescue_expired_jobs(interval, now=self.now), key=_id)
        )

    def _prune(self, status: EndedStatus, age: timedelta, limit: int) -> None:
        self._agree(lambda jobs: jobs.prune(status, ended_before=self.now - age, limit=limit))

    def _compare_jobs(self) -> None:
        """Compare all jobs, and the attempts of those whose attempts have changed."""
        expected = self.model.jobs[::-1]
        for store in self._calls:
            assert list(store.port.find(JobQuery(), limit=100)) == expected, f"{store} differs"
        attempts = self.model.kept.attempts
        for job_id in attempts:
            if attempts[job_id] is not self._checked.get(job_id):
                self._compare_attempts(job_id)
        self._checked = attempts

    def _compare_attempts(self, job_id: str) -> None:
        self._agree(lambda jobs: jobs.get_job_attempts(job_id))

    def _check_keys(self) -> None:
        """See that no two active jobs share a key, and that no two take one unique key."""
        jobs = self.model.jobs
        active = [job.concurrency_key for job in jobs if job.is_active and job.concurrency_key]
        assert len(active) == len(set(active))
        unique = [(job.type, job.unique_key) for job in jobs if job.takes_unique_key]
        assert len(unique) == len(set(unique))

    def _check_next_due(self) -> None:
        """See that no store tells a next moment that is later than the true one."""
        for types in (None, *([type_] for type_ in values.TYPES)):
            due = min((job.scheduled_at for job in self.model.claimable(types)), default=None)
            for store in self._calls:
                told = store.next_due(types)
                assert due is None or (told is not None and told <= due), f"{store} is late"

    def _agree(self, call: Callable[[JobModel], Any]) -> Any:
        """Make a call on the model and on every store, and note the jobs that it returns."""
        expected = _outcome(call, self.model)
        for store in self._calls:
            told = _outcome(call, cast("JobModel", store))
            assert told == expected, f"{store} differs"
            # Being equal is not enough for JSON: True is 1, and 1 is 1.0.
            assert repr(told) == repr(expected), f"{store} differs"
        for job in expected if isinstance(expected, list) else [expected]:
            self._see(job.job if isinstance(job, CreatedJob) else job)
        return expected

    def _see(self, job: object) -> None:
        if isinstance(job, Job) and job not in self.seen.values():
            times = sum(other.id == job.id for other in self.seen.values())
            self.seen[f"{job.id}{times + 1}"] = job

    def _is_held(self, job: Job) -> bool:
        stored = self.model.kept.jobs.get(job.id)
        return (
            stored is not None
            and stored.status == "processing"
            and stored.claim_token == job.claim_token
        )

    def _scheduled(self, new: NewJob, due: values.Due) -> NewJob:
        at = self.now + due if isinstance(due, timedelta) else due
        return attrs.evolve(new, scheduled_at=at)


def _outcome(call: Callable[[JobModel], Any], jobs: JobModel) -> Any:
    try:
        answer = call(jobs)
    except MemvaError as error:
        return _Failure(type(error), vars(error))
    # Any sequence will do, so long as it holds the same.
    return list(answer) if isinstance(answer, Sequence) else answer


def _id(job: Job) -> str:
    return job.id
