"""Events in SQLite."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.counting import counting
from memva.adapters.sqlite.errors import is_foreign_key
from memva.adapters.sqlite.narrowing import narrowing
from memva.adapters.sqlite.probes import probe, probes
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.sqlite.search_index import SearchIndex
from memva.adapters.sqlite.sequences import (
    BACKWARDS,
    IN_TRANSCRIPT,
    ORDER,
    Sequences,
    last_position,
    transcript_values,
)
from memva.adapters.sqlite.sessions import check_sessions
from memva.adapters.sqlite.transactions import Transactions
from memva.adapters.sqlite.transcripts import begin_transcripts, change_transcripts
from memva.domain.as_stored import as_stored
from memva.domain.errors import EventNotFound, StoreError
from memva.domain.event import ASSISTANT, Event, EventKey, Transcript
from memva.domain.event_page import EventCursor, EventFeed, EventPage, EventQuery
from memva.domain.json import encode_json
from memva.domain.time import from_text, to_text
from memva.domain.validation import to_utc
from memva.domain.versions import Appended, reconcile

_DELETE: Final = "DELETE FROM events WHERE position = ?"
_SELECT: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE session_id = ? AND uuid = ? AND project_key = ? AND subpath = ?
"""
_VERSIONS: Final = f"SELECT {EVENT_COLUMNS} FROM events WHERE session_id = ? AND uuid = ?"
_MANY_VERSIONS: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE session_id = ? AND uuid IN (SELECT value FROM json_each(?))
"""

_PAGE: Final = f"""
    SELECT {EVENT_COLUMNS}, sort_at FROM events
    WHERE {{narrowing}} AND ({ORDER}) > (?, ?, ?, ?, ?, ?)
    ORDER BY {ORDER} LIMIT ?
"""
_PAGE_BACK: Final = f"""
    SELECT {EVENT_COLUMNS}, sort_at FROM events
    WHERE {{narrowing}} AND sort_at >= ? AND ({ORDER}) < (?, ?, ?, ?, ?, ?)
    ORDER BY {BACKWARDS} LIMIT ?
"""
_BEFORE_ALL: Final = ("", "", "", "", 0, 0)
# No time begins with it.
_AFTER_ALL: Final = ("~", "", "", "", 0, 0)
_PLACE: Final = """
    SELECT sort_at, line, position FROM events
    WHERE session_id = ? AND uuid = ? AND project_key = ? AND subpath = ?
"""
# Along the positions, as any index would have to be sorted by them, …
_COMMITTED: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events NOT INDEXED
    WHERE position > ? AND position <= ? AND {{narrowing}}
    ORDER BY position LIMIT ?
"""
# … but where a session's are asked for from far back, its positions alone are sorted.
_COMMITTED_FAR_BACK: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE position IN (
        SELECT position FROM events INDEXED BY {{index}}
        WHERE position > ? AND position <= ? AND {{narrowing}}
        ORDER BY position LIMIT ?
    )
    ORDER BY position
"""
_FAR_BACK: Final = 2_000
_NAMED: Final = """
    SELECT position, memva_session_id IS :memva_session_id FROM events
    WHERE uuid IN (SELECT value FROM json_each(:uuids))
"""
_ASSOCIATE: Final = "UPDATE events SET memva_session_id = ? WHERE position = ?"
_ASSOCIATED: Final = f"""
    SELECT memva_session_id FROM events WHERE session_id = ? AND memva_session_id IS NOT NULL
    ORDER BY {BACKWARDS} LIMIT 1
"""
_CLAUDE_SESSIONS: Final = """
    SELECT session_id FROM events WHERE memva_session_id = ?
    GROUP BY session_id ORDER BY min(sort_at), session_id
"""
# The plus sign keeps SQLite from walking all the lines, where few have such a uuid.
_COUNT_LINES: Final = f"""
    SELECT count(*) FROM events
    WHERE {IN_TRANSCRIPT} AND uuid >= :first AND uuid < :beyond
        AND +line BETWEEN 1 AND :up_to_line
