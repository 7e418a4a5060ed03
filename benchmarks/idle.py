"""What it costs to wait."""

from __future__ import annotations

import multiprocessing
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Final

import psutil

from benchmarks.measure import Figure

_SETTLE_SECONDS: Final = 2.0


def idle_cpu(
    measure: str,
    wait: Callable[[Path, Connection], None],
    path: Path,
    *,
    seconds: float,
) -> Figure:
    """Return what share of one core, in percent, a process uses in which `wait` waits.

    It is given `path` and a pipe, says through it that it waits, and does so until it is told to
    end.
    """
    spawning = multiprocessing.get_context("spawn")
    here, there = spawning.Pipe()
    process = spawning.Process(target=wait, args=(path, there), daemon=True)
    process.start()
    there.close()
    here.recv()
    time.sleep(min(_SETTLE_SECONDS, seconds))
    watched = psutil.Process(process.pid)
    before, begin = watched.cpu_times(), time.monotonic()
    time.sleep(seconds)
    after, taken = watched.cpu_times(), time.monotonic() - begin
    here.send("stop")
    process.join()
    used = after.user + after.system - before.user - before.system
    return Figure(measure, used / taken * 100, f"% of a core; {used:.2f} s in {taken:.0f} s")
