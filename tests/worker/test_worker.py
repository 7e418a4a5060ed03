"""What a worker does with the jobs of a store, and with their handlers."""

from __future__ import annotations

import asyncio
import logging
import threading
import time
from datetime import timedelta
from typing import Any

import pytest
from tests.worker.working import AT_ONCE, LONG, run_all, until, working

from memva import (
    DEFAULT_RETRY,
    InvalidValue,
    Job,
    JsonValue,
    NewJob,
    WorkerStore,
    create_job,
    create_jobs,
    create_session,
    get_job,
    get_job_attempts,
    list_jobs,
    update_session,
    wait_for_job,
)
from memva.worker import JobContext, PermanentFailure, Snooze, Worker
from memva.worker import worker as module


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
