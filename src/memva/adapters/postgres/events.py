"""Events in PostgreSQL."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.counting import counting
from memva.adapters.postgres.narrowing import narrowing
from memva.adapters.postgres.probes import probe, probes
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.postgres.sequences import (
    BACKWARDS,
    IN_TRANSCRIPT,
    ORDER,
    Sequences,
    last_position,
    transcript_values,
)
from memva.adapters.postgres.sessions import check_sessions
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.postgres.transcripts import begin_transcripts, change_transcripts
from memva.adapters.probe_number import probe_number
from memva.domain.as_stored import as_stored
from memva.domain.errors import EventNotFound, SessionNotFound
from memva.domain.event import ASSISTANT, Event, EventKey, Transcript
from memva.domain.event_page import EventCursor, EventFeed, EventPage, EventQuery
from memva.domain.validation import to_utc
from memva.domain.versions import Appended, Reconciled, reconcile

_DELETE: Final = "DELETE FROM events WHERE position = ANY(%s::bigint[])"
_BY_KEY: Final = "session_id = %s AND uuid = %s AND project_key = %s AND subpath = %s"
_SELECT: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE {_BY_KEY}"
_VERSIONS: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE session_id = %s AND uuid = %s"
# One seek for each uuid: where a session is thought to be short, all of it would be read instead.
_MANY_VERSIONS: Final = f"""
    SELECT {EVENT_COLUMNS} FROM unnest(%(uuids)s::text[]) AS wanted (of_uuid)
    CROSS JOIN LATERAL (
        SELECT * FROM events
        WHERE session_id = %(session_id)s AND uuid = wanted.of_uuid OFFSET 0
    ) AS events
"""
_PAGE: Final = f"""
    SELECT {EVENT_COLUMNS}, sort_at FROM events
    WHERE {{narrowing}} ORDER BY {{order}} LIMIT %s
"""
_FOLLOWS: Final = f"({ORDER}) {{beyond}} (%s, %s, %s, %s, %s, %s)"
_SORTS_SINCE: Final = "sort_at >= %s"
_PLACE: Final = f"SELECT sort_at, line, position FROM events WHERE {_BY_KEY}"
# Without OFFSET what narrows might be sought first, and all of a long session sorted for its end.
_COMMITTED: Final = f"""
    SELECT {EVENT_COLUMNS} FROM (
        SELECT * FROM events WHERE position > %s AND position <= %s ORDER BY position OFFSET 0
    ) AS events
    WHERE {{narrowing}} ORDER BY position LIMIT %s
"""
# From far back a session's positions are sorted; along all positions its few would be sought long.
_COMMITTED_FAR_BACK: Final = f"""
    WITH span (above, up_to) AS (VALUES (%s::bigint, %s::bigint)),
    ours AS MATERIALIZED (SELECT position AS at FROM events WHERE {{narrowing}})
    SELECT {EVENT_COLUMNS} FROM (
        SELECT at FROM ours, span WHERE at > above AND at <= up_to ORDER BY at OFFSET 0
    ) AS sorted
    JOIN events ON events.position = sorted.at ORDER BY sorted.at LIMIT %s
"""
_FAR_BACK: Final = 2_000
_NAMED: Final = """
    SELECT position FROM events
    WHERE uuid = ANY(%(uuids)s::text[]) AND memva_session_id IS {is_there} %(memva_session_id)s
"""
_OF_CLAUDE_SESSION: Final = " AND session_id = %(session_id)s"
_ASSOCIATE: Final = """
    UPDATE events SET memva_session_id = %s WHERE position = ANY(%s::bigint[])
"""
_ASSOCIATED: Final = f"""
    SELECT memva_session_id FROM events WHERE session_id = %s AND memva_session_id IS NOT NULL
    ORDER BY {BACKWARDS} LIMIT 1
"""
_CLAUDE_SESSIONS: Final = """
    SELECT session_id FROM events WHERE memva_session_id = %s
    GROUP BY session_id ORDER BY min(sort_at), session_id
"""
# Without OFFSET all the lines might be gone through, of which few have such a uuid.
_COUNT_LINES: Final = f"""
    SELECT count(*) FROM (
        SELECT * FROM events
        WHERE session_id = %(session_id)s AND uuid >= %(first)s AND uuid < %(beyond)s OFFSET 0
    ) AS events
    WHERE {IN_TRANSCRIPT} AND line BETWEEN 1 AND %(up_to_line)s
