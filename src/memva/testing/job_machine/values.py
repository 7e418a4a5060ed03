"""What the machine chooses from: few values of each kind, so that they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from functools import partial
from random import Random
from typing import Any, Final, TypeAlias, get_args

import attrs
from hypothesis import strategies as st

from memva.domain.job import EndedStatus, Job, JobStatus, UniqueScope
from memva.domain.json import JsonValue
from memva.domain.new_job import NewJob
from memva.domain.retry import DEFAULT_RETRY, FixedRetry, NoRetry, RetryPolicy
from memva.testing.clock import START
from memva.testing.job_machine.model import JobModel

IDS: Final = "abcdefghijklmnopqrstuvwxyz"
TYPES: Final = ("x", "y", "z")
KEYS: Final = ("k", "l")
SESSIONS: Final = ("session-1", "session-2")

Due: TypeAlias = datetime | timedelta | None
"""When a job is due: at a moment, so long from now, or when it is created."""


@attrs.frozen(repr=False)
class Move:
    """A call that moves a job: the name of the service, and what it is given beside the job."""

    name: str
    arguments: dict[str, Any]

    def __call__(self, job: Job | str, jobs: JobModel, *, now: datetime) -> Any:
        """Make it."""
        return getattr(jobs, self.name)(job, **self.arguments, now=now)

    def __repr__(self) -> str:
        given = ", ".join(f"{name}={value!r}" for name, value in self.arguments.items())
        return f"{self.name}({given})"


@attrs.frozen
class Passing:
    """How long one waits, and by how much the clock is set meanwhile."""

    waited: timedelta
    clock_set_by: timedelta


@attrs.frozen
class SeededRetry:
    """A policy that takes the same chance whoever asks it."""

    policy: RetryPolicy
    seed: int

    def __call__(self, attempts: int, random: Random) -> timedelta | None:
        """Return how long to wait."""
        return self.policy(attempts, Random(self.seed))


def call(name: str, **arguments: st.SearchStrategy[Any]) -> st.SearchStrategy[Move]:
    """Choose what a service is called with."""
    return st.fixed_dictionaries(arguments).map(partial(Move, name))


def chosen(choices: Callable[[Any], Sequence[str]]) -> st.SearchStrategy[str]:
    """Choose one of what the running machine tells."""
    return st.runner().flatmap(lambda machine: st.sampled_from(choices(machine)))


def seconds(*choices: float) -> st.SearchStrategy[timedelta]:
    """Choose one of several lengths of time."""
    return st.sampled_from([timedelta(seconds=n) for n in choices])


held = chosen(lambda machine: machine.held)
stale = chosen(lambda machine: machine.stale)
job_ids = chosen(lambda machine: [*machine.job_ids, "none has this"])

types = st.sampled_from([None, ["x"], ["y", "z"], ["z", "x", "none has this"], [], TYPES])
statuses = st.sampled_from(get_args(JobStatus))
ended = st.lists(st.sampled_from(get_args(EndedStatus)), min_size=1, unique=True)
sessions = st.sampled_from(SESSIONS)
keys = st.sampled_from(KEYS)
leases = seconds(1, 10, 60)
moments = seconds(0, 60, 3600).map(START.__add__)
dues: st.SearchStrategy[Due] = st.one_of(
    st.none(), seconds(0, -60, -1, 0.000_001, 1, 10, 60), moments
)
passings = st.builds(
    Passing, seconds(0, 1, 10, 60), seconds(0, 0, 10, 3600, -0.000_001, -1, -60, -3600)
)
errors = st.sampled_from(["broken", "", "odd \x00 \ud800"])
json: st.SearchStrategy[JsonValue] = st.sampled_from(
    [None, True, 1, 1.0, "a\x00b\ud800", [], {"n": 2**70}, [None, {"k": [0, ""]}]]
)
retries = st.builds(
    SeededRetry,
    st.sampled_from(
        [FixedRetry(timedelta(0)), FixedRetry(timedelta(seconds=10)), DEFAULT_RETRY, NoRetry()]
    ),
    st.integers(0, 9),
)
moves_to = call("update_job_status", status=statuses, result=json, error=st.none() | errors)
holders_moves = st.lists(
    st.one_of(
        call("renew_lease", lease=leases),
        call("checkpoint_job", checkpoint=json),
        call("complete_job", result=json),
        call("fail_job", error=errors, retry=retries),
        call("snooze_job", until=seconds(0, -1, 1, 10, 60) | moments),
        call("release_job"),
        moves_to,
    ),
    max_size=3,
)
operators_moves = st.lists(
    st.one_of(call("cancel_job"), call("retry_job"), moves_to), min_size=1, max_size=2
)
new_jobs = st.builds(
    NewJob,
    # Most are free, so that a batch is not refused each time; some are taken.
    id=chosen(lambda machine: [*machine.free_ids * 5, *machine.job_ids]),
    type=st.sampled_from(TYPES),
    data=json,
    priority=st.sampled_from([0, 0, 1, -1, 2**63 - 1, -(2**63)]),
    max_attempts=st.sampled_from([3, 2, 1, 9]),
    memva_session_id=st.sampled_from([None, None, None, *SESSIONS]),
    concurrency_key=st.none() | keys,
    unique_key=st.sampled_from([None, None, "u", "v"]),
    unique_scope=st.sampled_from(get_args(UniqueScope)),
    timeout=st.none() | seconds(90),
)
batches = st.lists(st.tuples(new_jobs, dues), max_size=10, unique_by=lambda one: one[0].id)
