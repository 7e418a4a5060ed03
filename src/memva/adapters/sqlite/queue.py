"""Which pending jobs may be claimed: the stage of each, kept so that a claim only has to look.

A pending job stands in one of three stages. `waiting`: it is scheduled for later, or was so when a
claim last looked. `behind`: it is due, but another job of its key goes first. `ready`: it may be
claimed. Of a key that no active job holds, the first of each type is ready; an active job that
waits for its next run is ready once it is due. So a claim never walks past what it cannot take.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Final

from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.rows import JOB_COLUMNS

_PRIORITY, SCHEDULED_AT, _CREATED_AT, CONCURRENCY_KEY = (
    JOB_COLUMNS.split(", ").index(name)
    for name in ("priority", "scheduled_at", "created_at", "concurrency_key")
)

_ORDER: Final = "priority DESC, scheduled_at, created_at, position"
# SQLite takes a partial index where a condition repeats the index's own word for word.
CLAIMED: Final = "stage IN ('claimed', 'ready') AND stage = 'claimed'"
READY: Final = "stage IN ('claimed', 'ready') AND stage = 'ready'"
_READY_BY_KEY: Final = "stage IN ('behind', 'ready') AND stage = 'ready'"
BEHIND: Final = "stage IN ('behind', 'ready') AND stage = 'behind'"
_FIRST_READY: Final = f"""
    SELECT {JOB_COLUMNS}, position FROM jobs
    WHERE {READY} AND type = ? ORDER BY {_ORDER} LIMIT ?
"""
_IS_READY: Final = f"SELECT 1 FROM jobs WHERE {READY} AND type = ? LIMIT 1"
# One seek for each type, where DISTINCT would read every entry.
_READY_TYPES: Final = f"""
    WITH RECURSIVE types (type) AS (
        SELECT min(type) FROM jobs WHERE {READY}
        UNION ALL
        SELECT (SELECT min(jobs.type) FROM jobs WHERE {READY} AND jobs.type > types.type)
        FROM types WHERE types.type IS NOT NULL
    )
    SELECT type FROM types WHERE type IS NOT NULL
"""
_FIRST_WAITING: Final = """
    SELECT scheduled_at FROM jobs WHERE stage = 'waiting' ORDER BY scheduled_at LIMIT 1
"""
_PROMOTE: Final = """
    UPDATE jobs SET stage = CASE
        WHEN concurrency_key IS NULL OR started_at IS NOT NULL THEN 'ready' ELSE 'behind'
    END
    WHERE position IN (
        SELECT position FROM jobs WHERE stage = 'waiting' AND scheduled_at <= ?
        ORDER BY scheduled_at LIMIT ?
    )
    RETURNING concurrency_key
"""
_IS_HELD: Final = """
    SELECT 1 FROM jobs
    WHERE concurrency_key = ? AND started_at IS NOT NULL AND completed_at IS NULL
"""
_READY_OF_KEY: Final = f"""
    SELECT type, -priority, scheduled_at, created_at, position FROM jobs
    WHERE concurrency_key = ? AND {_READY_BY_KEY} AND started_at IS NULL
"""
_TYPES_BEHIND: Final = f"""
    WITH RECURSIVE types (type) AS (
        SELECT min(type) FROM jobs WHERE concurrency_key = :key AND {BEHIND}
        UNION ALL
        SELECT (
            SELECT min(jobs.type) FROM jobs
            WHERE concurrency_key = :key AND {BEHIND} AND jobs.type > types.type
        )
        FROM types WHERE types.type IS NOT NULL
    )
    SELECT type FROM types WHERE type IS NOT NULL
"""
_FIRST_BEHIND: Final = f"""
    SELECT type, -priority, scheduled_at, created_at, position FROM jobs
    WHERE concurrency_key = ? AND {BEHIND} AND type = ? ORDER BY {_ORDER} LIMIT 1
"""
_SET_STAGE: Final = "UPDATE jobs SET stage = ? WHERE position = ?"

_LOOKED_THROUGH_AT_ONCE: Final = 100
"""How many jobs that have become due one claim looks through, and how often it looks again where
the first of those that are ready are due no more."""


class Queue:
    """The pending jobs of a file, on one connection inside a transaction."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def promote(self, now: str) -> None:
        """Look through jobs that have become due since a claim last looked, in bounded number."""
        if self.has_become_due(now):
            promoted = self._connection.rows(_PROMOTE, (now, _LOOKED_THROUGH_AT_ONCE))
            self.mend(key for (key,) in promoted)

    def has_become_due(self, now: str) -> bool:
        """Tell whether a job has become due since a claim last looked."""
        waiting = self.first_waiting()
        return waiting is not None and waiting <= now

    def first_ready(self, types: Collection[str] | None, limit: int) -> list[Row]:
        """Return the first jobs that are ready; their position is the last column.

        Where the clock has gone back, some of them are due no more.
        """
        found: list[Row] = []
        wanted = self._ready_types() if types is None else set(types)
        for type_ in wanted:
            found += self._connection.rows(_FIRST_READY, (probe(type_), limit))
        if len(wanted) > 1:
            found.sort(key=_place)
        return found[:limit]

    def first_due(self, types: Collection[str] | None, now: str, limit: int) -> list[Row]:
        """Return the first jobs that are ready and due; have those wait that are due no more."""
        for _ in range(_LOOKED_THROUGH_AT_ONCE):
            found = self.first_ready(types, limit)
            early = [row for row in found if row[SCHEDULED_AT] > now]
            if not early:
                return found
            # Left where they are, these would keep others of their keys behind them.
            for row in early:
                self._set_stage("waiting", row[-1])
            self.mend(row[CONCURRENCY_KEY] for row in early)
        return []

    def is_ready(self, types: Collection[str] | None) -> bool:
        """Tell whether a job of these types may be claimed, as far as a claim has looked."""
        wanted = self._ready_types() if types is None else types
        return any(self._connection.rows(_IS_READY, (probe(type_),)) for type_ in wanted)

    def first_waiting(self) -> str | None:
        """Return when the first job that waits is due, or None where none does."""
        waiting = self._connection.rows(_FIRST_WAITING)
        return waiting[0][0] if waiting else None

    def mend(self, keys: Iterable[str | None]) -> None:
        """Settle which jobs of these keys are ready, after some of them have changed."""
        for key in {key for key in keys if key is not None}:
            ready = self._connection.rows(_READY_OF_KEY, (key,))
            if self._connection.rows(_IS_HELD, (key,)):
                for *_, position in ready:
                    self._set_stage("behind", position)
            else:
                self._settle_first(key, {row[0]: row for row in ready})

    def _settle_first(self, key: str, ready: dict[str, Row]) -> None:
        for (type_,) in self._connection.rows(_TYPES_BEHIND, {"key": key}):
            [first] = self._connection.rows(_FIRST_BEHIND, (key, type_))
            before = ready.get(type_)
            if before is None or first < before:
                self._set_stage("ready", first[-1])
                if before is not None:
                    self._set_stage("behind", before[-1])

    def _set_stage(self, stage: str, position: int) -> None:
        self._connection.run(_SET_STAGE, (stage, position))

    def _ready_types(self) -> set[str]:
        return {type_ for (type_,) in self._connection.rows(_READY_TYPES)}


def _place(row: Row) -> tuple[int, str, str, int]:
    return -row[_PRIORITY], row[SCHEDULED_AT], row[_CREATED_AT], row[-1]
