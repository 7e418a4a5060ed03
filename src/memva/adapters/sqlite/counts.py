"""What is counted, read from SQLite."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Final

import attrs

from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.count_rows import ROWS
from memva.adapters.sqlite.probes import probes
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.sqlite.sequences import BACKWARDS, ORDER
from memva.adapters.sqlite.transactions import Transactions
from memva.adapters.stats_text import stats_from_text, stats_text
from memva.adapters.told_rows import TOLD_COLUMNS, USAGE_COLUMNS, calls_from_row, model_from_row
from memva.domain.event import Event
from memva.domain.json import encode_json
from memva.domain.reported_cost import ReportedCost, reported_cost_in
from memva.domain.stats import SessionFacts, SessionStats, stats_of
from memva.domain.time import from_text, to_text
from memva.domain.told_response import Called, CallKey
from memva.domain.usage import ResponseUsage

_OF_SESSIONS: Final = "memva_session_id IN (SELECT value FROM json_each(?))"

_KEPT: Final = """
    SELECT sessions.id, session_counts.token, session_counts.stats
    FROM sessions LEFT JOIN session_counts ON session_counts.memva_session_id = sessions.id
    WHERE sessions.id IN (SELECT value FROM json_each(?))
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
    INSERT OR IGNORE INTO session_counts (memva_session_id, token)
    SELECT id, random() FROM sessions WHERE id = ?
"""
_KEEP: Final = "UPDATE session_counts SET stats = ? WHERE memva_session_id = ? AND token = ?"
_WORTH_KEEPING: Final = 1_000
"""How many events must have been gone through for a look to be worth a write."""

_LATEST: Final = f"""
    SELECT {EVENT_COLUMNS} FROM json_each(?) AS wanted CROSS JOIN events
    WHERE events.position = (
        SELECT position FROM events AS said
        WHERE said.memva_session_id = wanted.value
            AND said.said IN ('prompt', 'command', 'answer')
        ORDER BY {BACKWARDS} LIMIT 1
    )
"""
_USAGE: Final = f"SELECT {USAGE_COLUMNS} FROM responses WHERE timestamp IS NOT NULL"
_USAGE_IN_SPAN: Final = f"""
    {_USAGE} AND response_id IN (
        SELECT response_id FROM responses WHERE timestamp >= ? AND timestamp < ?
    )
"""
# No time begins with it.
_NEVER: Final = "~"


@attrs.frozen
class _Look:
    """What one look at sessions gave.

    Attributes:
        stats: What each of them amounts to.
        tokens: The token of those that were not kept, or None where they have none.
        events: How many events were gone through for those.
    """

    stats: dict[str, SessionStats]
    tokens: Mapping[str, int | None]
    events: int


class SqliteCounts:
    """What a SQLite store counts; `memva.domain.abilities.CountRepository` says what it does.

    Of sessions that take long to go through, what they amount to is kept. A token comes before it:
    whoever changes a session's events takes its token away, so that what was worked out under a
    token is true while the token is there.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def session_stats(self, session_ids: Collection[str], /) -> dict[str, SessionStats]:
        """Return what each of these sessions amounts to, by its id."""
        ids = probes(session_ids, field="session_ids")
        if self._transactions.in_scope():
            with self._transactions.reading() as connection:
                return _look(connection, ids).stats
        with self._transactions.apart() as connection:
            connection.run("BEGIN")
            try:
                look = _look(connection, ids)
            finally:
                connection.roll_back()
            if look.events >= _WORTH_KEEPING:
                self._transactions.write_aside(connection, lambda on: _keep(on, look))
        return look.stats

    def responses(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[ResponseUsage]:
        """Return what each transcript tells of the usage of each response."""
        sql, span = _USAGE, tuple[str, ...]()
        if since is not None or until is not None:
            sql = _USAGE_IN_SPAN
            span = (
                "" if since is None else to_text(since),
                _NEVER if until is None else to_text(until),
            )
        same = dict[str, str]().setdefault

        def usage(row: Row) -> ResponseUsage | None:
            # Millions of rows have few such texts between them.
            memva_id, id_, response_id, key, subpath, model, timestamp, line, name, *figures = row
            return ROWS.usage(
                (
                    same(memva_id, memva_id),
                    same(id_, id_),
                    response_id,
                    same(key, key),
                    same(subpath, subpath),
                    same(model, model),
                    timestamp,
                    line,
                    same(name, name),
                    *figures,
                )
            )

        with self._transactions.reading() as connection:
            found = connection.mapped(sql, span, usage)
        return [row for row in found if row is not None]

    def latest_messages(self, session_ids: Collection[str], /) -> dict[str, Event]:
        """Return the latest message in each of these sessions, by the session's id."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_LATEST, (probes(session_ids, field="session_ids"),))
        events = map(event_from_row, rows)
        return {event.memva_session_id: event for event in events if event.memva_session_id}


def _look(connection: Connection, ids: str) -> _Look:
    stats: dict[str, SessionStats] = {}
    tokens: dict[str, int | None] = {}
    for session_id, token, text in connection.rows(_KEPT, (ids,)):
        if text is None:
            tokens[session_id] = token
        else:
            stats[session_id] = stats_from_text(text)
    if not tokens:
        return _Look(stats, tokens, 0)
    facts = _facts(connection, list(tokens))
    stats |= {session_id: stats_of(known) for session_id, known in facts.items()}
    return _Look(stats, tokens, sum(sum(known.types.values()) for known in facts.values()))


def _facts(connection: Connection, session_ids: Sequence[str]) -> dict[str, SessionFacts]:
    """Return what is to be known of sessions, read by their indexes alone."""
    ids = (encode_json(list(session_ids), field="session_ids"),)
    types: dict[str, Counter[str]] = {id_: Counter() for id_ in session_ids}
    moments: dict[str, list[str]] = {id_: [] for id_ in session_ids}
    for session_id, event_type, count, first_at, last_at in connection.rows(_TYPES, ids):
        types[session_id][event_type] = count
        moments[session_id] += (first_at, last_at)
    turns: dict[str, int] = dict(connection.rows(_TURNS, ids))
    models: dict[str, set[str]] = {id_: set() for id_ in session_ids}
    calls: dict[str, list[Mapping[CallKey, Called]]] = {id_: [] for id_ in session_ids}
    usages: dict[str, list[ResponseUsage]] = {id_: [] for id_ in session_ids}
    for row in connection.rows(_TOLD, ids):
        models[row[0]].add(model_from_row(row))
        calls[row[0]].append(calls_from_row(row))
        usage = ROWS.usage(row)
        if usage is not None:
            usages[row[0]].append(usage)
    costs: dict[str, list[ReportedCost]] = {id_: [] for id_ in session_ids}
    for event in map(event_from_row, connection.rows(_COSTS, ids)):
        cost = reported_cost_in(event)
        if cost is not None and event.memva_session_id is not None:
            costs[event.memva_session_id].append(cost)
    return {
        id_: SessionFacts(
            types=types[id_],
            turns=turns.get(id_, 0),
            first_at=from_text(min(moments[id_])) if moments[id_] else None,
            last_at=from_text(max(moments[id_])) if moments[id_] else None,
            models=models[id_],
            calls=calls[id_],
            usages=usages[id_],
            costs=costs[id_],
        )
        for id_ in session_ids
    }


def _keep(connection: Connection, look: _Look) -> None:
    """Keep what was worked out under a token; give the others one, for the next look."""
    for session_id, token in look.tokens.items():
        if token is None:
            connection.run(_MARK, (session_id,))
        else:
            connection.run(_KEEP, (stats_text(look.stats[session_id]), session_id, token))
