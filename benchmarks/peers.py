"""memva beside other queues on SQLite, each at its surest: what is committed is on disk."""

from __future__ import annotations

import json
import random
import sqlite3
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, Protocol, TypeAlias

import attrs

from benchmarks import raw, raw_jobs
from benchmarks.job_hosts import (
    RESULT,
    TYPE,
    add_jobs,
    blocks,
    claim_and_complete,
    claim_and_complete_raw,
    job_datas,
)
from benchmarks.measure import Figure
from benchmarks.peer_environment import peer_python, peer_versions
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import JsonObject
from memva.adapters.sqlite import SqliteStore

_PROCESS: Final = Path(__file__).with_name("peer_process.py")
_FULL: Final = "2"
_MEMVA: Final = "memva"
_RAW: Final = "raw"
_REMARKS: Final = {
    "litequeue": "",
    "localqueue": "",
    "tinyjobs": "",
    "huey": "does not count: a crash loses the job that runs",
    "persist-queue": "does not count: two processes get the same job",
}
_COUNTED: Final = [name for name, remark in _REMARKS.items() if not remark]
_ROW: Final = "    {:<22} {:>8} {:>9} {:>8}  {}"

_Seconds: TypeAlias = dict[str, float]


class _Contender(Protocol):
    """A queue on a file of its own."""

    def add(self, datas: Sequence[JsonObject]) -> None:
        """Create jobs that are due at once."""
        ...

    def run(self, count: int) -> float:
        """Claim and complete so many one by one; return how many seconds that took."""
        ...


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield memva's rate in units of that of the fastest peer that neither loses nor doubles work.

    Every contender claims and completes some jobs one by one, then it is another's turn. Their
    order is shuffled each time, as what one leaves to the disk slows the one after it. The jobs of
    a round are created before the clock runs.
    """
    rounds = []
    with ExitStack() as stack:
        contenders: dict[str, _Contender] = {
            _MEMVA: stack.enter_context(_memva(place)),
            _RAW: stack.enter_context(_raw(place)),
        }
        for name in _REMARKS:
            contenders[name] = stack.enter_context(_peer(name, place))
        for seed in range(sizes.peer_rounds):
            datas = job_datas(seed, sizes.peer_jobs)
            for contender in contenders.values():
                contender.add(datas)
            rounds.append(_round(contenders, sizes.peer_jobs, chance=random.Random(seed)))
    yield _figure(rounds, count=sizes.peer_jobs)


def _round(contenders: dict[str, _Contender], count: int, *, chance: random.Random) -> _Seconds:
    seconds = dict.fromkeys(contenders, 0.0)
    for block in blocks(count):
        for name in chance.sample(list(contenders), k=len(contenders)):
            seconds[name] += contenders[name].run(block)
    return seconds


def _figure(rounds: Sequence[_Seconds], *, count: int) -> Figure:
    ratios = {name: _ratio(rounds, _MEMVA, name) for name in _COUNTED}
    best = min(_COUNTED, key=lambda name: ratios[name])
    others = ", ".join(f"{name} {ratios[name]:.2f}" for name in _COUNTED if name != best)
    table = [_ROW.format("", "jobs/s", "of memva", "of raw", "")]
    for name in rounds[0]:
        rate = count / median(seconds[name] for seconds in rounds)
        shares = [f"{_ratio(rounds, name, other):.2f}" for other in (_MEMVA, _RAW)]
        title = f"{name} {peer_versions().get(name, '')}"
        table.append(_ROW.format(title, f"{rate:,.0f}", *shares, _REMARKS.get(name, "")).rstrip())
    return Figure("jobs.vs_best_peer", ratios[best], f"against {best}; {others}", table)


def _ratio(rounds: Sequence[_Seconds], name: str, other: str) -> float:
    """Return the rate of `name` in units of that of `other`."""
    return median(seconds[other] / seconds[name] for seconds in rounds)


@attrs.frozen
class _Memva:
    store: SqliteStore

    def add(self, datas: Sequence[JsonObject]) -> None:
        add_jobs(self.store, datas)

    def run(self, count: int) -> float:
        begin = time.perf_counter()
        claim_and_complete(self.store, count)
        return time.perf_counter() - begin


@attrs.frozen
class _Raw:
    connection: sqlite3.Connection

    def add(self, datas: Sequence[JsonObject]) -> None:
        raw_jobs.enqueue_batch(self.connection, TYPE, datas)

    def run(self, count: int) -> float:
        begin = time.perf_counter()
        claim_and_complete_raw(self.connection, count)
        return time.perf_counter() - begin


class _Peer:
    """A peer at work in its own process, which obeys and times itself."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def add(self, datas: Sequence[JsonObject]) -> None:
        self.answer(f"add {json.dumps(datas)}\n")

    def run(self, count: int) -> float:
        return float(self.answer(f"run {count}\n"))

    def answer(self, order: str) -> str:
        """Give an order, and return what the peer says."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(order)
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise RuntimeError(f"{self._process.args!r} ended with {self._process.wait()}")
        return answer.strip()


@contextmanager
def _memva(place: Place) -> Iterator[_Contender]:
    with SqliteStore.open(place.new_folder() / "memva.db", durability="full") as store:
        yield _Memva(store)


@contextmanager
def _raw(place: Place) -> Iterator[_Contender]:
    connection = raw.create(place.new_folder() / "raw.db", "full")
    try:
        yield _Raw(connection)
    finally:
        connection.close()


@contextmanager
def _peer(name: str, place: Place) -> Iterator[_Contender]:
    folder, result = str(place.new_folder()), json.dumps(RESULT)
    command = [str(peer_python()), "-P", str(_PROCESS), name, folder, result]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            peer = _Peer(process)
            if (synchronous := peer.answer("")) != _FULL:
                raise AssertionError(f"{name} commits with synchronous = {synchronous}")
            yield peer
        finally:
            process.kill()
