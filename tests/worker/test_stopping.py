"""How a handler learns that it is to end, and how a worker stops."""

from __future__ import annotations

import asyncio
import threading
import time
from datetime import timedelta

import pytest
from tests.worker.working import LONG, QUICK, ended, run_all, until, working

from memva import (
    JsonValue,
    NewJob,
    WorkerStore,
    cancel_job,
    create_job,
    create_jobs,
    get_job,
    list_jobs,
    update_job_status,
)
from memva.worker import JobContext, PermanentFailure, Worker
from memva.worker import worker as module


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
