"""Keeping what is counted true to the events, whatever happens to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from typing import Final, TypeAlias

import attrs

from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.count_rows import (
    TOLD_COLUMNS,
    ToldKey,
    positions_from_row,
    told_from_row,
    told_key,
    told_row,
)
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row, placeholders
from memva.domain.event import ASSISTANT, Event
from memva.domain.json import encode_json
from memva.domain.said import Said, said_in
from memva.domain.told_response import ToldResponse, merged_told, told_in
from memva.domain.versions import Reconciled

_SELECT: Final = f"""
    SELECT {TOLD_COLUMNS} FROM responses
    WHERE memva_session_id = ? AND session_id = ? AND response_id = ?
"""
_SELECT_MANY: Final = f"""
    SELECT {TOLD_COLUMNS} FROM responses
    WHERE memva_session_id = ? AND session_id = ?
        AND response_id IN (SELECT value FROM json_each(?))
"""
_PUT: Final = f"""
    INSERT OR IGNORE INTO responses ({TOLD_COLUMNS}) VALUES ({placeholders(TOLD_COLUMNS)})
"""
_REPLACE: Final = f"""
    INSERT OR REPLACE INTO responses ({TOLD_COLUMNS}) VALUES ({placeholders(TOLD_COLUMNS)})
"""
_REMOVE: Final = """
    DELETE FROM responses
    WHERE memva_session_id = ? AND session_id = ? AND response_id = ?
        AND project_key = ? AND subpath = ?
"""
_REMOVE_SESSION: Final = "DELETE FROM responses WHERE memva_session_id = ?"
# No other events tell of responses, and some others have megabytes.
_TELLING: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE position IN (SELECT value FROM json_each(?)) AND event_type = '{ASSISTANT}'
"""
_SESSIONS: Final = """
    SELECT DISTINCT memva_session_id FROM events
    WHERE position IN (SELECT value FROM json_each(?))
"""
# A trigger would do it too, but an insertion with one takes a fifth longer.
_FORGET: Final = "DELETE FROM session_counts WHERE memva_session_id = ?"
_STORED: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events WHERE position > ? ORDER BY position LIMIT ?
"""
_SAY: Final = "UPDATE events SET said = ? WHERE position = ?"
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
        left = self._connection.rows(_SESSIONS, (_json(positions),))
        self._forget({memva_session_id, *(session_id for (session_id,) in left)})

    def removing(self, positions: Sequence[int]) -> None:
        """Take out what the events at these positions tell, which are about to be deleted."""
        for begin in range(0, len(positions), _AT_ONCE):
            self._take(self._telling(positions[begin : begin + _AT_ONCE]))
        rows = self._connection.rows(_SESSIONS, (_json(positions),))
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
        return [event_from_row(row) for row in self._connection.rows(_TELLING, (_json(positions),))]

    def _stored(self, keys: Mapping[ToldKey, object]) -> dict[ToldKey, Row]:
        """Return the rows with these keys, and maybe some beside them."""
        if len(keys) == 1:
            [key] = keys
            rows = self._connection.rows(_SELECT, key[:3])
        else:
            responses: dict[tuple[str, str], list[str]] = {}
            for memva_session_id, session_id, response_id, _, _ in keys:
                responses.setdefault((memva_session_id, session_id), []).append(response_id)
            rows = [
                row
                for session, ids in responses.items()
                for row in self._connection.rows(
                    _SELECT_MANY, (*session, encode_json(ids, field="response_id"))
                )
            ]
        return {row[:5]: row for row in rows}

    def _forget(self, session_ids: Collection[str | None]) -> None:
        """Take away the tokens of sessions whose events change, and what is kept under them."""
        for session_id in session_ids:
            if session_id is not None:
                self._connection.run(_FORGET, (session_id,))


def count_stored(connection: Connection) -> None:
    """Count all the events of a file that has counted none."""
    counting, after, there_may_be_more = Counting(connection), 0, True
    while there_may_be_more:
        said: list[tuple[Said | None, int]] = []
        with closing(connection.each(_STORED, (after, _AT_ONCE))) as rows:
            counting.add(_noting_what_is_said(map(event_from_row, rows), said))
        connection.run_many(_SAY, [row for row in said if row[0] is not None])
        there_may_be_more = len(said) == _AT_ONCE
        after = said[-1][1] if said else after


def _noting_what_is_said(
    events: Iterable[Event], said: list[tuple[Said | None, int]]
) -> Iterator[Event]:
    """Yield events, which may be long, one at a time; note what is said in each, and where."""
    for event in events:
        said.append((said_in(event), event.position))
        yield event


def _both(one: _Told, other: _Told) -> _Told:
    return merged_told(one[0], other[0]), one[1] + other[1]


def _json(positions: Sequence[int]) -> str:
    return encode_json(list(positions), field="positions")