"""


class SqliteEvents:
    """The events of a SQLite store; `memva.domain.ports.EventRepository` says what it does."""

    def __init__(self, transactions: Transactions, search: SearchIndex) -> None:
        self._transactions = transactions
        self._search = search

    def append(self, events: Sequence[Event], /) -> Appended:
        """Store events, each under a new position, in the order given; all of them or none."""
        if not events:
            return Appended()
        associated = {e.memva_session_id for e in events if e.memva_session_id is not None}
        with self._transactions.writing() as connection:
            # Of the others nothing is counted that JSON could change.
            arriving = [as_stored(e) if e.event_type == ASSISTANT else e for e in events]
            outcome = reconcile(arriving, _versions(connection, events))
            if outcome.counted.added < len(events):
                # Where a stored association stays, no row names the one that was given.
                check_sessions(connection, associated)
            if outcome.superseded:
                connection.run_many(_DELETE, [(event.position,) for event in outcome.superseded])
            try:
                sequences = Sequences(connection)
                positions = sequences.insert(outcome.fresh, after_removing=outcome.superseded)
            except StoreError as error:
                if is_foreign_key(error):
                    check_sessions(connection, associated)
                raise
            if sequences.begun:
                begin_transcripts(connection, sequences.begun)
            if sequences.changes.changed_from:
                change_transcripts(connection, sequences.changes.changed_from)
            self._search.appended(connection, outcome)
            counting(connection).appended(outcome, positions)
        return outcome.counted

    def get(self, key: EventKey, /) -> Event:
        """Return the event with this key."""
        project_key, session_id, subpath = map(probe, key.transcript)
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (session_id, probe(key.uuid), project_key, subpath))
        if not rows:
            raise EventNotFound(key)
        return event_from_row(rows[0])

    def place(self, key: EventKey, /) -> EventCursor:
        """Return the place in the order of the event with this key."""
        project_key, session_id, subpath = map(probe, key.transcript)
        with self._transactions.reading() as connection:
            rows = connection.rows(_PLACE, (session_id, probe(key.uuid), project_key, subpath))
        if not rows:
            raise EventNotFound(key)
        [(sort_at, line, position)] = rows
        return EventCursor(from_text(sort_at), key.transcript, line, position)

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
        # What comes before a moment in the order was said before it: no page need look there.
        since = _BEFORE_ALL if query.since is None else (to_text(query.since), *_BEFORE_ALL[1:])
        if newest_first:
            sql = _PAGE_BACK
            values += [since[0], *(_AFTER_ALL if after is None else _values(after))]
        else:
            sql = _PAGE
            values += since if after is None else _values(after)
        sql = sql.format(narrowing=condition)
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
        with self._transactions.reading() as connection:
            # Writers take turns and positions rise, so that nothing is committed below the last.
            last = last_position(connection)
            index = _session_index(query) if last - after > _FAR_BACK else None
            sql = (_COMMITTED_FAR_BACK if index else _COMMITTED).format(
                narrowing=condition, index=index
            )
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
        narrowing = {
            "memva_session_id": probe(memva_session_id),
            "uuids": probes(uuids, field="uuids"),
            "session_id": None if session_id is None else probe(session_id),
        }
        sql = _NAMED if session_id is None else f"{_NAMED} AND session_id = :session_id"
        with self._transactions.writing() as connection:
            check_sessions(connection, {memva_session_id})
            named = connection.rows(sql, narrowing)
            moving = [position for position, is_there in named if not is_there]
            counting(connection).moving(moving, memva_session_id)
            connection.run_many(_ASSOCIATE, [(memva_session_id, at) for at in moving])
            return len(named)

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
        narrowing = {
            **transcript_values(transcript),
            "first": probe(uuid_prefix),
            "beyond": probe(uuid_prefix + "\U0010ffff"),
            "up_to_line": up_to_line,
        }
        with self._transactions.reading() as connection:
            [(count,)] = connection.rows(_COUNT_LINES, narrowing)
        return int(count)


def _session_index(query: EventQuery) -> str | None:
    """Return the index that holds the events of the query's session, or None without one."""
    if query.memva_session_id is not None:
        return "events_by_memva_session"
    return None if query.session_id is None else "events_by_claude_session"


def _versions(connection: Connection, events: Sequence[Event]) -> list[Event]:
    """Return the stored events that share a session and a uuid with one of `events`."""
    if len(events) == 1:
        # The statement for many costs a single append a fifth of its time.
        rows = connection.rows(_VERSIONS, (events[0].session_id, events[0].uuid))
        return [event_from_row(row) for row in rows]
    uuids: dict[str, list[str]] = {}
    for event in events:
        uuids.setdefault(event.session_id, []).append(event.uuid)
    return [
        event_from_row(row)
        for session_id, named in uuids.items()
        for row in connection.rows(_MANY_VERSIONS, (session_id, encode_json(named, field="uuid")))
    ]


def _values(cursor: EventCursor) -> Row:
    numbers = map(probe_number, (cursor.line, cursor.position))
    return (to_text(to_utc(cursor.sort_at)), *map(probe, cursor.transcript), *numbers)


def _cursor(event: Event, row: Row) -> EventCursor:
    return EventCursor(from_text(row[-1]), event.transcript, event.line, event.position)
