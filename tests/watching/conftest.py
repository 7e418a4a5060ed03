"""A watch that runs in a thread, over files that a test writes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from queue import Empty, Queue
from threading import Event as Flag
from threading import Thread
from typing import Any

import psutil
import pytest
from tests.importing.conftest import History

from memva import EventQuery, ImportProblem, ImportReport, watch_transcripts
from memva.adapters.claude_code import TranscriptFiles, watch
from memva.adapters.memory import MemoryStore

LONG = 30.0


class Watcher:
    """A watch in a thread of its own, and what it tells."""

    def __init__(self, *, polling: bool) -> None:
        self.store = MemoryStore()
        self.problems: list[ImportProblem] = []
        self._polling = polling
        self._stop = Flag()
        self._reports: Queue[ImportReport | BaseException] = Queue()
        self._thread: Thread | None = None

    def watch(self, path: Path, **options: Any) -> None:
        """Begin; there are no sweeps, which find everything."""
        self._stop.clear()
        options = {"sweep_seconds": 1e9, **options}
        source = TranscriptFiles(path, polling=self._polling)
        self._thread = Thread(target=self._run, args=(source, options))
        self._thread.start()

    def stop(self) -> None:
        """End, and wait until nothing is left of it."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join(LONG)

    def next_report(self) -> ImportReport:
        """Wait for the next report."""
        try:
            told = self._reports.get(timeout=LONG)
        except Empty:
            raise AssertionError("nothing was reported") from None
        if isinstance(told, BaseException):
            raise told
        return told

    def until(self, is_it: Callable[[ImportReport], bool]) -> ImportReport:
        """Wait for such a report."""
        while not is_it(report := self.next_report()):
            continue
        return report

    def until_imported(self, uuid: str) -> None:
        """Wait until the event with this uuid is there."""
        self.until(lambda _: uuid in self.imported())

    def imported(self) -> set[str]:
        """Return the uuids of all events."""
        return {e.uuid for e in self.store.events.page(EventQuery(), limit=1_000).events}

    def _run(self, source: TranscriptFiles, options: dict[str, Any]) -> None:
        try:
            for report in watch_transcripts(
                self.store,
                source,
                stop=self._stop.is_set,
                on_problem=self.problems.append,
                **options,
            ):
                self._reports.put(report)
        except BaseException as error:
            self._reports.put(error)


@pytest.fixture(autouse=True)
def notices_are_over() -> Iterator[None]:
    """Wait for the thread in which the system tells of changes, which ends a little later."""
    process = psutil.Process()
    before = process.num_fds()
    yield
    give_up = time.monotonic() + LONG
    while process.num_fds() > before and time.monotonic() < give_up:
        time.sleep(0.01)


@pytest.fixture
def history(tmp_path: Path) -> History:
    return History(tmp_path / "claude")


@pytest.fixture(params=["notices", "polling"])
def watcher(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[Watcher]:
    monkeypatch.setattr(watch, "LOOK_SECONDS", 0.05)
    watcher = Watcher(polling=request.param == "polling")
    yield watcher
    watcher.stop()
    watcher.store.close()
