"""A copy that was stopped or killed at any moment ends as a clean one when it is called again."""

from __future__ import annotations

import multiprocessing
import os
import signal
from collections.abc import Callable
from contextlib import ExitStack, closing

import pytest
from tests.adapters.twins import Opens, on_sqlite
from tests.copying.conftest import NewStore, take_small_steps
from tests.copying.stops import Stopped, after, stop, told_to
from tests.copying.stores import everything, fill

from memva import CopyProgress, TranscriptStore, copy_store


@pytest.mark.usefixtures("small_steps")
def test_a_copy_that_was_stopped_after_each_step_goes_on(
    stores: tuple[TranscriptStore, TranscriptStore],
) -> None:
    source, target = stores
    fill(source)
    calls: list[CopyProgress] = []
    with pytest.raises(Stopped):
        copy_store(source, target, on_progress=after(1, stop))
    for moments in range(2, 200):
        told: list[CopyProgress] = []
        stopping = after(moments, stop)

        def tell(
            progress: CopyProgress,
            told: list[CopyProgress] = told,
            stopping: Callable[[CopyProgress], None] = stopping,
        ) -> None:
            told.append(progress)
            stopping(progress)

        try:
            report = copy_store(source, target, on_progress=tell)
        except Stopped:
            calls += told
            continue
        break
    assert {p.step for p in calls} == {"comparing", "copying", "verifying"}
    assert report.added == 0
    assert everything(target) == everything(source)
    again = [(p.part, p.count) for p in calls if p.step == "copying"]
    assert len(again) == len(set(again))


@pytest.mark.usefixtures("small_steps")
@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_a_copy_that_was_stopped_inside_a_batch_goes_on(new_store: NewStore, kind: str) -> None:
    source, target = new_store("memory", ""), new_store(kind, "target")
    fill(source)
    ports = [
        (target.sessions, "add", 8),
        (target.jobs, "replace", 2),
        (target.cursors, "put", 2),
        (target.transcripts, "keep_summary", 1),
        (target.sessions, "remember_deletion", 2),
    ]
    for port, name, calls in ports:
        with pytest.MonkeyPatch.context() as patch, pytest.raises(Stopped):
            patch.setattr(port, name, told_to(after(calls, stop), getattr(port, name)))
            copy_store(source, target)
    copy_store(source, target)
    assert everything(target) == everything(source)


def copy_and_die(source: Opens, target: Opens, *, moments: int, inside: bool) -> None:
    """Copy, and be killed between two batches or inside one."""
    take_small_steps(setattr)

    def die() -> None:
        os.kill(os.getpid(), signal.SIGKILL)

    with ExitStack() as stack:
        one, other = (stack.enter_context(closing(opens())) for opens in (source, target))
        dying = after(moments, die)
        if not inside:
            copy_store(one, other, on_progress=dying)
            return
        writes: list[tuple[object, str]] = [
            (other.sessions, "add"),
            (other.events, "append"),
            (other.jobs, "add"),
            (other.cursors, "put"),
            (other.sessions, "remember_deletion"),
        ]
        for port, name in writes:
            setattr(port, name, told_to(dying, getattr(port, name)))
        copy_store(one, other)


def test_a_copy_that_was_killed_again_and_again_ends_as_a_clean_one(open_durable: Opens) -> None:
    spawn = multiprocessing.get_context("spawn")
    # Between batches of sessions, of events and of jobs; inside one of sessions, of jobs and of
    # import cursors.
    kills = [(2, False), (13, True), (8, False), (9, True), (21, False), (4, True)]
    with on_sqlite() as open_source:
        with open_source() as source:
            fill(source)
        for moments, inside in kills:
            process = spawn.Process(
                target=copy_and_die,
                args=(open_source, open_durable),
                kwargs={"moments": moments, "inside": inside},
            )
            process.start()
            process.join()
            assert process.exitcode == -signal.SIGKILL
            process.close()
        with open_source() as source, open_durable() as target:
            report = copy_store(source, target)
            assert everything(target) == everything(source)
            assert 0 < report.added < sum(part.count for part in report.parts.values())
