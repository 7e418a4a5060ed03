"""Creating jobs: one in a transaction, and a hundred in each."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from benchmarks import raw_jobs
from benchmarks.hosts import new_files
from benchmarks.job_hosts import TYPE, add_jobs, blocks, job_datas
from benchmarks.measure import Figure, compared, in_turns, together
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from memva import JsonObject, Store, create_job

_BATCH: Final = 100


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figures."""
    yield _one_by_one(sizes, place)
    yield _in_batches(sizes, place)


def _one_by_one(sizes: Sizes, place: Place) -> Figure:
    """`create_job`, against an insert with `json.dumps`, an id and the times as text."""
    rounds = []
    with new_files(place, "full") as files:
        for seed in range(sizes.job_rounds):
            datas = iter(job_datas(seed, sizes.jobs))
            seconds = in_turns(
                lambda some: _create_each(files.store, some),
                lambda some: _enqueue_each(files.connection, some),
                ([next(datas) for _ in range(count)] for count in blocks(sizes.jobs)),
            )
            rounds.append(together(seconds))
    return compared("jobs.enqueue.full", rounds, count=sizes.jobs, names=("memva", "raw"))


def _in_batches(sizes: Sizes, place: Place) -> Figure:
    """`create_jobs`, with its `NewJob`s being made, against `executemany` with `json.dumps`."""
    rounds = []
    with new_files(place, "full") as files:
        for seed in range(sizes.job_rounds):
            seconds = in_turns(
                lambda batch: add_jobs(files.store, batch),
                lambda batch: raw_jobs.enqueue_batch(files.connection, TYPE, batch),
                _batches(seed, sizes.job_batches),
            )
            rounds.append(together(seconds))
    count = sizes.job_batches * _BATCH
    return compared("jobs.enqueue_batch.full", rounds, count=count, names=("memva", "raw"))


def _batches(seed: int, count: int) -> Iterator[Sequence[JsonObject]]:
    datas = job_datas(seed, count * _BATCH)
    for begin in range(0, len(datas), _BATCH):
        yield datas[begin : begin + _BATCH]


def _create_each(store: Store, datas: Iterable[JsonObject]) -> None:
    for data in datas:
        create_job(store, type=TYPE, data=data)


def _enqueue_each(connection: sqlite3.Connection, datas: Iterable[JsonObject]) -> None:
    for data in datas:
        raw_jobs.enqueue(connection, TYPE, data)
