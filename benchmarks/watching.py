"""Watching a folder of transcripts: what it costs to wait, and how soon a line is stored."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from pathlib import Path
from queue import Queue
from statistics import median
from typing import Final

from benchmarks.history import grow, many_files
from benchmarks.idle import idle_cpu
from benchmarks.measure import Figure
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import watch_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore

_WAIT_SECONDS: Final = 60


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    folder = many_files(place, sizes.watched_files)
    yield idle_cpu("watch.idle_cpu", _watch_until_told, folder, seconds=sizes.watch_seconds)
    yield _delay(sizes, place, folder)


def _delay(sizes: Sizes, place: Place, folder: Path) -> Figure:
    """From the moment at which a line was appended to the report that it was stored; the longest.

    Each is appended to another file, at a chance moment.
    """
    chance = random.Random()
    files = sorted(folder.rglob("*.jsonl"))
    delays = []
    with _watching(folder, place.new_folder() / "memva.db") as reported:
        for file in chance.sample(files, sizes.watched_lines):
            time.sleep(chance.uniform(0.1, 0.6))
            grow(file, chance)
            begin = time.monotonic()
            delays.append(reported.get(timeout=_WAIT_SECONDS) - begin)
    beside = f"the longest of {len(delays)}; {median(delays):.2f} s in the median"
    return Figure("watch.delay_s", max(delays), beside)


def _watch_until_told(folder: Path, pipe: Connection) -> None:
    with _watching(folder, folder.parent / "memva.db"):
        pipe.send("ready")
        pipe.recv()


@contextmanager
def _watching(folder: Path, path: Path) -> Iterator[Queue[float]]:
    """Watch in a thread, once all that is there is imported; give the moments of its reports."""
    reported: Queue[float] = Queue()
    stop = threading.Event()

    def watch() -> None:
        for _ in watch_transcripts(store, TranscriptFiles(folder), stop=stop.is_set):
            reported.put(time.monotonic())

    with SqliteStore.open(path, durability="normal") as store:
        thread = threading.Thread(target=watch)
        thread.start()
        try:
            reported.get(timeout=_WAIT_SECONDS)
            yield reported
        finally:
            stop.set()
            thread.join()
