"""Which pending jobs may be claimed: the stage of each, kept so that a claim only has to look.

A pending job stands in one of three stages. `waiting`: it is scheduled for later, or was so when a
claim last looked. `behind`: it is due, but another job of its key goes first. `ready`: it may be
claimed. Of a key that no active job holds, the first of each type is ready; an active job that
waits for its next run is ready once it is due. So a claim never walks past what it cannot take.

Whoever changes which jobs of a key there are, or their stages, has the key's lock before it touches
a row. A claim never waits: what somebody else is at, it passes over.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import datetime, timedelta
from typing import Final

import attrs

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.names import Names
from memva.adapters.postgres.probes import probe, probes
from memva.adapters.postgres.rows import JOB_COLUMNS, JOB_FIELDS, job_from_row
from memva.domain.job import Job

_ORDER: Final = "priority DESC, scheduled_at, created_at, position"
_PRIORITY, _SCHEDULED_AT, _CREATED_AT = (
    JOB_FIELDS.index(name) for name in ("priority", "scheduled_at", "created_at")
)

# Sorted, so that no two wait for each other; two keys of one number share a lock.
_LOCK: Final = """
    SELECT pg_advisory_xact_lock_shared(%(all)s), pg_advisory_xact_lock(%(keys)s::int, number)
    FROM (
        SELECT DISTINCT hashtext(key) AS number FROM unnest(%(wanted)s::text[]) AS key
        ORDER BY number
    ) AS numbers
"""
_LOCK_ALL: Final = "SELECT pg_advisory_xact_lock(%s)"
_TRY_LOCK: Final = """
    SELECT key FROM unnest(%(wanted)s::text[]) AS key
    WHERE pg_try_advisory_xact_lock_shared(%(all)s)
        AND pg_try_advisory_xact_lock(%(keys)s::int, hashtext(key))
"""
_MOST_LOCKED_ONE_BY_ONE: Final = 200
"""Of how many keys each has its lock taken: a server has room for some thousands in all."""

# One seek for each type, where DISTINCT would read every entry.
_ALL_TYPES: Final = """
    types (type) AS (
        (SELECT type FROM jobs WHERE stage = 'ready' ORDER BY type LIMIT 1)
        UNION ALL
        SELECT (
            SELECT jobs.type FROM jobs WHERE stage = 'ready' AND jobs.type > types.type
            ORDER BY jobs.type LIMIT 1
        )
        FROM types WHERE types.type IS NOT NULL
    )
"""
_THESE_TYPES: Final = """
    types (type) AS (SELECT DISTINCT type FROM unnest(%(types)s::text[]) AS type)
"""
_LOOK: Final = """
    SELECT
        EXISTS (SELECT FROM jobs WHERE stage = 'waiting' AND scheduled_at <= %(now)s),
        EXISTS (SELECT FROM jobs WHERE stage = 'ready' AND {of_types})
"""
_OF_TYPES: Final = "type = ANY(%(types)s::text[])"
_NONE_HAS_BECOME_DUE: Final = """
    NOT EXISTS (SELECT FROM jobs WHERE stage = 'waiting' AND scheduled_at <= %(now)s)
"""
# The heads are seen without a lock, so that none is kept from others that is not taken in the end;
# of a key only one is. Whose lock is free is chosen, in their order.
_CHOOSE: Final = f"""
    WITH RECURSIVE {{types}},
    heads AS (
        SELECT head.*, row_number() OVER (
            PARTITION BY head.concurrency_key IS NULL,
                coalesce(head.concurrency_key, head.position::text)
            ORDER BY {_ORDER}
        ) AS turn
        FROM types CROSS JOIN LATERAL (
            SELECT position, concurrency_key, priority, scheduled_at, created_at FROM jobs
            WHERE stage = 'ready' AND jobs.type = types.type AND scheduled_at <= %(now)s
            ORDER BY {_ORDER} LIMIT %(looked_at)s
        ) AS head
    )
    SELECT position FROM (
        SELECT * FROM heads WHERE turn = 1 ORDER BY {_ORDER} LIMIT %(looked_at)s
    ) AS firsts
    WHERE {{settled}} AND CASE WHEN concurrency_key IS NULL
        THEN pg_try_advisory_xact_lock(%(jobs)s::int, (position %% 2147483648)::int)
        ELSE pg_try_advisory_xact_lock_shared(%(all)s)
            AND pg_try_advisory_xact_lock(%(keys)s::int, hashtext(concurrency_key)) END
    LIMIT %(limit)s
"""
_MARK_CLAIMED: Final = """
    UPDATE jobs SET stage = 'claimed', status = 'processing', attempts = attempts + 1,
        claims = claims + 1, started_at = %(now)s, updated_at = %(now)s,
        lease_until = %(lease_until)s, claim_token = %(claim_token)s, worker_id = %(worker_id)s
