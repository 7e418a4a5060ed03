"""What a worker does with the jobs of a store, and with their handlers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from tests.worker.working import LONG, QUICK, Told, ended, until, working

from memva import (
    DEFAULT_RETRY,
    FixedRetry,
    InvalidValue,
    Job,
    JsonValue,
    NewJob,
    StoreFull,
    StoreUnavailable,
    WorkerStore,
    cancel_job,
    create_job,
    create_jobs,
    create_session,
    get_job,
    get_job_attempts,
    get_next_job,
    list_jobs,
    update_job_status,
    update_session,
    wait_for_job,
)
from memva.testing.clock import START
from memva.worker import JobContext, PermanentFailure, Snooze, Worker
from memva.worker import worker as module

AT_ONCE = FixedRetry(timedelta(0))


def run_all(store: WorkerStore, handlers: dict[str, Any], **options: Any) -> Told:
    """Work until there is nothing left to do; return what was told."""
    told = Told()
    options = {"worker_id": "worker", "on_happening": told.append, **options}
    Worker(store, handlers, **options).run_until_idle()
    return told


def test_it_runs_what_is_due_and_ends(store: WorkerStore) -> None:
    create_jobs(store, [NewJob(type="double", data=n) for n in range(25)])
    create_job(store, type="other")
    create_job(store, type="double", scheduled_at=store.now() + timedelta(hours=1))
    told = run_all(store, {"double": lambda data, context: 2 * data}, concurrency=4)
    done = list_jobs(store, status="completed")
    assert [job.result for job in done] == [2 * n for n in reversed(range(25))]
    assert {job.worker_id for job in done} == {"worker"}
    assert len(list_jobs(store, status="pending")) == 2
    assert sorted(told.kinds()) == ["completed"] * 25 + ["started"] * 25


def test_async_handlers_run_together(store: WorkerStore) -> None:
    met = 0

    async def meet(data: JsonValue, context: JobContext) -> JsonValue:
        nonlocal met
        met += 1
        while met < 5:
            await asyncio.sleep(0.001)
        return threading.current_thread().name

    create_jobs(store, [NewJob(type="meet") for _ in range(5)])
    run_all(store, {"meet": meet}, concurrency=5)
    assert {job.result for job in list_jobs(store)} == {"worker-loop"}


def test_sync_handlers_run_together_up_to_the_limit(store: WorkerStore) -> None:
    barrier, most, now, lock = threading.Barrier(3), 0, 0, threading.Lock()

    def meet(data: JsonValue, context: JobContext) -> None:
        nonlocal most, now
        with lock:
            now += 1
            most = max(most, now)
        barrier.wait(LONG)
        with lock:
            now -= 1

    create_jobs(store, [NewJob(type="meet") for _ in range(9)])
    run_all(store, {"meet": meet}, concurrency=3)
    assert most == 3


def test_jobs_of_a_key_run_one_after_the_other(store: WorkerStore) -> None:
    running: set[str] = set()
    order: list[JsonValue] = []

    def alone(data: JsonValue, context: JobContext) -> None:
        key = str(context.job.concurrency_key)
        assert key not in running
        running.add(key)
        order.append(data)
        time.sleep(0.002)
        running.remove(key)

    jobs = [
        NewJob(type="alone", data=[key, n], concurrency_key=key) for n in range(5) for key in "ab"
    ]
    create_jobs(store, jobs)
    told = run_all(store, {"alone": alone}, concurrency=8)
    assert told.kinds().count("completed") == 10
    for key in "ab":
        assert [pair for pair in order if pair[0] == key] == [[key, n] for n in range(5)]  # type: ignore[index]  # each is a list


def test_failed_job_is_tried_again_until_attempts_are_spent(store: WorkerStore) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError(f"attempt {context.job.attempts}")

    job = create_job(store, type="fail", max_attempts=3)
    told = run_all(store, {"fail": fail}, retry=AT_ONCE)
    assert told.kinds() == ["started", "retried"] * 2 + ["started", "failed"]
    assert [attempt.error for attempt in get_job_attempts(store, job.id)] == [
        f"ValueError: attempt {n}" for n in (1, 2, 3)
    ]
    assert isinstance(told[-1].error, ValueError)


def test_retries_back_off_by_default(store: WorkerStore) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError

    job = create_job(store, type="fail")
    run_all(store, {"fail": fail})
    waiting = get_job(store, job.id)
    wait = waiting.scheduled_at - waiting.updated_at
    assert DEFAULT_RETRY.first / 2 <= wait <= DEFAULT_RETRY.first
    assert waiting.error == "ValueError"


def test_retry_policy_that_fails_keeps_no_job(store: WorkerStore) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError("first")

    def policy(attempts: int, random: object) -> timedelta:
        raise RuntimeError("the policy is broken")

    job = create_job(store, type="fail")
    told = run_all(store, {"fail": fail}, retry=policy)
    assert told.kinds() == ["started", "retried"]
    assert get_job(store, job.id).error == "ValueError: first"


def test_permanent_failure_is_not_tried_again(store: WorkerStore) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise PermanentFailure("there is no such project")

    job = create_job(store, type="fail")
    run_all(store, {"fail": fail}, retry=AT_ONCE)
    failed = get_job(store, job.id)
    assert (failed.status, failed.attempts, failed.error) == (
        "failed",
        1,
        "there is no such project",
    )


def test_snoozed_job_is_put_off_uncharged(store: WorkerStore) -> None:
    def snooze(data: JsonValue, context: JobContext) -> str:
        if context.job.claims < 3:
            raise Snooze(timedelta(0))
        return "awake"

    job = create_job(store, type="snooze", max_attempts=1)
    told = run_all(store, {"snooze": snooze})
    assert told.kinds() == ["started", "snoozed"] * 2 + ["started", "completed"]
    assert get_job(store, job.id).attempts == 1


def test_result_that_is_no_json_fails_for_good(store: WorkerStore) -> None:
    job = create_job(store, type="odd")
    run_all(store, {"odd": lambda data, context: object()}, retry=AT_ONCE)
    failed = get_job(store, job.id)
    assert (failed.status, failed.attempts) == ("failed", 1)
    assert "no JSON" in str(failed.error)


def test_checkpoint_reaches_the_next_attempt(store: WorkerStore) -> None:
    def resume(data: JsonValue, context: JobContext) -> JsonValue:
        if context.last_checkpoint is None:
            context.checkpoint({"claude_session_id": "abc"})
            raise ValueError("crashed")
        return context.last_checkpoint

    job = create_job(store, type="resume")
    run_all(store, {"resume": resume}, retry=AT_ONCE)
    assert get_job(store, job.id).result == {"claude_session_id": "abc"}


def test_effects_and_completion_take_effect_together(store: WorkerStore) -> None:
    session = create_session(store, project_path="/code")

    def work(data: JsonValue, context: JobContext) -> str:
        with context.store.transaction():
            update_session(context.store, session.id, title="done")
            context.complete("in the transaction")
        return "afterwards"

    job = create_job(store, type="work")
    told = run_all(store, {"work": work})
    assert get_job(store, job.id).result == "in the transaction"
    assert store.sessions.get(session.id).title == "done"
    assert told.kinds() == ["started", "completed"]


def test_completion_that_was_undone_is_made_up_for(store: WorkerStore) -> None:
    def work(data: JsonValue, context: JobContext) -> str:
        with pytest.raises(RuntimeError), context.store.transaction():
            context.complete("undone")
            raise RuntimeError
        return "afterwards"

    job = create_job(store, type="work")
    run_all(store, {"work": work})
    assert get_job(store, job.id).result == "afterwards"


def test_error_after_completion_changes_nothing(store: WorkerStore) -> None:
    def work(data: JsonValue, context: JobContext) -> None:
        context.complete("done")
        raise ValueError("too late")

    job = create_job(store, type="work")
    told = run_all(store, {"work": work})
    assert get_job(store, job.id).result == "done"
    assert told.kinds() == ["started", "completed"]


def test_long_job_keeps_its_claim(store: WorkerStore) -> None:
    release = threading.Event()

    def work(data: JsonValue, context: JobContext) -> JsonValue:
        release.wait(LONG)
        return context.stop_reason

    job = create_job(store, type="work")
    with working(store, {"work": work}), working(store, {"work": work}, worker_id="rival"):
        until(lambda: get_job(store, job.id).status == "processing")
        first = get_job(store, job.id)
        time.sleep(3 * QUICK.total_seconds())
        assert get_job(store, job.id).claim_token == first.claim_token
        release.set()
        done = ended(store, job)
    assert (done.status, done.claims, done.result) == ("completed", 1, None)


def test_cancel_reaches_a_sync_handler(store: WorkerStore) -> None:
    def work(data: JsonValue, context: JobContext) -> None:
        context.wait(LONG)
        context.raise_if_cancelled()

    job = create_job(store, type="work", concurrency_key="k")
    with working(store, {"work": work}) as told:
        until(lambda: get_job(store, job.id).status == "processing")
        begin = time.monotonic()
        cancel_job(store, job.id)
        assert ended(store, job).status == "cancelled"
        assert time.monotonic() - begin < LONG / 2
        until(lambda: told.kinds() == ["started", "cancelled"])


def test_cancel_reaches_an_async_handler(store: WorkerStore) -> None:
    stopped = threading.Event()

    async def work(data: JsonValue, context: JobContext) -> None:
        try:
            await asyncio.sleep(LONG)
        finally:
            stopped.set()

    job = create_job(store, type="work")
    with working(store, {"work": work}):
        until(lambda: get_job(store, job.id).status == "processing")
        cancel_job(store, job.id)
        assert ended(store, job).status == "cancelled"
    assert stopped.is_set()


def test_cancelled_handler_that_returns_all_the_same_has_completed(store: WorkerStore) -> None:
    def work(data: JsonValue, context: JobContext) -> str:
        context.wait(LONG)
        return "all done"

    job = create_job(store, type="work")
    with working(store, {"work": work}):
        until(lambda: get_job(store, job.id).status == "processing")
        cancel_job(store, job.id)
        assert (ended(store, job).status, ended(store, job).result) == ("completed", "all done")


def test_lost_claim_reaches_the_handler(store: WorkerStore) -> None:
    reasons: list[str | None] = []

    def work(data: JsonValue, context: JobContext) -> str:
        context.wait(LONG)
        reasons.append(context.stop_reason)
        return "stale"

    job = create_job(store, type="work")
    with working(store, {"work": work}) as told:
        until(lambda: get_job(store, job.id).status == "processing")
        update_job_status(store, job.id, "failed", error="by hand")
        until(lambda: told.kinds() == ["started", "lost"])
    assert reasons == ["lost"]
    assert (get_job(store, job.id).status, get_job(store, job.id).result) == ("failed", None)


def test_timeout_cancels_an_async_handler(store: WorkerStore) -> None:
    async def work(data: JsonValue, context: JobContext) -> None:
        await asyncio.sleep(LONG)

    job = create_job(store, type="work", timeout=timedelta(milliseconds=50), max_attempts=1)
    begin = time.monotonic()
    run_all(store, {"work": work})
    failed = get_job(store, job.id)
    assert (failed.status, failed.error) == ("failed", "timed out after 0:00:00.050000")
    assert time.monotonic() - begin < LONG / 2


def test_timeout_tells_a_sync_handler_whose_job_stays_held(store: WorkerStore) -> None:
    release = threading.Event()

    def work(data: JsonValue, context: JobContext) -> None:
        assert context.wait(LONG)
        release.wait(LONG)
        context.raise_if_cancelled()

    job = create_job(store, type="work", timeout=timedelta(milliseconds=50), max_attempts=1)
    with working(store, {"work": work}):
        time.sleep(3 * QUICK.total_seconds())
        assert get_job(store, job.id).status == "processing"
        release.set()
        assert ended(store, job).status == "failed"


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


def test_stop_lets_handlers_finish(store: WorkerStore) -> None:
    started = threading.Event()

    def work(data: JsonValue, context: JobContext) -> str:
        started.set()
        time.sleep(0.2)
        return "finished"

    jobs = create_jobs(store, [NewJob(type="work") for _ in range(3)])
    with working(store, {"work": work}, concurrency=1) as told:
        started.wait(LONG)
    assert get_job(store, jobs[0].job.id).result == "finished"
    assert told.kinds() == ["started", "completed"]
    assert len(list_jobs(store, status="pending")) == 2


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_stop_hands_back_what_does_not_finish(store: WorkerStore, kind: str) -> None:
    started = threading.Event()

    def sync(data: JsonValue, context: JobContext) -> None:
        started.set()
        context.wait(LONG)
        context.raise_if_cancelled()

    async def asynchronous(data: JsonValue, context: JobContext) -> None:
        started.set()
        await asyncio.sleep(LONG)

    job = create_job(store, type="work")
    handler = sync if kind == "sync" else asynchronous
    with working(store, {"work": handler}, grace=timedelta(milliseconds=50)) as told:
        started.wait(LONG)
    back = get_job(store, job.id)
    assert (back.status, back.attempts, back.claims) == ("pending", 0, 1)
    assert told.kinds() == ["started", "released"]


def test_second_stop_ends_the_grace(store: WorkerStore) -> None:
    started = threading.Event()

    def work(data: JsonValue, context: JobContext) -> None:
        started.set()
        context.wait(LONG)
        context.raise_if_cancelled()

    create_job(store, type="work")
    worker = Worker(store, {"work": work}, grace=timedelta(hours=1))
    thread = threading.Thread(target=worker.run)
    thread.start()
    started.wait(LONG)
    worker.stop()
    worker.stop()
    thread.join(LONG)
    assert not thread.is_alive()
    assert [job.status for job in list_jobs(store)] == ["pending"]


def test_handler_that_does_not_stop_keeps_its_claim(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_GIVE_IN_SECONDS", 0.05)
    started, release = threading.Event(), threading.Event()

    def stubborn(data: JsonValue, context: JobContext) -> str:
        started.set()
        release.wait(LONG)
        return "done in the end"

    job = create_job(store, type="work")
    with working(store, {"work": stubborn}, grace=timedelta(0)):
        started.wait(LONG)
    # Its worker has ended; another one waits for it to fall silent.
    with working(store, {"work": lambda data, context: "doubled"}, worker_id="rival"):
        time.sleep(3 * QUICK.total_seconds())
        assert (get_job(store, job.id).status, get_job(store, job.id).claims) == ("processing", 1)
        release.set()
        assert ended(store, job).result == "done in the end"
    until(lambda: [t for t in threading.enumerate() if t.name.startswith("worker")] == [])


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


def test_permanent_failure_stands_though_the_worker_stops(store: WorkerStore) -> None:
    started = threading.Event()

    def work(data: JsonValue, context: JobContext) -> None:
        started.set()
        context.wait(LONG)
        raise PermanentFailure("there is no such project")

    job = create_job(store, type="work")
    with working(store, {"work": work}, grace=timedelta(0)):
        started.wait(LONG)
    assert get_job(store, job.id).error == "there is no such project"


def test_end_that_cannot_be_stored_holds_up_no_other(
    store: WorkerStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    replace = type(store.jobs).replace

    def refusing(jobs: Any, old: Job, new: Job, **options: Any) -> None:
        if new.result == "too long":
            raise StoreFull("string or blob too big")
        replace(jobs, old, new, **options)

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


def test_stop_waits_for_no_thread_of_an_async_handler(store: WorkerStore) -> None:
    started, release = threading.Event(), threading.Event()

    async def work(data: JsonValue, context: JobContext) -> None:
        started.set()
        await asyncio.to_thread(release.wait, LONG)

    create_job(store, type="work")
    begin = time.monotonic()
    with working(store, {"work": work}, grace=timedelta(0)):
        started.wait(LONG)
    assert time.monotonic() - begin < LONG / 2
    release.set()
    until(lambda: [t for t in threading.enumerate() if "to-thread" in t.name] == [])


def test_job_of_this_process_starts_at_once(store: WorkerStore) -> None:
    waits = []

    def work(data: float, context: JobContext) -> None:
        waits.append(time.monotonic() - data)

    with working(store, {"work": work}):
        for _ in range(20):
            time.sleep(0.02)
            wait_for_job(store, create_job(store, type="work", data=time.monotonic()).id)
    assert sorted(waits)[10] < module._LONGEST_PAUSE / 5


def test_scheduled_job_starts_when_it_is_due(store: WorkerStore) -> None:
    begun: list[float] = []
    with working(store, {"work": lambda data, context: begun.append(time.monotonic())}):
        time.sleep(0.1)
        due = time.monotonic() + 0.3
        create_job(store, type="work", scheduled_at=store.now() + timedelta(seconds=0.3))
        until(lambda: begun)
    assert due - 0.02 <= begun[0] < due + module._LONGEST_PAUSE / 2


def test_callback_that_fails_stops_nothing(
    store: WorkerStore, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(happening: object) -> None:
        raise RuntimeError("the callback is broken")

    create_jobs(store, [NewJob(type="work") for _ in range(3)])
    Worker(store, {"work": lambda data, context: None}, on_happening=broken).run_until_idle()
    assert len(list_jobs(store, status="completed")) == 3
    assert "the callback failed on started" in caplog.text


def test_what_happens_is_logged(store: WorkerStore, caplog: pytest.LogCaptureFixture) -> None:
    def fail(data: JsonValue, context: JobContext) -> None:
        raise ValueError("broken")

    job = create_job(store, type="fail", max_attempts=1)
    with caplog.at_level(logging.INFO, logger="memva.worker"):
        run_all(store, {"fail": fail})
    assert f"fail job {job.id} (attempt 1) failed: ValueError: broken" in caplog.text


def test_worker_runs_once(store: WorkerStore) -> None:
    worker = Worker(store, {"work": lambda data, context: None})
    worker.run_until_idle()
    with pytest.raises(RuntimeError):
        worker.run()


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("concurrency", 0),
        ("concurrency", 1.5),
        ("lease", timedelta(0)),
        ("grace", timedelta(-1)),
        ("handlers", {}),
        ("worker_id", " "),
    ],
)
def test_worker_refuses_what_makes_no_sense(store: WorkerStore, field: str, value: Any) -> None:
    options: dict[str, Any] = {"handlers": {"work": lambda data, context: None}, field: value}
    with pytest.raises(InvalidValue) as caught:
        Worker(store, **options)
    assert caught.value.field == field


def test_waiting_for_a_job(store: WorkerStore) -> None:
    job = create_job(store, type="work")
    with pytest.raises(TimeoutError):
        wait_for_job(store, job.id, timeout=0.05)
    results: list[Job] = []
    waiting = threading.Thread(target=lambda: results.append(wait_for_job(store, job.id)))
    waiting.start()
    run_all(store, {"work": lambda data, context: 7})
    waiting.join(LONG)
    assert results[0].result == 7
