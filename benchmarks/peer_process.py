"""A peer of memva's at work, in a process and an environment of its own.

Run as `python -P peer_process.py <peer> <place> <result>`: the place is a folder or a database's
URL, and the result, which jobs are completed with where the peer keeps it, is JSON. It imports the
standard library and the peer alone. It first says how durable its commits are, as its database
calls it, and then obeys lines:
`add <JSON>` creates the jobs of a list of data and says `added`; `run <count>` claims and completes
so many, one by one, and says how many seconds that took.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import time
import uuid
from collections.abc import Callable, Sequence
from datetime import timedelta
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

_READ_BACK: Final = "PRAGMA synchronous"
_FULL: Final = "PRAGMA synchronous = FULL"
_DURABLE: Final = """
    SELECT CASE current_setting('fsync') WHEN 'on' THEN current_setting('synchronous_commit') END
        AS durable
"""
_LEASE_SECONDS: Final = 900


class _Peer(Protocol):
    """A queue on a file of its own; what is claimed is JSON that has been parsed."""

    def synchronous(self) -> int | str:
        """Return what the connection that it works on says."""
        ...

    def add(self, datas: Sequence[object]) -> None:
        """Create jobs."""
        ...

    def run(self, count: int) -> None:
        """Claim and complete so many jobs, one by one or at once."""
        ...


class _Litequeue:
    """It leaves JSON to its host, and keeps no results."""

    def __init__(self, folder: Path, _: object) -> None:
        self._queue: Any = import_module("litequeue").LiteQueue(folder / "litequeue.db")
        self._queue.conn.execute(_FULL)

    def synchronous(self) -> int:
        return int(self._queue.conn.execute(_READ_BACK).fetchone()[0])

    def add(self, datas: Sequence[object]) -> None:
        for data in datas:
            self._queue.put(json.dumps(data))

    def run(self, count: int) -> None:
        for _ in range(count):
            message = self._queue.pop()
            json.loads(message.data)
            self._queue.done(message.message_id)


class _Localqueue:
    """It keeps no results."""

    def __init__(self, folder: Path, _: object) -> None:
        module = import_module("localqueue")
        self._queue: Any = module.SimpleQueue(
            str(folder),
            delivery=module.DeliveryPolicy(lease_seconds=_LEASE_SECONDS),
            durability=module.DurabilityMode.DURABLE,
        )

    def synchronous(self) -> int:
        return int(self._queue.diagnostics().synchronous)

    def add(self, datas: Sequence[object]) -> None:
        self._queue.put_many(list(datas))

    def run(self, count: int) -> None:
        for _ in range(count):
            self._queue.ack(self._queue.get(block=False))


class _Tinyjobs:
    """Its backend, as its own worker calls it."""

    def __init__(self, folder: Path, result: object) -> None:
        module = import_module("tinyjobs.backends.sqlite")
        self._models: Any = import_module("tinyjobs.models")
        self._queued: Any = import_module("tinyjobs.status").JobStatus.QUEUED
        self._backend: Any = module.SQLiteBackend(str(folder / "tinyjobs.db"))
        self._loop = asyncio.new_event_loop()
        self._added = 0
        self._result = result
        self._loop.run_until_complete(self._backend.setup())
        self._on_connection(_FULL)

    def synchronous(self) -> int:
        return int(self._on_connection(_READ_BACK)[0][0])

    def add(self, datas: Sequence[object]) -> None:
        now = time.time()
        jobs = [
            self._models.Job(
                id=f"{self._added + number:026d}",
                task="prompt",
                payload=json.dumps(data).encode(),
                codec="json",
                queue="default",
                status=self._queued,
                max_attempts=3,
                run_at=now,
                created_at=now,
            )
            for number, data in enumerate(datas)
        ]
        self._added += len(jobs)
        self._loop.run_until_complete(self._backend.enqueue_many(jobs))

    def run(self, count: int) -> None:
        self._loop.run_until_complete(self._run(count))

    async def _run(self, count: int) -> None:
        for _ in range(count):
            [job] = await self._backend.claim(
                worker_id="one", queues=["default"], limit=1, lease_seconds=_LEASE_SECONDS
            )
            json.loads(job.payload)
            if not await self._backend.complete(job, json.dumps(self._result).encode()):
                raise LookupError(f"job {job.id} is under another claim")

    def _on_connection(self, sql: str) -> list[Any]:
        # It has a connection for each thread, and a thread of its own for all calls.
        pool = self._backend._connections
        rows: list[Any] = self._loop.run_until_complete(
            self._backend._call(lambda: pool.connection.execute(sql).fetchall())
        )
        return rows


class _Huey:
    """A whole task: taken, which deletes it, run, and its result stored."""

    def __init__(self, folder: Path, result: object) -> None:
        module = import_module("huey")
        self._huey: Any = module.SqliteHuey(filename=str(folder / "huey.db"), fsync=True)
        self._prompt: Any = self._huey.task()(lambda _: result)

    def synchronous(self) -> int:
        return int(self._huey.storage.sql(_READ_BACK, results=True)[0][0])

    def add(self, datas: Sequence[object]) -> None:
        for data in datas:
            self._prompt(data)

    def run(self, count: int) -> None:
        for _ in range(count):
            self._huey.execute(self._huey.dequeue())


class _PersistQueue:
    """It keeps no results."""

    def __init__(self, folder: Path, _: object) -> None:
        module = import_module("persistqueue")
        serializer = import_module("persistqueue.serializers.json")
        self._queue: Any = module.SQLiteAckQueue(str(folder), serializer=serializer)
        self._queue._putter.execute(_FULL)

    def synchronous(self) -> int:
        return int(self._queue._putter.execute(_READ_BACK).fetchone()[0])

    def add(self, datas: Sequence[object]) -> None:
        for data in datas:
            self._queue.put(data)

    def run(self, count: int) -> None:
        for _ in range(count):
            self._queue.ack(self._queue.get(block=False))


class _Procrastinate:
    """It keeps no results, and takes jobs one by one."""

    def __init__(self, url: str, _: object) -> None:
        procrastinate = import_module("procrastinate")
        self._jobs: Any = import_module("procrastinate.jobs")
        # It warns of an application that is made in the main module, where no worker finds it.
        logging.disable(logging.WARNING)
        self._loop = asyncio.new_event_loop()
        self._app: Any = procrastinate.App(
            connector=procrastinate.PsycopgConnector(conninfo=url, min_size=1, max_size=1)
        )
        self._worker = self._loop.run_until_complete(self._begin())

    def synchronous(self) -> str:
        rows = self._app.connector.execute_query_all_async(query=_DURABLE)
        return str(self._loop.run_until_complete(rows)[0]["durable"])

    def add(self, datas: Sequence[object]) -> None:
        jobs = [
            self._jobs.Job(
                queue="default",
                lock=None,
                queueing_lock=None,
                task_name="prompt",
                task_kwargs={"data": data},
            )
            for data in datas
        ]
        self._loop.run_until_complete(self._app.job_manager.batch_defer_jobs_async(jobs))

    def run(self, count: int) -> None:
        self._loop.run_until_complete(self._run(count))

    async def _begin(self) -> int:
        await self._app.open_async()
        await self._app.schema_manager.apply_schema_async()
        return int(await self._app.job_manager.register_worker())

    async def _run(self, count: int) -> None:
        manager, succeeded = self._app.job_manager, self._jobs.Status.SUCCEEDED
        for _ in range(count):
            job = await manager.fetch_job(queues=None, worker_id=self._worker)
            await manager.finish_job(job, succeeded, delete_job=False)


class _PgQueuer:
    """It leaves JSON to its host, keeps no results, and takes so many jobs at once as are wanted.

    It works through asyncpg, the faster of its drivers.
    """

    def __init__(self, url: str, _: object, *, in_batches: bool = False) -> None:
        ports = import_module("pgqueuer.ports.repository")
        self._in_batches = in_batches
        self._loop = asyncio.new_event_loop()
        self._options: Any = {
            "entrypoints": {"prompt": ports.EntrypointExecutionParameter(0)},
            "queue_manager_id": uuid.uuid4(),
            "global_concurrency_limit": None,
            "heartbeat_timeout": timedelta(seconds=_LEASE_SECONDS),
        }
        self._queries: Any = self._loop.run_until_complete(self._begin(url))

    def synchronous(self) -> str:
        rows = self._loop.run_until_complete(self._queries.driver.fetch(_DURABLE))
        return str(rows[0]["durable"])

    def add(self, datas: Sequence[object]) -> None:
        payloads = [json.dumps(data).encode() for data in datas]
        types, priorities = ["prompt"] * len(datas), [0] * len(datas)
        self._loop.run_until_complete(self._queries.enqueue(types, payloads, priorities))

    def run(self, count: int) -> None:
        self._loop.run_until_complete(self._run(count))

    async def _begin(self, url: str) -> object:
        connection = await import_module("asyncpg").connect(url)
        queries = import_module("pgqueuer.queries").Queries.from_asyncpg_connection(connection)
        await queries.install()
        return queries

    async def _run(self, count: int) -> None:
        at_once = count if self._in_batches else 1
        for _ in range(0, count, at_once):
            jobs = await self._queries.dequeue(at_once, **self._options)
            if len(jobs) != at_once:
                raise LookupError(f"there are {len(jobs)} jobs where {at_once} are wanted")
            for job in jobs:
                json.loads(job.payload)
            await self._queries.log_jobs([(job, "successful", None) for job in jobs])


_Open: TypeAlias = Callable[[Any, object], _Peer]

_PEERS: Final[dict[str, _Open]] = {
    "litequeue": _Litequeue,
    "localqueue": _Localqueue,
    "tinyjobs": _Tinyjobs,
    "huey": _Huey,
    "persist-queue": _PersistQueue,
    "procrastinate": _Procrastinate,
    "pgqueuer": _PgQueuer,
    "pgqueuer, in batches": partial(_PgQueuer, in_batches=True),
}


def main(name: str, place: str, result: str) -> None:
    """Open the peer in its place, and obey."""
    is_url = place.startswith("postgresql:")
    peer = _PEERS[name](place if is_url else Path(place), json.loads(result))
    print(peer.synchronous(), flush=True)
    for line in sys.stdin:
        order, _, argument = line.partition(" ")
        if order == "add":
            peer.add(json.loads(argument))
            print("added", flush=True)
        else:
            count = int(argument)
            begin = time.perf_counter()
            peer.run(count)
            print(time.perf_counter() - begin, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