"""
# A statement of its own, so that it sees what others did to a key before its lock was free.
_CLAIM: Final = f"""
    WITH held AS MATERIALIZED (
        SELECT position, stage, scheduled_at FROM jobs
        WHERE position = ANY(%(positions)s::bigint[]) FOR UPDATE SKIP LOCKED
    ),
    claimed AS (
        {_MARK_CLAIMED} FROM held WHERE jobs.position = held.position
            AND held.stage = 'ready' AND held.scheduled_at <= %(now)s
        RETURNING jobs.*
    ),
    made_way AS (
        UPDATE jobs SET stage = 'behind' FROM claimed
        WHERE jobs.stage = 'ready' AND jobs.concurrency_key = claimed.concurrency_key
            AND jobs.position <> claimed.position
    )
    SELECT {JOB_COLUMNS} FROM claimed ORDER BY {_ORDER}
"""
# Of one type the rows come in their order, and so may be held at once.
_CLAIM_WITHOUT_KEYS: Final = f"""
    {_MARK_CLAIMED} WHERE position = ANY ((
        SELECT CASE WHEN every(concurrency_key IS NULL) THEN array_agg(position) END FROM (
            SELECT position, concurrency_key FROM jobs
            WHERE stage = 'ready' AND type = %(type)s AND scheduled_at <= %(now)s
                AND {_NONE_HAS_BECOME_DUE}
            ORDER BY {_ORDER} LIMIT %(limit)s FOR UPDATE SKIP LOCKED
        ) AS held
    )::bigint[])
    RETURNING {JOB_COLUMNS}, position
"""
_EARLY: Final = """
    WITH RECURSIVE {types}
    SELECT early.* FROM types CROSS JOIN LATERAL (
        SELECT position, concurrency_key FROM jobs
        WHERE stage = 'ready' AND jobs.type = types.type AND scheduled_at > %(now)s LIMIT 100
    ) AS early
"""
_DUE: Final = """
    SELECT position, concurrency_key FROM jobs
    WHERE stage = 'waiting' AND scheduled_at <= %(now)s ORDER BY scheduled_at LIMIT 100
"""
# The stage is asked of what is held: beside the positions it would call for a longer way to them.
_HELD: Final = """
    WITH held AS MATERIALIZED (
        SELECT position, stage FROM jobs WHERE position = ANY(%s::bigint[]) FOR UPDATE SKIP LOCKED
    )
"""
_PROMOTE: Final = f"""
    {_HELD} UPDATE jobs SET stage = CASE
        WHEN concurrency_key IS NULL OR started_at IS NOT NULL THEN 'ready' ELSE 'behind'
    END
    FROM held WHERE jobs.position = held.position AND held.stage = 'waiting'
"""
_HAVE_WAIT: Final = f"""
    {_HELD} UPDATE jobs SET stage = 'waiting'
    FROM held WHERE jobs.position = held.position AND held.stage = 'ready'
"""
_FIRST_WAITING: Final = """
    SELECT scheduled_at FROM jobs WHERE stage = 'waiting' ORDER BY scheduled_at LIMIT 1
"""
# Of a key that nobody holds the first of each type is ready, and of a key that is held none; an
# active job that waits for its next run is no part of this.
_MEND: Final = f"""
    WITH RECURSIVE free (key) AS (
        SELECT key FROM unnest(%(keys)s::text[]) AS key WHERE NOT EXISTS (
            SELECT FROM jobs
            WHERE concurrency_key = key AND started_at IS NOT NULL AND completed_at IS NULL
        )
    ),
    types (key, type) AS (
        SELECT key, (
            SELECT type FROM jobs WHERE concurrency_key = key AND stage = 'behind'
            ORDER BY type LIMIT 1
        )
        FROM free
        UNION ALL
        SELECT types.key, (
            SELECT jobs.type FROM jobs
            WHERE concurrency_key = types.key AND stage = 'behind' AND jobs.type > types.type
            ORDER BY jobs.type LIMIT 1
        )
        FROM types WHERE types.type IS NOT NULL
    ),
    pending AS (
        SELECT position, concurrency_key, type, stage, priority, scheduled_at, created_at FROM jobs
        WHERE concurrency_key = ANY(%(keys)s::text[]) AND stage = 'ready' AND started_at IS NULL
        UNION ALL
        SELECT first.* FROM types CROSS JOIN LATERAL (
            SELECT position, concurrency_key, type, stage, priority, scheduled_at, created_at
            FROM jobs
            WHERE concurrency_key = types.key AND stage = 'behind' AND jobs.type = types.type
            ORDER BY {_ORDER} LIMIT 1
        ) AS first
    ),
    settled AS (
        SELECT position, stage, CASE WHEN concurrency_key IN (SELECT key FROM free) AND row_number()
            OVER (PARTITION BY concurrency_key, type ORDER BY {_ORDER}) = 1
            THEN 'ready' ELSE 'behind' END AS new_stage
        FROM pending
    )
    UPDATE jobs SET stage = settled.new_stage FROM settled
    WHERE jobs.position = settled.position AND settled.stage <> settled.new_stage
