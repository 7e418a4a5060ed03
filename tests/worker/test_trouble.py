"""What goes wrong beside a worker, or in what it runs, ends neither it nor other jobs."""

from __future__ import annotations

import threading
import time
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest
from tests.worker.working import AT_ONCE, LONG, QUICK, ended, run_all, until, working

from memva import (
    JsonValue,
    NewJob,
    StoreFull,
    StoreUnavailable,
    WorkerStore,
    create_job,
    create_jobs,
    get_job,
    get_job_attempts,
    get_next_job,
    list_jobs,
    update_job_status,
)
from memva.domain import JobChange
from memva.testing.clock import START
from memva.worker import JobContext, PermanentFailure, Snooze, Worker


def test_retry_policy_that_fails_keeps_no_job(store: WorkerStore) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError("first")

    def policy(attempts: int, random: object) -> timedelta:
        raise RuntimeError("the policy is broken")

    job = create_job(store, type="fail")
    told = run_all(store, {"fail": fail}, retry=policy)
    assert told.kinds() == ["started", "retried"]
    assert get_job(store, job.id).error == "ValueError: first"


def test_result_that_is_no_json_fails_for_good(store: WorkerStore) -> None:
    job = create_job(store, type="odd")
    run_all(store, {"odd": lambda data, context: object()}, retry=AT_ONCE)
    failed = get_job(store, job.id)
    assert (failed.status, failed.attempts) == ("failed", 1)
    assert "no JSON" in str(failed.error)


def test_worker_rescues_what_a_dead_one_held(store: WorkerStore) -> None:
    job = create_job(store, type="work")
    held = get_next_job(store, lease=timedelta(milliseconds=100), worker_id="dead")
    assert held is not None
    begin = time.monotonic()
    with working(store, {"work": lambda data, context: "rescued"}):
        done = ended(store, job)
    assert (done.result, done.claims, done.worker_id) == ("rescued", 2, "worker")
    outcomes = [attempt.outcome for attempt in get_job_attempts(store, job.id)]
    assert outcomes == ["lost", "completed"]
    assert time.monotonic() - begin < LONG / 2


def test_error_of_the_store_leaves_no_handler_to_itself(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    stopped = []

    def work(data: JsonValue, context: JobContext) -> None:
        monkeypatch.setattr(type(store.jobs), "next_due", full)
        create_job(store, type="other")
        context.wait(LONG)
        stopped.append(context.stop_reason)
        context.raise_if_cancelled()

    def full(*_: object, **__: object) -> None:
        raise StoreFull("the disk is full")

    job = create_job(store, type="work")
    with pytest.raises(StoreFull):
        run_all(store, {"work": work}, lease=QUICK)
    assert stopped == ["stopping"]
    assert get_job(store, job.id).status == "pending"


def test_two_runs_of_a_job_stand_apart(store: WorkerStore) -> None:
    release = threading.Event()
    reasons: list[str | None] = []

    def work(data: JsonValue, context: JobContext) -> str:
        if context.job.claims == 1:
            context.wait(LONG)
            reasons.append(context.stop_reason)
            return "stale"
        release.wait(LONG)
        return "fresh"

    job = create_job(store, type="work")
    with working(store, {"work": work}) as told:
        until(lambda: get_job(store, job.id).status == "processing")
        update_job_status(store, job.id, "pending")
        until(lambda: "lost" in told.kinds())
        time.sleep(3 * QUICK.total_seconds())
        assert get_job(store, job.id).claims == 2
        release.set()
        assert ended(store, job).result == "fresh"
    assert reasons == ["lost"]


class Unspeakable(Exception):
    def __str__(self) -> str:
        raise RuntimeError("it cannot be said")

    __repr__ = __str__


class UnspeakableForGood(Unspeakable, PermanentFailure):
    """A failure for good that cannot be said either."""


@pytest.mark.parametrize(
    "what",
    [
        lambda: Snooze(START.replace(tzinfo=None)),
        lambda: Snooze("soon"),  # type: ignore[arg-type]  # it is no time
        lambda: Snooze(timedelta.max),
        Unspeakable,
        UnspeakableForGood,
        KeyboardInterrupt,
        SystemExit,
    ],
)
def test_nothing_that_a_handler_raises_ends_the_worker(store: WorkerStore, what: Any) -> None:
    def odd(data: JsonValue, context: JobContext) -> None:
        raise what()

    create_job(store, type="odd")
    fine = create_job(store, type="fine")
    run_all(store, {"odd": odd, "fine": lambda data, context: 7}, concurrency=1)
    assert get_job(store, fine.id).result == 7


@pytest.mark.parametrize("wait", [timedelta.max, 5, timedelta(-1)])
def test_odd_waits_end_no_worker(store: WorkerStore, wait: Any) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError("broken")

    job = create_job(store, type="fail")
    run_all(store, {"fail": fail}, retry=lambda attempts, random: wait)
    assert get_job(store, job.id).status == "pending"


def test_end_that_cannot_be_stored_holds_up_no_other(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = type(store.jobs).replace

    def refusing(jobs: Any, changes: Sequence[JobChange]) -> None:
        if any(change.new.result == "too long" for change in changes):
            raise StoreFull("string or blob too big")
        replace(jobs, changes)

    monkeypatch.setattr(type(store.jobs), "replace", refusing)
    bad = create_job(store, type="work", data="too long")
    good = create_job(store, type="work", data="short")
    run_all(store, {"work": lambda data, context: data})
    assert get_job(store, bad.id).error == "its end could not be stored: string or blob too big"
    assert get_job(store, good.id).result == "short"


def test_worker_looks_for_itself_where_no_word_comes(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    def deaf(*_: object) -> None:
        raise StoreUnavailable("no watch")

    monkeypatch.setattr(type(store), "watch", deaf)
    with working(store, {"work": lambda data, context: 7}):
        time.sleep(0.1)
        assert ended(store, create_job(store, type="work")).result == 7


def test_callback_that_fails_stops_nothing(
    store: WorkerStore, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(happening: object) -> None:
        raise RuntimeError("the callback is broken")

    create_jobs(store, [NewJob(type="work") for _ in range(3)])
    Worker(store, {"work": lambda data, context: None}, on_happening=broken).run_until_idle()
    assert len(list_jobs(store, status="completed")) == 3
    assert "the callback failed on started" in caplog.text
