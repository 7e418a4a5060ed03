"""Files of many jobs among which a worker finds its own, made quickly.

None of them is for the worker: they are finished, or future, or another's, or behind a busy key.
All but the finished ones are of a higher priority than the jobs that it is to claim.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, closing, contextmanager
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

import attrs

from benchmarks import raw
from benchmarks.job_hosts import RESULT, TYPE, job_counts, job_data
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import made_up_uuid
from memva import JobStatus, Store
from memva.adapters.sqlite import SqliteStore
from memva.domain.job_page import JobQuery
from memva.domain.json import encode_json

_Row: TypeAlias = dict[str, Any]

_AT_ONCE: Final = 10_000
_CHECKED: Final = 1_000
_FOREIGN_TYPES: Final = 10
_PAST: Final = "2026-01-02T03:04:05.678901Z"
_LATER: Final = "2026-01-02T03:04:06.678901Z"
_FUTURE_YEAR: Final = 2100
_BUSY: Final = "busy"
_HIGHER: Final = 10

# In the order of the columns. The stage is what memva itself keeps: a claim goes by it.
_PENDING: Final[_Row] = {
    "id": None,
    "type": TYPE,
    "status": "pending",
    "stage": "ready",
    "priority": _HIGHER,
    "attempts": 0,
    "max_attempts": 3,
    "claims": 0,
    "scheduled_at": _PAST,
    "started_at": None,
    "completed_at": None,
    "created_at": _PAST,
    "updated_at": _PAST,
    "lease_until": None,
    "claim_token": None,
    "concurrency_key": None,
    "unique_scope": "until_finished",
    "checkpoint": "null",
    "result": "null",
    "data": None,
}
_CLAIMED: Final[_Row] = {"stage": None, "attempts": 1, "claims": 1, "started_at": _PAST}
COLUMNS: Final = ", ".join(_PENDING)
_INSERT: Final = f"INSERT INTO jobs ({COLUMNS}) VALUES ({', '.join('?' for _ in _PENDING)})"
FIRST_ROWS: Final = f"SELECT * FROM jobs ORDER BY position LIMIT {_CHECKED}"


@attrs.frozen
class Crowd:
    """Many jobs that are alike.

    Attributes:
        name: What they are called in the figures.
        count: How many they are.
        counts: How many of them memva must count of each type and status.
        is_due: Whether those that are pending are due.
        row: Returns the columns of the job of a number in which it differs from `_PENDING`.
    """

    name: str
    count: int
    counts: Mapping[tuple[str, JobStatus], int]
    is_due: bool
    row: Callable[[random.Random, int], _Row]


class Ground(Protocol):
    """An empty store of an adapter's, and the way past it to its table of jobs."""

    def open(self) -> AbstractContextManager[Store]:
        """Open the store."""
        ...

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        """Write rows of `COLUMNS`, in which times are text."""
        ...

    def first_rows(self) -> list[tuple[object, ...]]:
        """Return what `FIRST_ROWS` gives."""
        ...

    def twin(self) -> AbstractContextManager[Ground]:
        """Give another, just as empty as it was."""
        ...


def crowds(sizes: Sizes) -> Iterator[Crowd]:
    """Yield every crowd."""
    many, some = sizes.many_jobs, sizes.crowd_jobs
    yield Crowd("finished", many, {(TYPE, "completed"): many}, False, _finished)
    yield Crowd("future", many, {(TYPE, "pending"): many}, False, _future)
    foreign: dict[tuple[str, JobStatus], int] = {
        (_foreign_type(number), "pending"): some // _FOREIGN_TYPES
        for number in range(_FOREIGN_TYPES)
    }
    yield Crowd("foreign", some, foreign, True, _foreign)
    behind: dict[tuple[str, JobStatus], int] = {(TYPE, "pending"): some - 1}
    yield Crowd("busy_key", some, {**behind, (TYPE, "processing"): 1}, True, _of_busy_key)
    spread = partial(_of_many_priorities, sizes.crowd_priorities)
    yield Crowd("priorities", some, {(TYPE, "pending"): some}, False, spread)


def crowded(place: Place, crowd: Crowd) -> Path:
    """Return a file that holds the crowd and nothing else."""
    name = f"jobs-{crowd.name}-{crowd.count}.db"
    return place.cached(name, partial(_fill_file, crowd=crowd))


