"""The part `import`: importing and watching histories, and importing memva itself."""

from __future__ import annotations

import json
import os
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from statistics import median
from typing import Final

from benchmarks import raw, unchanged, watching
from benchmarks.history import history, large_history
from benchmarks.hosts import Files, new_files
from benchmarks.measure import Figure, compared, in_turns
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles

_BATCH: Final = 500
_TIMED_IMPORT: Final = """
from time import perf_counter
begin = perf_counter()
{statement}
print(perf_counter() - begin)
"""
# A process starts out with the peak of the one that began it: a small one stands between.
_BETWEEN: Final = "import subprocess, sys; sys.exit(subprocess.call(sys.argv[1:]))"


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures of this part."""
    yield _speed(sizes, place)
    yield _peak(sizes, place)
    yield from unchanged.measures(sizes, place)
    yield from watching.measures(sizes, place)
    yield _cost_of_memva(sizes, place)


def _speed(sizes: Sizes, place: Place) -> Figure:
    """A whole import, against reading the lines, `json.loads` and inserting them as they are."""
    folder = history(place, sizes.history_lines)
    rounds = in_turns(
        lambda files: import_transcripts(files.store, TranscriptFiles(folder)),
        lambda files: _insert_lines(folder, files.connection),
        _new_files(place, sizes.history_rounds),
    )
    return compared("import.speed", rounds, count=sizes.history_lines, names=("memva", "raw"))


def _new_files(place: Place, count: int) -> Iterator[Files]:
    for _ in range(count):
        with new_files(place, "full") as files:
            yield files


def _insert_lines(folder: Path, connection: sqlite3.Connection) -> None:
    """Insert every line as it stands, after `json.loads`, with what a page needs in columns."""
    paths = sorted(folder.rglob("*.jsonl"))
    raw.add_sessions(connection, [path.stem for path in paths if path.parent.parent == folder])
    rows = chain.from_iterable(_rows(path) for path in paths)
    while batch := list(islice(rows, _BATCH)):
        raw.append_rows(connection, [row for row, _ in batch], [told for _, told in batch])


def _rows(path: Path) -> Iterator[tuple[tuple[object, ...], raw.Told | None]]:
    timestamp, session_id = "", path.stem
    with path.open(encoding="utf-8") as lines:
        for number, text in enumerate(lines, start=1):
            line = json.loads(text)
            timestamp = line.get("timestamp", timestamp)
            session_id = line.get("sessionId", session_id)
            is_sidechain = line.get("isSidechain", False)
            row = (
                line.get("uuid", number),
                session_id,
                line["type"],
                timestamp,
                is_sidechain,
                line.get("parentUuid"),
                line.get("cwd", ""),
                "",
                text,
                session_id,
                path.parent.name,
                path.stem,
                number,
                timestamp,
                raw.said(line),
            )
            place = (session_id, session_id, path.parent.name, path.stem)
            yield row, raw.told(line, place, (timestamp, number, "", is_sidechain))


def _peak(sizes: Sizes, place: Place) -> Figure:
    """The most memory that a process holds which imports lines of 10 MB."""
    folder = large_history(place, sizes.large_history_lines)
    store = place.new_folder() / "memva.db"
    [peak, before] = map(float, _run("-m", "benchmarks.peak", str(folder), str(store)).split())
    size = sum(path.stat().st_size for path in folder.rglob("*.jsonl")) / 1e6
    beside = f"a history of {size:,.0f} MB; {before:.0f} MB before the import"
    return Figure("import.peak_mb", peak, beside)


def _cost_of_memva(sizes: Sizes, place: Place) -> Figure:
    """`import memva` against `import attrs`, timed inside fresh interpreters.

    Both are compiled before, as an installed package is. memva loads what is asked for: beside it
    stands what all of it takes.
    """
    bytecode = place.new_folder()
    imports = ("import memva", "import attrs", "from memva import *")
    seconds: dict[str, list[float]] = {statement: [] for statement in imports}
    for statement in imports:
        _import_seconds(statement, bytecode)
    for turn in range(sizes.import_rounds):
        for statement in sorted(imports, reverse=turn % 2 == 1):
            seconds[statement].append(_import_seconds(statement, bytecode))
    memva, attrs, all_of_it = (median(taken) * 1e3 for taken in seconds.values())
    beside = f"memva {memva:.1f} ms, all that it lists {all_of_it:.1f} ms, attrs {attrs:.1f} ms"
    return Figure("import_memva.cost", memva / attrs, beside)


def _import_seconds(statement: str, bytecode: Path) -> float:
    # An empty PYTHONDONTWRITEBYTECODE is as none: some machines forbid bytecode for all.
    environment = {"PYTHONPYCACHEPREFIX": str(bytecode), "PYTHONDONTWRITEBYTECODE": ""}
    return float(_run("-c", _TIMED_IMPORT.format(statement=statement), **environment))


def _run(*arguments: str, **environment: str) -> str:
    """Run Python in a process of its own, and return what it prints."""
    command = [sys.executable, "-c", _BETWEEN, sys.executable, *arguments]
    variables = {**os.environ, **environment}
    return subprocess.run(
        command, check=True, text=True, stdout=subprocess.PIPE, env=variables
    ).stdout
