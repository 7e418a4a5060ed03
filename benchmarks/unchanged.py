"""An import of a large history of which little changed, beside looking at each of its files."""

from __future__ import annotations

import os
import random
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks.history import grow, many_files
from benchmarks.measure import Figure, in_turns
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore

_CHANGED: Final = 5


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figure: how many times as long the import takes as `os.stat` of each file."""
    folder = many_files(place, sizes.unchanged_files)
    imported = partial(_import_into, folder=folder)
    path = place.copy(place.cached(f"unchanged-{sizes.unchanged_files}.db", imported))
    files = [os.fspath(path) for path in sorted(folder.rglob("*.jsonl"))]
    with SqliteStore.open(path) as store:
        # What an earlier run appended is no part of it.
        import_transcripts(store, TranscriptFiles(folder))
        rounds = in_turns(
            lambda _: import_transcripts(store, TranscriptFiles(folder)),
            lambda _: _look_at(files),
            _changed(files, sizes.unchanged_rounds),
        )
    ours, floor = (median(seconds) * 1e3 for seconds in zip(*rounds, strict=True))
    ratios = sorted(seconds.ours / seconds.floor for seconds in rounds)
    beside = f"import {ours:.0f} ms, stat {floor:.0f} ms ({ratios[0]:.2f} to {ratios[-1]:.2f})"
    yield Figure("import.unchanged", median(ratios), beside)


def _import_into(path: Path, *, folder: Path) -> None:
    with SqliteStore.open(path, durability="normal") as store:
        import_transcripts(store, TranscriptFiles(folder))


def _look_at(files: list[str]) -> None:
    for file in files:
        # A Path would be made for each file first: this is the floor.
        os.stat(file)  # noqa: PTH116  # the barest there is


def _changed(files: list[str], rounds: int) -> Iterator[int]:
    """Yield a round's number once some of the files have grown by a line."""
    chance = random.Random()
    for number in range(rounds):
        for file in chance.sample(files, _CHANGED):
            grow(Path(file), chance)
        yield number
