"""Keeping what is counted true to the events, whatever happens to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Final, TypeAlias

import attrs

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.count_rows import (
    TOLD_COLUMNS,
    ToldKey,
    positions_from_row,
    told_from_row,
    told_key,
    told_row,
)
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row, placeholders
from memva.domain.event import ASSISTANT, Event
from memva.domain.told_response import ToldResponse, merged_told, told_in
from memva.domain.versions import Reconciled

_SELECT: Final = f"""
    SELECT {TOLD_COLUMNS} FROM responses
    WHERE memva_session_id = %s AND session_id = %s AND response_id = %s
"""
# One seek for each: where a session is thought to have few, all of them would be read instead.
_SELECT_MANY: Final = f"""
    SELECT {TOLD_COLUMNS} FROM unnest(%(response_ids)s::text[]) AS wanted (id)
    CROSS JOIN LATERAL (
        SELECT * FROM responses
        WHERE memva_session_id = %(memva_session_id)s AND session_id = %(session_id)s
            AND response_id = wanted.id
        OFFSET 0
    ) AS responses
"""
_PUT: Final = f"""
    INSERT INTO responses ({TOLD_COLUMNS}) VALUES ({placeholders(TOLD_COLUMNS)})
    ON CONFLICT DO NOTHING
"""
_KEY: Final = "memva_session_id, session_id, response_id, project_key, subpath"
_REPLACE: Final = f"""
    INSERT INTO responses ({TOLD_COLUMNS}) VALUES ({placeholders(TOLD_COLUMNS)})
    ON CONFLICT ({_KEY}) DO UPDATE SET ({TOLD_COLUMNS}) =
        ({", ".join(f"excluded.{column.strip()}" for column in TOLD_COLUMNS.split(","))})
"""
_REMOVE: Final = """
    DELETE FROM responses
    WHERE memva_session_id = %s AND session_id = %s AND response_id = %s
        AND project_key = %s AND subpath = %s
"""
_REMOVE_SESSION: Final = "DELETE FROM responses WHERE memva_session_id = %s"
# No other events tell of responses, and some others have megabytes.
_TELLING: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE position = ANY(%s::bigint[]) AND event_type = '{ASSISTANT}'
"""
_SESSIONS: Final = """
    SELECT DISTINCT memva_session_id FROM events
    WHERE position = ANY(%s::bigint[])
"""
_FORGET: Final = "DELETE FROM session_counts WHERE memva_session_id = ANY(%s::text[])"
_AT_ONCE: Final = 50

_Told: TypeAlias = tuple[ToldResponse, list[int]]
"""What is told of a response, and the positions of the events that tell it."""


class Counting:
    """Follows each change to the events, in the transaction that makes it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def appended(self, outcome: Reconciled, positions: Sequence[int]) -> None:
        """Count what was appended, under these positions, in the place of what it superseded."""
        if outcome.superseded:
            self._take(outcome.superseded)
        self._add(zip(outcome.fresh, positions, strict=True))
        self._forget({event.memva_session_id for event in outcome.fresh})

    def moving(self, positions: Sequence[int], memva_session_id: str) -> None:
        """Count the events at these positions for the session that they are about to come to."""
        for begin in range(0, len(positions), _AT_ONCE):
            before = self._telling(positions[begin : begin + _AT_ONCE])
            self._take(before)
            self.add([attrs.evolve(event, memva_session_id=memva_session_id) for event in before])
        left = self._connection.rows(_SESSIONS, (list(positions),))
        self._forget({memva_session_id, *(session_id for (session_id,) in left)})

    def removing(self, positions: Sequence[int]) -> None:
        """Take out what the events at these positions tell, which are about to be deleted."""
        for begin in range(0, len(positions), _AT_ONCE):
            self._take(self._telling(positions[begin : begin + _AT_ONCE]))
        rows = self._connection.rows(_SESSIONS, (list(positions),))
        self._forget({session_id for (session_id,) in rows})

    def deleted(self, memva_session_id: str) -> None:
        """Forget what was counted of a session that is deleted."""
        self._connection.run(_REMOVE_SESSION, (probe(memva_session_id),))

    def add(self, events: Iterable[Event]) -> None:
        """Count stored events that were not counted so far."""
        self._add((event, event.position) for event in events)

    def _add(self, events: Iterable[tuple[Event, int]]) -> None:
        arriving: dict[ToldKey, _Told] = {}
        for event, position in events:
            told = told_in(event)
            if told is not None:
                key = told_key(told)
                one = (told, [position])
                arriving[key] = _both(arriving[key], one) if key in arriving else one
        if not arriving:
            return
        rows = {key: told_row(*told) for key, told in arriving.items()}
        if self._connection.run_many(_PUT, rows.values()) == len(rows):
            # All are new, as nearly always: there is nothing to merge.
            return
        stored = self._stored(rows)
        merged = [
            told_row(*_both((told_from_row(row), positions_from_row(row)), told))
            for key, told in arriving.items()
            for row in [stored[key]]
            if row != rows[key]
        ]
        self._connection.run_many(_REPLACE, merged)

    def _take(self, events: Iterable[Event]) -> None:
        """Take out what events tell that are no longer there, or no longer there as they were.

        What is left of a response is told anew by the lines that are left.
        """
        gone: dict[ToldKey, set[int]] = {}
        for event in events:
            told = told_in(event)
            if told is not None:
                gone.setdefault(told_key(told), set()).add(event.position)
        if not gone:
            return
        stored = {key: row for key, row in self._stored(gone).items() if key in gone}
        self._connection.run_many(_REMOVE, list(stored))
        left = [
            position
            for key, row in stored.items()
            for position in positions_from_row(row)
            if position not in gone[key]
        ]
        if left:
            self.add(self._telling(left))

    def _telling(self, positions: Sequence[int]) -> list[Event]:
        """Return the events at these positions that may tell of a response."""
        return [event_from_row(row) for row in self._connection.rows(_TELLING, (list(positions),))]

    def _stored(self, keys: Mapping[ToldKey, object]) -> dict[ToldKey, Row]:
        """Return the rows with these keys, and maybe some beside them."""
        if len(keys) == 1:
            [key] = keys
            rows = self._connection.rows(_SELECT, key[:3])
        else:
            responses: dict[tuple[str, str], set[str]] = {}
            for memva_session_id, session_id, response_id, _, _ in keys:
                responses.setdefault((memva_session_id, session_id), set()).add(response_id)
            rows = [
                row
                for (memva_session_id, session_id), ids in responses.items()
                for row in self._connection.rows(
                    _SELECT_MANY,
                    {
                        "memva_session_id": memva_session_id,
                        "session_id": session_id,
                        "response_ids": sorted(ids),
                    },
                )
            ]
        return {row[:5]: row for row in rows}

    def _forget(self, session_ids: Collection[str | None]) -> None:
        """Take away the tokens of sessions whose events change, and what is kept under them."""
        changed = sorted(id_ for id_ in session_ids if id_ is not None)
        if changed:
            self._connection.run(_FORGET, (changed,))


def _both(one: _Told, other: _Told) -> _Told:
    return merged_told(one[0], other[0]), one[1] + other[1]
