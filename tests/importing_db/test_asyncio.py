"""The awaitable twin: it ends after a batch where it is cancelled, and goes on the next time."""

from __future__ import annotations

import asyncio
import threading

import pytest
from tests.aio.tasks import run
from tests.importing_db.conftest import Seed, all_events

from memva import DatabaseImportProgress, WorkerStore, aio
from memva.adapters.typescript_memva import TypescriptMemva


def test_cancelled_import_ends_after_a_batch_and_goes_on(store: WorkerStore, seed: Seed) -> None:
    seed.make().session().event(memva_session_id="s1")
    reached, go_on = threading.Event(), threading.Event()

    def on_progress(progress: DatabaseImportProgress) -> None:
        reached.set()
        go_on.wait(10)

    async def main() -> None:
        with TypescriptMemva(seed.path) as source:
            task = asyncio.create_task(
                aio.import_memva_database(store, source, on_progress=on_progress)
            )
            await asyncio.to_thread(reached.wait, 10)
            task.cancel()
            await asyncio.sleep(0)
            go_on.set()
            with pytest.raises(asyncio.CancelledError):
                await task
            assert all_events(store) == []
            report = await aio.import_memva_database(store, source)
            assert (report.known_sessions, report.events.added) == (1, 1)

    run(main())
