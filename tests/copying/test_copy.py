"""A copy holds all that its source holds, in the same order, whatever kinds the two are of."""

from __future__ import annotations

import asyncio
from typing import TypeAlias

import pytest
from tests.copying.conftest import NewStore
from tests.copying.stores import everything, fill, line, worked_out

from memva import (
    CopyProgress,
    TranscriptStore,
    aio,
    copy_store,
    create_job,
    delete_session,
    translate_position,
)
from memva.domain import EventQuery
from memva.testing import sample_session

Stores: TypeAlias = tuple[TranscriptStore, TranscriptStore]
PARTS = ["sessions", "events", "jobs", "import cursors", "transcript notes", "deletions"]


@pytest.mark.usefixtures("small_steps")
def test_a_copy_tells_all_that_its_source_tells(stores: Stores) -> None:
    source, target = stores
    fill(source)
    before = everything(source)
    copy_store(source, target)
    assert everything(target) == before
    assert everything(source) == before
    assert worked_out(target) == worked_out(source)


def test_a_copy_goes_on_as_its_source_would(stores: Stores) -> None:
    source, target = stores
    fill(source)
    copy_store(source, target)
    for store in stores:
        appended = store.events.append([line(2), line(6), line(0, uuid="line-6")])
        assert (appended.added, appended.unchanged) == (1, 2)
        delete_session(store, "session-2")
        create_job(store, type="x", concurrency_key="held", id="new", now=None)
    assert everything(target)["order"] == everything(source)["order"]
    assert everything(target)["transcripts"] == everything(source)["transcripts"]
    assert everything(target)["deletions"] == everything(source)["deletions"]


@pytest.mark.usefixtures("small_steps")
def test_a_report_counts_each_part_and_tells_its_checksum(new_store: NewStore) -> None:
    source = new_store("sqlite", "source")
    fill(source)
    first = copy_store(source, new_store("memory", "target"))
    told = everything(source)
    assert list(first.parts) == PARTS
    counts = {name: part.count for name, part in first.parts.items()}
    assert counts == {
        "sessions": len(told["sessions by title"]),
        "events": len(told["feed"]),
        "jobs": len(told["jobs"]),
        "import cursors": 4,
        "transcript notes": 2,
        "deletions": 4,
    }
    assert [part.added for part in first.parts.values()] == list(counts.values())
    assert first.added == sum(counts.values())
    assert {len(part.checksum) for part in first.parts.values()} == {64}

    for kind in ("sqlite", "postgres"):
        assert copy_store(source, new_store(kind, "other")) == first
    source.sessions.update(sample_session(metadata={"n": 1}))
    one = copy_store(source, new_store("memory", "")).parts["sessions"]
    source.sessions.update(sample_session(metadata={"n": 1.0}))
    other = copy_store(source, new_store("memory", "")).parts["sessions"]
    assert one.count == other.count
    assert one.checksum != other.checksum


@pytest.mark.usefixtures("small_steps")
def test_an_empty_store_is_copied_to_an_empty_one(stores: Stores) -> None:
    report = copy_store(*stores)
    assert list(report.parts) == PARTS
    assert report.added == 0
    assert {part.count for part in report.parts.values()} == {0}


@pytest.mark.usefixtures("small_steps")
def test_progress_tells_the_step_the_part_and_the_share(stores: Stores) -> None:
    source, target = stores
    fill(source)
    told: list[CopyProgress] = []
    report = copy_store(source, target, on_progress=told.append)
    assert list(dict.fromkeys(p.step for p in told)) == ["copying", "verifying"]
    for part in ("sessions", "events", "jobs"):
        copying = [p for p in told if (p.step, p.part) == ("copying", part)]
        counts = [p.count for p in copying]
        assert counts == sorted(set(counts))
        assert counts[-1] == report.parts[copying[0].part].count
    for part in ("events", "jobs"):
        shares = [p.share for p in told if (p.step, p.part) == ("copying", part)]
        assert all(share is not None and 0 < share <= 1 for share in shares)
        assert shares[-1] == 1
    assert {p.share for p in told if p.part == "sessions"} == {None}


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_what_is_written_to_the_source_meanwhile_is_left_out(
    new_store: NewStore, kind: str
) -> None:
    source, target = new_store(kind, "source"), new_store("memory", "target")
    with_another_hand = new_store(kind, "source")
    fill(source)
    before = everything(source)

    def write(progress: CopyProgress) -> None:
        with_another_hand.events.append([line(1_000 + progress.count)])

    copy_store(source, target, on_progress=write)
    assert everything(target) == before
    assert everything(source) != before


def test_large_events_are_written_one_by_one(new_store: NewStore) -> None:
    source, target = new_store("memory", "source"), new_store("memory", "target")
    source.events.append([line(n, data={"large": "x" * 3_000_000}) for n in range(1, 4)])
    told: list[int] = []
    copy_store(
        source,
        target,
        on_progress=lambda p: told.append(p.count) if p.step == "copying" else None,
    )
    assert told == [1, 2, 3]


def test_a_follower_goes_on_in_the_copy_where_it_was(stores: Stores) -> None:
    source, target = stores
    fill(source)
    copy_store(source, target)
    everything_after = EventQuery()
    for position in range(source.events.last_position() + 3):
        translated = translate_position(source, target, position=position)
        one = source.events.committed(everything_after, after=position, limit=9_999).events
        other = target.events.committed(everything_after, after=translated, limit=9_999).events
        assert [event.key for event in one] == [event.key for event in other]
    assert translate_position(source, target, position=0) == 0


def test_a_copy_is_awaited_and_its_task_may_be_cancelled(stores: Stores) -> None:
    source, target = stores
    fill(source)

    async def copy() -> None:
        task = asyncio.current_task()
        assert task is not None
        loop = asyncio.get_running_loop()

        def cancel(progress: CopyProgress) -> None:
            if progress.part == "events":
                loop.call_soon_threadsafe(task.cancel)

        with pytest.raises(asyncio.CancelledError):
            await aio.copy_store(source, target, on_progress=cancel)
        await aio.copy_store(source, target)
        last = source.events.last_position()
        assert await aio.translate_position(source, target, position=last) > 0

    asyncio.run(copy())
    assert everything(target) == everything(source)
