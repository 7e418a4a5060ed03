"""memva beside other queues on SQLite, each at its surest: what is committed is on disk."""

from __future__ import annotations

import json
import random
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import median
from typing import Final, TypeAlias

from benchmarks import raw
from benchmarks.contenders import Contender, Memva, RawSqlite
from benchmarks.job_hosts import RESULT, blocks, job_datas
from benchmarks.measure import Figure
from benchmarks.peer_environment import peer_python, peer_versions
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import JsonObject
from memva.adapters.sqlite import SqliteStore

_PROCESS: Final = Path(__file__).with_name("peer_process.py")
_FULL: Final = "2"
MEMVA: Final = "memva"
RAW: Final = "raw"
_REMARKS: Final = {
    "litequeue": "",
    "localqueue": "",
    "tinyjobs": "",
    "huey": "does not count: a crash loses the job that runs",
    "persist-queue": "does not count: two processes get the same job",
}
_COUNTED: Final = [name for name, remark in _REMARKS.items() if not remark]
_ROW: Final = "    {:<24} {:>8} {:>9} {:>8}  {}"

Seconds: TypeAlias = dict[str, float]
"""What each contender took, by its name."""


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield memva's rate in units of that of the fastest peer that neither loses nor doubles work.

    Jobs are claimed and completed one by one.
    """
    with ExitStack() as stack:
        contenders: dict[str, Contender] = {
            MEMVA: stack.enter_context(_memva(place)),
            RAW: stack.enter_context(_raw(place)),
        }
        for name in _REMARKS:
            contenders[name] = stack.enter_context(
                peer_on(name, str(place.new_folder()), durability=_FULL)
            )
        rounds = rounds_of(contenders, sizes)
    against = dict.fromkeys(_COUNTED, MEMVA)
    yield best_peer("jobs.vs_best_peer", rounds, against, _REMARKS, count=sizes.peer_jobs)


def rounds_of(contenders: dict[str, Contender], sizes: Sizes) -> list[Seconds]:
    """Return what each took in each round.

    Every contender claims and completes some jobs, then it is another's turn. Their order is
    shuffled each time, as what one leaves to the disk slows the one after it. The jobs of a round
    are created before the clock runs.
    """
    rounds = []
    for seed in range(sizes.peer_rounds):
        datas = job_datas(seed, sizes.peer_jobs)
        for contender in contenders.values():
            contender.add(datas)
        rounds.append(_round(contenders, sizes.peer_jobs, chance=random.Random(seed)))
    return rounds


def _round(contenders: dict[str, Contender], count: int, *, chance: random.Random) -> Seconds:
    seconds = dict.fromkeys(contenders, 0.0)
    for block in blocks(count):
        for name in chance.sample(list(contenders), k=len(contenders)):
            seconds[name] += contenders[name].run(block)
    return seconds


def best_peer(
    measure: str,
    rounds: Sequence[Seconds],
    against: Mapping[str, str],
    remarks: Mapping[str, str],
    *,
    count: int,
) -> Figure:
    """Return the lowest rate of memva's in units of a peer's; `against` names its own for each."""
    ratios = {name: _ratio(rounds, ours, name) for name, ours in against.items()}
    best = min(ratios, key=lambda name: ratios[name])
    others = ", ".join(f"{name} {ratio:.2f}" for name, ratio in ratios.items() if name != best)
    versions = peer_versions()
    table = [_ROW.format("", "jobs/s", "of memva", "of raw", "")]
    for name in rounds[0]:
        rate = count / median(seconds[name] for seconds in rounds)
        shares = [f"{_ratio(rounds, name, other):.2f}" for other in (MEMVA, RAW)]
        peer, comma, rest = name.partition(",")
        title = f"{peer} {versions.get(peer, '')}".strip() + comma + rest
        table.append(_ROW.format(title, f"{rate:,.0f}", *shares, remarks.get(name, "")).rstrip())
    return Figure(measure, ratios[best], f"against {best}; {others}", table)


def _ratio(rounds: Sequence[Seconds], name: str, other: str) -> float:
    """Return the rate of `name` in units of that of `other`."""
    return median(seconds[other] / seconds[name] for seconds in rounds)


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
def _memva(place: Place) -> Iterator[Contender]:
    with SqliteStore.open(place.new_folder() / "memva.db", durability="full") as store:
        yield Memva(store)


@contextmanager
def _raw(place: Place) -> Iterator[Contender]:
    connection = raw.create(place.new_folder() / "raw.db", "full")
    try:
        yield RawSqlite(connection)
    finally:
        connection.close()


@contextmanager
def peer_on(name: str, place: str, *, durability: str) -> Iterator[Contender]:
    """Give a peer on a folder or a database of its own, which must say that it is so durable."""
    command = [str(peer_python()), "-P", str(_PROCESS), name, place, json.dumps(RESULT)]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True) as process:
        try:
            peer = _Peer(process)
            if (said := peer.answer("")) != durability:
                raise AssertionError(f"{name} commits with {said!r}, not with {durability!r}")
            yield peer
        finally:
            process.kill()
