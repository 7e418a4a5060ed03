"""Keeping what is counted in SQLite true to the events, whatever happens to them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import closing
from typing import Final

from memva.adapters.counting import AT_ONCE, Counting
from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.count_rows import ROWS
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row, placeholders
from memva.adapters.told_rows import TOLD_COLUMNS, ToldKey
from memva.domain.event import ASSISTANT, Event
from memva.domain.json import encode_json
from memva.domain.said import Said, said_in

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


def counting(connection: Connection) -> Counting:
    """Return what follows the changes that a connection makes to the events."""
    return Counting(_CountTables(connection), ROWS)


class _CountTables:
    """What `memva.adapters.counting.CountTables` asks for."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, rows: Collection[Row], /) -> int:
        return self._connection.run_many(_PUT, rows)

    def replace(self, rows: Collection[Row], /) -> None:
        self._connection.run_many(_REPLACE, rows)

    def remove(self, keys: Collection[ToldKey], /) -> None:
        self._connection.run_many(_REMOVE, keys)

    def remove_session(self, memva_session_id: str, /) -> None:
        self._connection.run(_REMOVE_SESSION, (probe(memva_session_id),))

    def find(
        self, memva_session_id: str, session_id: str, response_ids: Collection[str], /
    ) -> list[Row]:
        if len(response_ids) == 1:
            return self._connection.rows(_SELECT, (memva_session_id, session_id, *response_ids))
        ids = encode_json(list(response_ids), field="response_id")
        return self._connection.rows(_SELECT_MANY, (memva_session_id, session_id, ids))

    def telling(self, positions: Sequence[int], /) -> list[Event]:
        return [event_from_row(row) for row in self._connection.rows(_TELLING, (_json(positions),))]

    def sessions(self, positions: Sequence[int], /) -> set[str | None]:
        return {id_ for (id_,) in self._connection.rows(_SESSIONS, (_json(positions),))}

    def forget(self, session_ids: Collection[str], /) -> None:
        for session_id in session_ids:
            self._connection.run(_FORGET, (session_id,))


def count_stored(connection: Connection) -> None:
    """Count all the events of a file that has counted none."""
    counted, after, there_may_be_more = counting(connection), 0, True
    while there_may_be_more:
        said: list[tuple[Said | None, int]] = []
        with closing(connection.each(_STORED, (after, AT_ONCE))) as rows:
            counted.add(_noting_what_is_said(map(event_from_row, rows), said))
        connection.run_many(_SAY, [row for row in said if row[0] is not None])
        there_may_be_more = len(said) == AT_ONCE
        after = said[-1][1] if said else after


def _noting_what_is_said(
    events: Iterable[Event], said: list[tuple[Said | None, int]]
) -> Iterator[Event]:
    """Yield events, which may be long, one at a time; note what is said in each, and where."""
    for event in events:
        said.append((said_in(event), event.position))
        yield event


def _json(positions: Sequence[int]) -> str:
    return encode_json(list(positions), field="positions")
