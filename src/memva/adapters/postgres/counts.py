"""What is counted, read from PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime
from functools import partial
from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.count_rows import ROWS
from memva.adapters.postgres.probes import probes
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.postgres.sequences import BACKWARDS, ORDER
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.session_facts import facts_from_rows
from memva.adapters.stats_look import Look, look
from memva.adapters.stats_text import stats_text
from memva.adapters.told_rows import TOLD_COLUMNS, USAGE_COLUMNS
from memva.domain.event import Event
from memva.domain.stats import SessionFacts, SessionStats
from memva.domain.usage import ResponseUsage

_OF_SESSIONS: Final = "memva_session_id = ANY(%s::text[])"

_KEPT: Final = """
    SELECT sessions.id, session_counts.token, session_counts.stats
    FROM unnest(%s::text[]) AS wanted (id) JOIN sessions ON sessions.id = wanted.id
    LEFT JOIN session_counts ON session_counts.memva_session_id = sessions.id
"""
_TYPES: Final = f"""
    SELECT memva_session_id, event_type, count(*), min(timestamp), max(timestamp) FROM events
    WHERE {_OF_SESSIONS} GROUP BY memva_session_id, event_type
"""
_TURNS: Final = f"""
    SELECT memva_session_id, count(DISTINCT uuid) FROM events
    WHERE {_OF_SESSIONS} AND said = 'prompt' GROUP BY memva_session_id
"""
_TOLD: Final = f"SELECT {TOLD_COLUMNS} FROM responses WHERE {_OF_SESSIONS}"
_COSTS: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE {_OF_SESSIONS} AND said = 'cost' ORDER BY memva_session_id, {ORDER}
"""
_MARK: Final = """
    INSERT INTO session_counts (memva_session_id, token)
    SELECT id, (random() * 9e18)::bigint FROM sessions WHERE id = %s
    ON CONFLICT DO NOTHING
"""
_KEEP: Final = "UPDATE session_counts SET stats = %s WHERE memva_session_id = %s AND token = %s"
_WORTH_KEEPING: Final = 1_000
"""How many events must have been gone through for a look to be worth a write."""

_LATEST: Final = f"""
    SELECT latest.* FROM (SELECT DISTINCT unnest(%s::text[]) AS id) AS wanted
    CROSS JOIN LATERAL (
        SELECT {EVENT_COLUMNS} FROM events
        WHERE memva_session_id = wanted.id AND said IN ('prompt', 'command', 'answer')
        ORDER BY {BACKWARDS} LIMIT 1
    ) AS latest
"""
_USAGE: Final = f"SELECT {USAGE_COLUMNS} FROM responses WHERE timestamp IS NOT NULL"
_IN_SPAN: Final = """
    AND response_id IN (SELECT response_id FROM responses WHERE {narrowing})
"""


class PostgresCounts:
    """What a PostgreSQL store counts; `memva.domain.abilities.CountRepository` says what it does.

    Of sessions that take long to go through, what they amount to is kept. A token comes before it:
    whoever changes a session's events takes its token away, so that what was worked out under a
    token is true while the token is there.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def session_stats(self, session_ids: Collection[str], /) -> dict[str, SessionStats]:
        """Return what each of these sessions amounts to, by its id."""
        ids = probes(session_ids)
        if self._transactions.in_scope():
            with self._transactions.reading() as connection:
                return _look(connection, ids).stats
        with self._transactions.snapshot(), self._transactions.reading() as connection:
            found = _look(connection, ids)
        if found.events >= _WORTH_KEEPING:
            self._transactions.write_aside(lambda on: _keep(on, found))
        return found.stats

    def responses(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[ResponseUsage]:
        """Return what each transcript tells of the usage of each response."""
        conditions: list[str] = []
        span: list[object] = []
        for condition, moment in (("timestamp >= %s", since), ("timestamp < %s", until)):
            if moment is not None:
                conditions.append(condition)
                span.append(moment)
        sql = _USAGE
        if span:
            sql += _IN_SPAN.format(narrowing=" AND ".join(conditions))
        with self._transactions.reading() as connection:
            found = connection.mapped(sql, span, ROWS.usage_sharing_texts())
        return [row for row in found if row is not None]

    def latest_messages(self, session_ids: Collection[str], /) -> dict[str, Event]:
        """Return the latest message in each of these sessions, by the session's id."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_LATEST, (probes(session_ids),))
        events = map(event_from_row, rows)
        return {event.memva_session_id: event for event in events if event.memva_session_id}


def _look(connection: Connection, ids: list[str]) -> Look:
    return look(connection.rows(_KEPT, (ids,)), partial(_facts, connection))


def _facts(connection: Connection, session_ids: Sequence[str]) -> dict[str, SessionFacts]:
    """Return what is to be known of sessions, read by their indexes alone."""
    ids = (list(session_ids),)
    return facts_from_rows(
        session_ids,
        ROWS,
        types=connection.rows(_TYPES, ids),
        turns=connection.rows(_TURNS, ids),
        told=connection.rows(_TOLD, ids),
        costs=map(event_from_row, connection.rows(_COSTS, ids)),
    )


def _keep(connection: Connection, found: Look) -> None:
    """Keep what was worked out under a token; give the others one, for the next look."""
    for session_id, token in found.tokens.items():
        if token is None:
            connection.run(_MARK, (session_id,))
        else:
            connection.run(_KEEP, (stats_text(found.stats[session_id]), session_id, token))
