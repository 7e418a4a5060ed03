"""Transcripts in PostgreSQL."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, cast

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.counting import counting
from memva.adapters.postgres.deletions import remember_deletions
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.postgres.sequences import IN_TRANSCRIPT, transcript_values
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.probe_number import probe_number
from memva.domain.event import Event, Transcript
from memva.domain.json import JsonObject, decode_json, encode_json
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.validation import to_utc

# One entry of the index tells each end: along the lines `sort_at` never falls.
_FIND: Final = """
    SELECT project_key, session_id, subpath, last.line, greatest(written_at, last.sort_at),
        last_appended
    FROM transcripts CROSS JOIN LATERAL (
        SELECT line, sort_at FROM events
        WHERE events.session_id = transcripts.session_id
            AND events.project_key = transcripts.project_key
            AND events.subpath = transcripts.subpath AND line > 0
        ORDER BY line DESC, sort_at DESC LIMIT 1
    ) AS last
    WHERE {narrowing} ORDER BY project_key, session_id, subpath
"""
_LINES: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE {IN_TRANSCRIPT} AND line >= %(line)s AND (line, position) > (%(line)s, %(position)s)
    ORDER BY line, position LIMIT %(limit)s
"""
_NOTE_APPENDED: Final = f"""
    UPDATE transcripts SET written_at = greatest(written_at, %(at)s), last_appended = %(uuid)s
    WHERE {IN_TRANSCRIPT}
"""
_SUMMARY: Final = f"""
    SELECT summary, summary_line FROM transcripts WHERE {IN_TRANSCRIPT} AND summary IS NOT NULL
"""
_KEEP_SUMMARY: Final = f"""
    UPDATE transcripts SET summary = %(summary)s, summary_line = %(line)s WHERE {IN_TRANSCRIPT}
"""
_OUTDATE_SUMMARY: Final = f"""
    UPDATE transcripts SET summary = NULL, summary_line = NULL
    WHERE {IN_TRANSCRIPT} AND summary_line >= %(line)s
"""
_BEGIN: Final = """
    INSERT INTO transcripts (project_key, session_id, subpath)
    VALUES (%(project_key)s, %(session_id)s, %(subpath)s) ON CONFLICT DO NOTHING
"""
_REMOVE: Final = f"DELETE FROM transcripts WHERE {IN_TRANSCRIPT}"
_HAS_LINES: Final = f"SELECT 1 FROM events WHERE {IN_TRANSCRIPT} AND line > 0 LIMIT 1"

# A main conversation takes its subagents' along.
_GOES: Final = """
    session_id = %(session_id)s AND project_key = %(project_key)s AND %(subpath)s IN ('', subpath)
"""
_POSITIONS: Final = f"SELECT position FROM events WHERE {_GOES}"
_REMOVE_ALL: Final = f"DELETE FROM transcripts WHERE {_GOES}"
_REMOVE_CURSORS: Final = f"DELETE FROM transcript_cursors WHERE {_GOES}"
_REMOVE_EVENTS: Final = "DELETE FROM events WHERE position = ANY(%s::bigint[])"
_GOES_ON: Final = "SELECT 1 FROM events WHERE session_id = %s LIMIT 1"
_BEFORE_ALL: Final = LinePlace(1, 0)


