"""Imports a history in this process, and prints the most memory it held, in MB, and before that.

Run as `python -m benchmarks.peak <projects folder> <store>`.
"""

from __future__ import annotations

import resource
import sys

from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.sqlite import SqliteStore


def _peak_mb() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    # Bytes on macOS, elsewhere KiB.
    return peak / 1e6 if sys.platform == "darwin" else peak * 1024 / 1e6


def main(folder: str, path: str) -> None:
    """Import `folder` into a new store at `path`."""
    before = _peak_mb()
    with SqliteStore.open(path) as store:
        report = import_transcripts(store, TranscriptFiles(folder))
    assert report.events.added > 0
    assert report.problem_count == 0
    print(_peak_mb(), before)


if __name__ == "__main__":
    main(*sys.argv[1:])