"""


@attrs.frozen(kw_only=True)
class Claim:
    """What a claim asks for."""

    claim_token: str
    lease: timedelta
    types: Collection[str] | None
    worker_id: str | None
    now: datetime


class Queue:
    """The pending jobs of a store, on one connection."""

    def __init__(self, connection: Connection, names: Names) -> None:
        self._connection = connection
        self._names = names

    def lock(self, keys: Iterable[str | None]) -> None:
        """Wait for the locks of these keys, and have them until the transaction ends.

        For many keys it is the one lock of all keys, which whoever has that of a key shares.
        """
        wanted = sorted({key for key in keys if key is not None})
        if len(wanted) > _MOST_LOCKED_ONE_BY_ONE:
            self._connection.rows(_LOCK_ALL, (self._names.all_keys_lock,))
        elif wanted:
            self._connection.rows(_LOCK, {**self._key_locks, "wanted": wanted})

    def mend(self, keys: Iterable[str | None]) -> None:
        """Settle which jobs of these keys are ready, after some of them have changed."""
        changed = sorted({key for key in keys if key is not None})
        if changed:
            self._connection.run(_MEND, {"keys": changed})

    def look(self, types: Collection[str] | None, now: datetime) -> tuple[bool, bool]:
        """Tell whether a job has become due, and whether one of these types is ready."""
        values = {"now": now, "types": None if types is None else probes(types)}
        sql = _LOOK.format(of_types="TRUE" if types is None else _OF_TYPES)
        [(has_become_due, is_ready)] = self._connection.rows(sql, values)
        return has_become_due, is_ready

    def take_without_keys(self, claim: Claim, type_: str, *, limit: int) -> list[Job]:
        """Claim the first jobs of one type that are ready, but for those that others are at.

        None is claimed where one of them has a key, or where a job has become due that nobody has
        looked at yet. It is one statement.
        """
        values = {**_changes(claim), "type": probe(type_), "limit": limit}
        rows = self._connection.rows(_CLAIM_WITHOUT_KEYS, values)
        rows.sort(key=_place)
        return [job_from_row(row) for row in rows]

    def take(
        self, claim: Claim, *, limit: int, slack: int, passes_over_due: bool = False
    ) -> list[Job]:
        """Claim the first jobs that are ready, but for those that others are at.

        As many as `slack` of those are passed over. None is claimed where a job has become due
        that nobody has looked at yet, unless it `passes_over_due` ones.
        """
        wanted = {
            "types": None if claim.types is None else probes(claim.types),
            "now": claim.now,
            **self._key_locks,
            "jobs": self._names.job_locks,
            "limit": limit,
            "looked_at": limit + slack,
        }
        sql = _CHOOSE.format(
            types=_ALL_TYPES if claim.types is None else _THESE_TYPES,
            settled="TRUE" if passes_over_due else _NONE_HAS_BECOME_DUE,
        )
        positions = [position for (position,) in self._connection.rows(sql, wanted)]
        if not positions:
            return []
        rows = self._connection.rows(_CLAIM, {**_changes(claim), "positions": positions})
        return [job_from_row(row) for row in rows]

    def promote(self, now: datetime) -> int:
        """Look through jobs that have become due, in bounded number; return how many moved."""
        return self._move(_DUE, _PROMOTE, {"now": now})

    def have_wait(self, types: Collection[str] | None, now: datetime) -> int:
        """Have those wait that are due no more, as the clock has gone back; return how many."""
        early = _EARLY.format(types=_ALL_TYPES if types is None else _THESE_TYPES)
        values = {"now": now, "types": None if types is None else probes(types)}
        return self._move(early, _HAVE_WAIT, values)

    def first_waiting(self) -> datetime | None:
        """Return when the first job that waits is due, or None where none does."""
        waiting = self._connection.rows(_FIRST_WAITING)
        return waiting[0][0] if waiting else None

    @property
    def _key_locks(self) -> dict[str, object]:
        """What the statements that lock keys name."""
        return {"all": self._names.all_keys_lock, "keys": self._names.key_locks}

    def _move(self, find: str, move: str, values: Mapping[str, object]) -> int:
        """Move what is found, but for what others are at, to another stage."""
        found = self._connection.rows(find, values)
        keys = sorted({key for _, key in found if key is not None})
        free: set[str | None] = {None}
        if keys:
            locked = self._connection.rows(_TRY_LOCK, {**self._key_locks, "wanted": keys})
            free |= {key for (key,) in locked}
        positions = [position for position, key in found if key in free]
        moved = self._connection.run(move, (positions,)) if positions else 0
        self.mend(free)
        return moved


def _place(row: Row) -> tuple[object, ...]:
    """Return what the rows of `JOB_COLUMNS` and a position are sorted by, as `_ORDER` does."""
    return (-row[_PRIORITY], row[_SCHEDULED_AT], row[_CREATED_AT], row[-1])


def _changes(claim: Claim) -> dict[str, object]:
    """Return what `_MARK_CLAIMED` names."""
    return {
        "now": claim.now,
        "lease_until": claim.now + claim.lease,
        "claim_token": claim.claim_token,
        "worker_id": claim.worker_id,
    }