"""


class PostgresEvents:
    """The events of a PostgreSQL store, as `memva.domain.ports.EventRepository` has them."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def append(self, events: Sequence[Event], /) -> Appended:
        """Store events, each under a new position, in the order given; all of them or none."""
        if not events:
            return Appended()
        # Of the others nothing is counted that JSON could change.
        arriving = [as_stored(e) if e.event_type == ASSISTANT else e for e in events]

        def append(connection: Connection) -> Reconciled:
            outcome = reconcile(arriving, _versions(connection, events))
            associated = {e.memva_session_id for e in events if e.memva_session_id is not None}
            if associated:
                check_sessions(connection, associated)
            if outcome.superseded:
                connection.run(_DELETE, ([event.position for event in outcome.superseded],))
            sequences = Sequences(connection)
            positions = sequences.insert(outcome.fresh, after_removing=outcome.superseded)
            begin_transcripts(connection, sequences.begun)
            change_transcripts(connection, sequences.changes.changed_from)
            counting(connection).appended(outcome, positions)
            return outcome

        lock = self._transactions.names.lock_feed
        return self._transactions.write(append, lock=lock).counted

    def get(self, key: EventKey, /) -> Event:
        """Return the event with this key."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, _key_values(key))
        if not rows:
            raise EventNotFound(key)
        return event_from_row(rows[0])

    def place(self, key: EventKey, /) -> EventCursor:
        """Return the place in the order of the event with this key."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_PLACE, _key_values(key))
        if not rows:
            raise EventNotFound(key)
        [(sort_at, line, position)] = rows
        return EventCursor(sort_at, key.transcript, line, position)

    def page(
        self,
        query: EventQuery,
        /,
        *,
        after: EventCursor | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> EventPage:
        """Return the first `limit` events of `query`, in order, that follow the cursor `after`."""
        condition, values = narrowing(query)
        conditions = [condition]
        if query.since is not None:
            # What sorts before it is older still.
            conditions.append(_SORTS_SINCE)
            values.append(query.since)
        if after is not None:
            conditions.append(_FOLLOWS.format(beyond="<" if newest_first else ">"))
            values += _place_values(after)
        sql = _PAGE.format(
            narrowing=" AND ".join(conditions), order=BACKWARDS if newest_first else ORDER
        )
        with self._transactions.reading() as connection:
            rows = connection.rows(sql, (*values, probe_number(limit + 1)))
        page = rows[:limit]
        if not page:
            return EventPage([])
        events = [event_from_row(row) for row in page]
        return EventPage(
            events,
            first=_cursor(events[0], page[0]),
            last=_cursor(events[-1], page[-1]),
            more=len(rows) > limit,
        )

    def committed(self, query: EventQuery, /, *, after: int, limit: int) -> EventFeed:
        """Return the first `limit` events of `query`, by position, that are above `after`."""
        condition, values = narrowing(query)
        narrow = query.memva_session_id is not None or query.session_id is not None
        with self._transactions.reading() as connection:
            # Positions are given under a lock that is held until the commit: nothing is committed
            # below the last any more, so that what is read after it may be of a later moment.
            last = last_position(connection)
            far_back = narrow and last - after > _FAR_BACK
            sql = (_COMMITTED_FAR_BACK if far_back else _COMMITTED).format(narrowing=condition)
            rows = connection.rows(sql, (after, last, *values, limit)) if last > after else []
        events = [event_from_row(row) for row in rows]
        ends_at = events[-1].position if len(events) == limit else last
        return EventFeed(events, max(after, ends_at))

    def last_position(self) -> int:
        """Return the position that the feed of all events ends at for now."""
        with self._transactions.reading() as connection:
            return last_position(connection)

    def associate(
        self, uuids: Collection[str], memva_session_id: str, /, *, session_id: str | None = None
    ) -> int:
        """Associate every event that bears one of `uuids` with a session; return how many."""
        values = {
            "memva_session_id": probe(memva_session_id),
            "uuids": probes(uuids),
            "session_id": None if session_id is None else probe(session_id),
        }
        named = _NAMED if session_id is None else _NAMED + _OF_CLAUDE_SESSION

        def associate(connection: Connection) -> int:
            if values["memva_session_id"] is None:
                raise SessionNotFound(memva_session_id)
            check_sessions(connection, {memva_session_id})
            moving, staying = (
                [at for (at,) in connection.rows(named.format(is_there=how), values)]
                for how in ("DISTINCT FROM", "NOT DISTINCT FROM")
            )
            counting(connection).moving(moving, memva_session_id)
            connection.run(_ASSOCIATE, (memva_session_id, moving))
            return len(moving) + len(staying)

        return self._transactions.write(associate, lock=self._transactions.names.lock_feed)

    def associated_session(self, session_id: str, /) -> str | None:
        """Return the session that a session of Claude Code's is associated with, or None."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_ASSOCIATED, (probe(session_id),))
        return rows[0][0] if rows else None

    def claude_sessions(self, memva_session_id: str, /) -> list[str]:
        """Return the sessions of Claude Code's that have events associated with a session."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_CLAUDE_SESSIONS, (probe(memva_session_id),))
        return [session_id for (session_id,) in rows]

    def last_line(self, transcript: Transcript, /) -> int:
        """Return the highest `line` in a transcript; 0 where it has none."""
        with self._transactions.reading() as connection:
            return Sequences(connection).last_line(transcript)

    def count_lines(self, transcript: Transcript, /, *, uuid_prefix: str, up_to_line: int) -> int:
        """Return how many events of a transcript, at lines 1 to `up_to_line`, have such a uuid."""
        values = {
            **transcript_values(transcript),
            "first": probe(uuid_prefix),
            "beyond": probe(uuid_prefix + "\U0010ffff"),
            "up_to_line": up_to_line,
        }
        with self._transactions.reading() as connection:
            [(count,)] = connection.rows(_COUNT_LINES, values)
        return int(count)


def _versions(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """Return the stored events that share a session and a uuid with one of `events`."""
    if len(events) == 1:
        rows = connection.rows(_VERSIONS, (events[0].session_id, events[0].uuid))
        return [event_from_row(row) for row in rows]
    uuids: dict[str, set[str]] = {}
    for event in events:
        uuids.setdefault(event.session_id, set()).add(event.uuid)
    return [
        event_from_row(row)
        for session_id, named in uuids.items()
        for row in connection.rows(
            _MANY_VERSIONS, {"session_id": session_id, "uuids": sorted(named)}
        )
    ]


def _key_values(key: EventKey) -> tuple[str | None, ...]:
    project_key, session_id, subpath = map(probe, key.transcript)
    return session_id, probe(key.uuid), project_key, subpath


def _place_values(cursor: EventCursor) -> Row:
    numbers = map(probe_number, (cursor.line, cursor.position))
    return (to_utc(cursor.sort_at), *map(probe, cursor.transcript), *numbers)


def _cursor(event: Event, row: Row) -> EventCursor:
    return EventCursor(row[-1], event.transcript, event.line, event.position)
