"""What a store promises of transactions and snapshots."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from itertools import cycle, islice
from typing import Any

import attrs
import pytest

from memva.domain.errors import (
    InvalidValue,
    SessionExists,
    SessionNotFound,
    StoreReadOnly,
    StoreUnavailable,
)
from memva.domain.job_change import JobChange
from memva.domain.ports import Store
from memva.testing.contract.cursors import sample_cursor
from memva.testing.contract.events import lines, stored
from memva.testing.contract.jobs import all_jobs
from memva.testing.contract.sessions import all_sessions
from memva.testing.samples import sample_event, sample_job, sample_session


class Boom(Exception):
    """Raised by tests to break off."""


class Abort(BaseException):
    """Like Ctrl-C: no `Exception`."""


def write_everything(store: Store) -> None:
    """Write one of each kind."""
    store.sessions.add(sample_session())
    store.events.append([sample_event(memva_session_id="session-1")])
    store.jobs.add([sample_job(memva_session_id="session-1")])
    store.cursors.put(sample_cursor())


def counts(store: Store) -> tuple[int, int, int, int]:
    """Return how many there are of each kind."""
    cursors = 0 if store.cursors.get("file-1") is None else 1
    return len(all_sessions(store)), len(stored(store)), len(all_jobs(store)), cursors


def take_turns(stores: Sequence[Store]) -> None:
    """Have threads count what is there and add to it, each thread in blocks of one store."""

    def add_by_number(store: Store) -> None:
        for _ in range(10):
            with store.transaction():
                number = len(all_sessions(store))
                store.sessions.add(sample_session(id=f"session-{number}"))

    with ThreadPoolExecutor(4) as threads:
        adding = [threads.submit(add_by_number, store) for store in islice(cycle(stores), 4)]
        for future in adding:
            future.result()
    assert len(all_sessions(stores[0])) == 40


class TransactionContract:
    """All or nothing, for whom it belongs to."""

    def test_transaction_takes_effect_whole(self, store: Store) -> None:
        """Any mix of writes takes effect together, and is visible inside before."""
        with store.transaction():
            write_everything(store)
            assert counts(store) == (1, 1, 1, 1)
        assert counts(store) == (1, 1, 1, 1)

    @pytest.mark.parametrize("error", [Boom, Abort, KeyboardInterrupt])
    def test_error_undoes_all(self, store: Store, error: type[BaseException]) -> None:
        """An error that leaves the block undoes every write in it, and goes on its way."""
        with pytest.raises(error), store.transaction():
            write_everything(store)
            raise error
        assert counts(store) == (0, 0, 0, 0)
        write_everything(store)
        assert counts(store) == (1, 1, 1, 1)

    def test_error_undoes_changes_and_deletions(self, store: Store) -> None:
        """What was changed or deleted is so inside, and comes back as it was."""
        write_everything(store)
        session, job = store.sessions.get("session-1"), store.jobs.get("job-1")
        with pytest.raises(Boom), store.transaction():
            store.sessions.update(attrs.evolve(session, title="changed"))
            store.jobs.replace([JobChange(job, attrs.evolve(job, attempts=2))])
            store.sessions.delete("session-1")
            assert counts(store) == (0, 0, 0, 0)
            raise Boom
        assert store.sessions.get("session-1") == session
        assert store.jobs.get("job-1") == job
        assert counts(store) == (1, 1, 1, 1)

    def test_inner_error_undoes_the_inner_alone(self, store: Store) -> None:
        """An inner transaction is a savepoint: its error, caught, leaves the outer one whole."""
        with store.transaction():
            store.sessions.add(sample_session(id="outer"))
            with pytest.raises(Boom), store.transaction():
                store.sessions.add(sample_session(id="inner"))
                with store.transaction():
                    store.sessions.add(sample_session(id="innermost"))
                raise Boom
            store.sessions.add(sample_session(id="after"))
        assert {session.id for session in all_sessions(store)} == {"outer", "after"}

    def test_inner_success_goes_with_the_outer(self, store: Store) -> None:
        """What an inner transaction did is undone with the outer one."""
        with pytest.raises(Boom), store.transaction():
            with store.transaction():
                store.sessions.add(sample_session())
            raise Boom
        assert all_sessions(store) == []

    def test_failed_call_undoes_itself_alone(self, store: Store) -> None:
        """A call that fails inside a transaction changes nothing; the rest takes effect."""
        bad = [*lines(3), sample_event(uuid="bad", memva_session_id="nobody")]
        unsayable = [*lines(3), sample_event(uuid="bad", data={"x": object()})]
        with store.transaction():
            store.sessions.add(sample_session())
            with pytest.raises(SessionNotFound):
                store.events.append(bad)
            with pytest.raises(InvalidValue):
                store.events.append(unsayable)
            with pytest.raises(SessionExists):
                store.sessions.add(sample_session())
            store.jobs.add([sample_job()])
        assert counts(store) == (1, 0, 1, 0)

    def test_others_see_nothing_before_the_end(self, store: Store) -> None:
        """Another thread reads what was there before, without waiting, until the block ends."""
        with ThreadPoolExecutor(1) as other:
            with store.transaction():
                write_everything(store)
                assert other.submit(counts, store).result() == (0, 0, 0, 0)
            assert other.submit(counts, store).result() == (1, 1, 1, 1)

    def test_others_are_no_part_of_it(self, store: Store) -> None:
        """What another thread writes meanwhile is not undone with the transaction."""
        with ThreadPoolExecutor(1) as other:
            with pytest.raises(Boom), store.transaction():
                store.sessions.add(sample_session(id="mine"))
                theirs = other.submit(store.sessions.add, sample_session(id="theirs"))
                raise Boom
            theirs.result()
        assert [session.id for session in all_sessions(store)] == ["theirs"]

    def test_transaction_belongs_to_its_task(self, store: Store) -> None:
        """Another task of the same thread is no part of a transaction, and sees none of it."""

        async def main() -> list[int]:
            opened, looked = asyncio.Event(), asyncio.Event()

            async def writer() -> None:
                with store.transaction():
                    store.sessions.add(sample_session())
                    opened.set()
                    await looked.wait()

            async def reader() -> list[int]:
                await opened.wait()
                seen = [len(all_sessions(store))]
                looked.set()
                return seen

            writing = asyncio.create_task(writer())
            seen = await reader()
            await writing
            return [*seen, len(all_sessions(store))]

        assert asyncio.run(main()) == [0, 1]

    def test_get_holds_what_it_returns(self, store: Store) -> None:
        """Threads that read, change and write in transactions lose no change."""
        store.sessions.add(sample_session(metadata={"count": 0}))

        def add_one() -> None:
            for _ in range(10):
                with store.transaction():
                    session = store.sessions.get("session-1")
                    count = (session.metadata or {})["count"]
                    assert isinstance(count, int)
                    store.sessions.update(attrs.evolve(session, metadata={"count": count + 1}))

        with ThreadPoolExecutor(4) as threads:
            for future in [threads.submit(add_one) for _ in range(4)]:
                future.result()
        assert store.sessions.get("session-1").metadata == {"count": 40}

    def test_blocks_run_one_after_the_other(self, store: Store) -> None:
        """What a block goes by, whatever it has read, no other block changes before it ends."""
        take_turns([store])

    def test_block_keeps_what_it_got_or_changed(self, store: Store) -> None:
        """What a block has got by its id, or changed, calls outside change only when it is over."""
        write_everything(store)
        store.sessions.add(sample_session(id="changed"))
        mine, theirs = (sample_event(data={"type": "user", "fuller": "x" * n}) for n in (100, 200))
        with ThreadPoolExecutor(4) as others:
            with store.transaction():
                session, job = store.sessions.get("session-1"), store.jobs.get("job-1")
                store.sessions.update(sample_session(id="changed", title="mine"))
                store.events.append([mine])
                job_change = JobChange(job, attrs.evolve(job, attempts=1))
                changes: list[Future[Any]] = [
                    others.submit(store.sessions.update, attrs.evolve(session, title="theirs")),
                    others.submit(store.sessions.update, sample_session(id="changed")),
                    others.submit(store.jobs.replace, [job_change]),
                    others.submit(store.events.append, [theirs]),
                ]
                # A store that lets them pass has done so by then.
                wait(changes, timeout=0.1)
                assert store.sessions.get("session-1") == session
                assert store.sessions.get("changed").title == "mine"
                assert store.jobs.get("job-1") == job
                assert store.events.get(mine.key).data == mine.data
            for future in changes:
                future.result()
        assert store.sessions.get("session-1").title == "theirs"
        assert store.sessions.get("changed").title != "mine"
        assert store.jobs.get("job-1").attempts == 1
        assert store.events.get(mine.key).data == theirs.data

    def test_snapshot_sees_one_moment(self, store: Store) -> None:
        """Reads inside a snapshot agree, and keep no writer waiting."""
        with ThreadPoolExecutor(1) as other:
            with store.snapshot():
                assert counts(store) == (0, 0, 0, 0)
                other.submit(write_everything, store).result()
                assert counts(store) == (0, 0, 0, 0)
            assert counts(store) == (1, 1, 1, 1)

    def test_snapshot_begins_with_its_block(self, store: Store) -> None:
        """The moment is that at which the block begins, not that of its first read."""
        with ThreadPoolExecutor(1) as other, store.snapshot():
            other.submit(write_everything, store).result()
            assert counts(store) == (0, 0, 0, 0)

    def test_snapshot_is_for_reading(self, store: Store) -> None:
        """A write or a transaction inside a snapshot is refused and changes nothing."""
        with store.snapshot():
            with pytest.raises(StoreReadOnly):
                store.sessions.add(sample_session())
            with pytest.raises(StoreReadOnly), store.transaction():
                pass
            with store.snapshot():
                assert all_sessions(store) == []
            assert all_sessions(store) == []
        store.sessions.add(sample_session())
        assert len(all_sessions(store)) == 1

    def test_snapshot_inside_a_transaction(self, store: Store) -> None:
        """A snapshot inside a transaction sees the transaction's writes, and ends nothing."""
        with store.transaction():
            store.sessions.add(sample_session())
            with store.snapshot():
                assert len(all_sessions(store)) == 1
            store.jobs.add([sample_job()])
        assert counts(store) == (1, 0, 1, 0)

    def test_closed_store_says_so(self, store: Store) -> None:
        """Every call on a closed store raises `StoreUnavailable`; closing again does not."""
        store.close()
        store.close()
        for call in (
            lambda: all_sessions(store),
            lambda: store.sessions.add(sample_session()),
            lambda: store.events.append([sample_event()]),
            lambda: all_jobs(store),
            lambda: store.cursors.get("file-1"),
            lambda: store.transaction().__enter__(),
            lambda: store.snapshot().__enter__(),
        ):
            with pytest.raises(StoreUnavailable):
                call()
