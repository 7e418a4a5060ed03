"""A peer of memva's at work, in a process and an environment of its own.

Run as `python -P peer_process.py <peer> <folder> <result>`, the result, which jobs are completed
with where the peer keeps it, as JSON. It imports the standard library and the peer alone. It first
says how durable its commits are, as SQLite's number, and then obeys lines:
`add <JSON>` creates the jobs of a list of data and says `added`; `run <count>` claims and completes
so many, one by one, and says how many seconds that took.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Final, Protocol, TypeAlias

_READ_BACK: Final = "PRAGMA synchronous"
_FULL: Final = "PRAGMA synchronous = FULL"
_LEASE_SECONDS: Final = 900


class _Peer(Protocol):
    """A queue on a file of its own; what is claimed is JSON that has been parsed."""

    def synchronous(self) -> int:
        """Return what the connection that it works on says."""
        ...

    def add(self, datas: Sequence[object]) -> None:
        """Create jobs."""
        ...

    def run(self, count: int) -> None:
        """Claim and complete so many jobs, one by one."""
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


_Open: TypeAlias = Callable[[Path, object], _Peer]

_PEERS: Final[dict[str, _Open]] = {
    "litequeue": _Litequeue,
    "localqueue": _Localqueue,
    "tinyjobs": _Tinyjobs,
    "huey": _Huey,
    "persist-queue": _PersistQueue,
}


def main(name: str, folder: str, result: str) -> None:
    """Open the peer on a file in `folder`, and obey."""
    peer = _PEERS[name](Path(folder), json.loads(result))
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
