"""Keeping what is counted in PostgreSQL true to the events, whatever happens to them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from memva.adapters.counting import Counting
from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.count_rows import ROWS
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row, placeholders
from memva.adapters.told_rows import TOLD_COLUMNS, ToldKey
from memva.domain.event import ASSISTANT, Event

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
        values = {
            "memva_session_id": memva_session_id,
            "session_id": session_id,
            "response_ids": list(response_ids),
        }
        return self._connection.rows(_SELECT_MANY, values)

    def telling(self, positions: Sequence[int], /) -> list[Event]:
        return [event_from_row(row) for row in self._connection.rows(_TELLING, (list(positions),))]

    def sessions(self, positions: Sequence[int], /) -> set[str | None]:
        return {id_ for (id_,) in self._connection.rows(_SESSIONS, (list(positions),))}

    def forget(self, session_ids: Collection[str], /) -> None:
        self._connection.run(_FORGET, (list(session_ids),))