def check_crowd(store: Store, crowd: Crowd, *, completed: int = 0) -> None:
    """Raise unless memva finds in `store` the crowd as it was made, and `completed` jobs more."""
    expected = dict(crowd.counts)
    if completed:
        expected[TYPE, "completed"] = expected.get((TYPE, "completed"), 0) + completed
    found = job_counts(store)
    if found != expected:
        raise AssertionError(f"{crowd.name}: there are {found} where {expected} are wanted")
    due = {row.oldest_due is not None for row in store.jobs.stats() if row.status == "pending"}
    if due - {crowd.is_due}:
        raise AssertionError(f"{crowd.name}: what is due is not what is wanted")


def _finished(_: random.Random, number: int) -> _Row:
    return {
        **_CLAIMED,
        "status": "completed",
        "priority": number % 3,
        "completed_at": _LATER,
        "updated_at": _LATER,
        "claim_token": f"{number:032x}",
        "result": encode_json(RESULT, field="result"),
    }


def _future(chance: random.Random, _: int) -> _Row:
    year, second = _FUTURE_YEAR + chance.randrange(50), chance.uniform(0, 59)
    return {"stage": "waiting", "scheduled_at": f"{year}-01-02T03:04:{second:09.6f}Z"}


def _foreign(_: random.Random, number: int) -> _Row:
    return {"type": _foreign_type(number)}


def _foreign_type(number: int) -> str:
    return f"other-{number % _FOREIGN_TYPES}"


def _of_busy_key(_: random.Random, number: int) -> _Row:
    if number:
        return {"concurrency_key": _BUSY, "stage": "behind"}
    return {
        **_CLAIMED,
        "concurrency_key": _BUSY,
        "status": "processing",
        "stage": "claimed",
        "lease_until": f"{_FUTURE_YEAR}{_PAST[4:]}",
        "claim_token": f"{number:032x}",
    }


def _of_many_priorities(priorities: int, chance: random.Random, number: int) -> _Row:
    return {**_future(chance, number), "priority": _HIGHER + number % priorities}


def _rows(crowd: Crowd) -> Iterator[tuple[object, ...]]:
    chance = random.Random(crowd.name)
    for number in range(crowd.count):
        data = encode_json(job_data(chance), field="data")
        row = {**_PENDING, "id": made_up_uuid(chance), "data": data, **crowd.row(chance, number)}
        assert row.keys() == _PENDING.keys()
        yield tuple(row.values())


def write_crowd(ground: Ground, crowd: Crowd) -> None:
    """Write the rows that memva would write, without its care, which takes no time here."""
    rows = _rows(crowd)
    ground.insert(list(islice(rows, _CHECKED)))
    with ground.open() as store:
        jobs = store.jobs.find(JobQuery(), limit=_CHECKED).jobs
    with ground.twin() as twin:
        with twin.open() as store:
            store.jobs.add(jobs[::-1])
        if ground.first_rows() != twin.first_rows():
            raise AssertionError("the rows of the crowd are not those that memva writes")
    while batch := list(islice(rows, _AT_ONCE)):
        ground.insert(batch)
    with ground.open() as store:
        check_crowd(store, crowd)


class _File:
    """A file of SQLite's."""

    def __init__(self, path: Path) -> None:
        self._path = path
        SqliteStore.open(path).close()
        self.connection = raw.connect(path, "normal")
        self.connection.execute("PRAGMA synchronous = OFF")

    def open(self) -> SqliteStore:
        return SqliteStore.open(self._path)

    def insert(self, rows: Sequence[tuple[object, ...]]) -> None:
        self.connection.execute("BEGIN IMMEDIATE")
        self.connection.executemany(_INSERT, rows)
        self.connection.execute("COMMIT")

    def first_rows(self) -> list[tuple[object, ...]]:
        return self.connection.execute(FIRST_ROWS).fetchall()

    @contextmanager
    def twin(self) -> Iterator[_File]:
        twin = _File(self._path.with_name("twin.db"))
        with closing(twin.connection):
            yield twin


def _fill_file(path: Path, *, crowd: Crowd) -> None:
    file = _File(path)
    with closing(file.connection):
        write_crowd(file, crowd)
        file.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