class PostgresTranscripts:
    """The transcripts of a PostgreSQL store.

    `memva.domain.abilities.TranscriptRepository` says what it does.
    """

    def __init__(self, transactions: Transactions, clock: Callable[[], datetime]) -> None:
        self._transactions = transactions
        self._clock = clock

    def find(
        self,
        *,
        project_key: str | None = None,
        session_id: str | None = None,
        subpath: str | None = None,
    ) -> list[StoredTranscript]:
        """Return the transcripts that are there, by project key, then session, then subpath."""
        wanted = {"project_key": project_key, "session_id": session_id, "subpath": subpath}
        narrowed: dict[str, object] = {
            name: probe(value) for name, value in wanted.items() if value is not None
        }
        narrowing = " AND ".join(["TRUE", *(f"{name} = %({name})s" for name in narrowed)])
        with self._transactions.reading() as connection:
            rows = connection.rows(_FIND.format(narrowing=narrowing), narrowed)
        return [_transcript_from_row(row) for row in rows]

    def lines(
        self, transcript: Transcript, /, *, after: LinePlace | None = None, limit: int
    ) -> list[Event]:
        """Return the first `limit` events of a transcript that have a line, by line."""
        # Streamed events, on line 0, are none of its lines.
        line, position = map(probe_number, max(after or _BEFORE_ALL, _BEFORE_ALL))
        values = {**transcript_values(transcript), "line": line, "position": position}
        with self._transactions.reading() as connection:
            rows = connection.rows(_LINES, {**values, "limit": probe_number(limit)})
        return [event_from_row(row) for row in rows]

    def note_appended(self, transcript: Transcript, uuid: str, /, *, at: datetime) -> None:
        """Note that the line with this uuid was the last of those appended to it at a moment."""
        values = {**transcript_values(transcript), "uuid": uuid, "at": to_utc(at)}
        self._transactions.write(lambda on: on.run(_NOTE_APPENDED, values), one_statement=True)

    def delete(self, transcript: Transcript, /) -> int:
        """Delete a transcript with all its events, streamed ones too; return how many they were."""
        values, now = transcript_values(transcript), self._clock()

        def delete(connection: Connection) -> int:
            positions = [position for (position,) in connection.rows(_POSITIONS, values)]
            counting(connection).removing(positions)
            connection.run(_REMOVE_EVENTS, (positions,))
            connection.run(_REMOVE_ALL, values)
            connection.run(_REMOVE_CURSORS, values)
            if positions and not connection.rows(_GOES_ON, (transcript.session_id,)):
                remember_deletions(connection, [transcript.session_id], now)
            return len(positions)

        names = self._transactions.names
        return self._transactions.write(
            delete, lock=f"{names.lock_transactions}; {names.lock_feed}"
        )

    def summary(self, transcript: Transcript, /) -> TranscriptSummary | None:
        """Return the summary that was kept of a transcript, or None."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SUMMARY, transcript_values(transcript))
        if not rows:
            return None
        [(data, line)] = rows
        return TranscriptSummary(data=cast("JsonObject", decode_json(data)), up_to_line=line)

    def keep_summary(self, transcript: Transcript, summary: TranscriptSummary, /) -> None:
        """Keep a summary in place of the one there is; of a transcript that is not there, none."""
        values = {
            **transcript_values(transcript),
            "summary": encode_json(summary.data, field="data"),
            "line": probe_number(summary.up_to_line),
        }
        self._transactions.write(lambda on: on.run(_KEEP_SUMMARY, values), one_statement=True)


def begin_transcripts(connection: Connection, transcripts: Iterable[Transcript]) -> None:
    """Follow an append that has stored the first lines of these transcripts."""
    for transcript in transcripts:
        connection.run(_BEGIN, transcript_values(transcript))


def change_transcripts(connection: Connection, changed_from: Mapping[Transcript, int]) -> None:
    """Forget the summaries of transcripts that speak of lines which have changed."""
    for of, line in changed_from.items():
        connection.run(_OUTDATE_SUMMARY, {**transcript_values(of), "line": line})


def shorten_transcripts(connection: Connection, transcripts: Iterable[Transcript]) -> None:
    """Forget what was kept of transcripts that have lost events."""
    for transcript in transcripts:
        values = transcript_values(transcript)
        connection.run(_REMOVE, values)
        if connection.rows(_HAS_LINES, values):
            connection.run(_BEGIN, values)


def _transcript_from_row(row: Row) -> StoredTranscript:
    *transcript, last_line, written_at, uuid = row
    return StoredTranscript(Transcript(*transcript), last_line, written_at, uuid)
