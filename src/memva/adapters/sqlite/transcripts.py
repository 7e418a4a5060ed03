"""Transcripts in SQLite."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from datetime import datetime
from typing import Final, cast

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.connection import Connection, Row
from memva.adapters.sqlite.counting import counting
from memva.adapters.sqlite.deletions import remember_deletions
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.rows import EVENT_COLUMNS, event_from_row
from memva.adapters.sqlite.search_index import SearchIndex
from memva.adapters.sqlite.sequences import IN_TRANSCRIPT, transcript_values
from memva.adapters.sqlite.transactions import Transactions
from memva.domain.event import Event, Transcript
from memva.domain.json import JsonObject, decode_json, encode_json
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.time import from_text, to_text
from memva.domain.validation import to_utc

# One entry of the index tells each end: along the lines `sort_at` never falls.
_LAST: Final = """
    SELECT {column} FROM events
    WHERE events.session_id = transcripts.session_id
        AND events.project_key = transcripts.project_key
        AND events.subpath = transcripts.subpath AND line > 0
    ORDER BY line DESC, sort_at DESC LIMIT 1
"""
_FIND: Final = f"""
    SELECT project_key, session_id, subpath, ({_LAST.format(column="line")}) AS last_line,
        max(written_at, ({_LAST.format(column="sort_at")})), last_appended
    FROM transcripts WHERE {{narrowing}} AND last_line IS NOT NULL
    ORDER BY project_key, session_id, subpath
"""
_LINES: Final = f"""
    SELECT {EVENT_COLUMNS} FROM events
    WHERE {IN_TRANSCRIPT} AND line >= :line AND (line, position) > (:line, :position)
    ORDER BY line, position LIMIT :limit
"""
_BEFORE_ALL: Final = LinePlace(1, 0)
_NOTE_APPENDED: Final = f"""
    UPDATE transcripts SET written_at = max(written_at, :at), last_appended = :uuid
    WHERE {IN_TRANSCRIPT}
"""
_SUMMARY: Final = f"""
    SELECT summary, summary_line FROM transcripts WHERE {IN_TRANSCRIPT} AND summary IS NOT NULL
"""
_KEEP_SUMMARY: Final = f"""
    UPDATE transcripts SET summary = :summary, summary_line = :line WHERE {IN_TRANSCRIPT}
"""
_OUTDATE_SUMMARY: Final = f"""
    UPDATE transcripts SET summary = NULL, summary_line = NULL
    WHERE {IN_TRANSCRIPT} AND summary_line >= :line
"""
_BEGIN: Final = """
    INSERT OR IGNORE INTO transcripts (project_key, session_id, subpath, written_at)
    VALUES (:project_key, :session_id, :subpath, '')
"""
_REMOVE: Final = f"DELETE FROM transcripts WHERE {IN_TRANSCRIPT}"
_HAS_LINES: Final = f"SELECT 1 FROM events WHERE {IN_TRANSCRIPT} AND line > 0 LIMIT 1"

# A main conversation takes its subagents' along.
_GOES: Final = """
    session_id = :session_id AND project_key = :project_key AND :subpath IN ('', subpath)
"""
_POSITIONS: Final = f"SELECT position FROM events WHERE {_GOES}"
_REMOVE_ALL: Final = f"DELETE FROM transcripts WHERE {_GOES}"
_REMOVE_CURSORS: Final = f"DELETE FROM transcript_cursors WHERE {_GOES}"
_REMOVE_EVENT: Final = "DELETE FROM events WHERE position = ?"
_GOES_ON: Final = "SELECT 1 FROM events WHERE session_id = ? LIMIT 1"


class SqliteTranscripts:
    """The transcripts of a SQLite store.

    `memva.domain.abilities.TranscriptRepository` says what it does.
    """

    def __init__(
        self, transactions: Transactions, clock: Callable[[], datetime], search: SearchIndex
    ) -> None:
        self._transactions = transactions
        self._clock = clock
        self._search = search

    def find(
        self,
        *,
        project_key: str | None = None,
        session_id: str | None = None,
        subpath: str | None = None,
    ) -> list[StoredTranscript]:
        """Return the transcripts that are there, by project key, then session, then subpath."""
        wanted = {"project_key": project_key, "session_id": session_id, "subpath": subpath}
        narrowed = {name: probe(value) for name, value in wanted.items() if value is not None}
        narrowing = " AND ".join(["TRUE", *(f"{name} = :{name}" for name in narrowed)])
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
        values = {**transcript_values(transcript), "uuid": uuid, "at": to_text(to_utc(at))}
        with self._transactions.writing(one_statement=True) as connection:
            connection.run(_NOTE_APPENDED, values)

    def delete(self, transcript: Transcript, /) -> int:
        """Delete a transcript with all its events, streamed ones too; return how many they were."""
        values = transcript_values(transcript)
        with self._transactions.writing() as connection:
            positions = [position for (position,) in connection.rows(_POSITIONS, values)]
            counting(connection).removing(positions)
            self._search.removing(connection, positions)
            connection.run_many(_REMOVE_EVENT, [(position,) for position in positions])
            connection.run(_REMOVE_ALL, values)
            connection.run(_REMOVE_CURSORS, values)
            session_id = probe(transcript.session_id)
            if positions and not connection.rows(_GOES_ON, (session_id,)):
                remember_deletions(connection, [transcript.session_id], self._clock())
        return len(positions)

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
        with self._transactions.writing(one_statement=True) as connection:
            connection.run(_KEEP_SUMMARY, values)


def begin_transcripts(connection: Connection, transcripts: Iterable[Transcript]) -> None:
    """Follow an append that has stored the first lines of these transcripts."""
    connection.run_many(_BEGIN, [transcript_values(transcript) for transcript in transcripts])


def change_transcripts(connection: Connection, changed_from: Mapping[Transcript, int]) -> None:
    """Forget the summaries of transcripts that speak of lines which have changed."""
    connection.run_many(
        _OUTDATE_SUMMARY,
        [{**transcript_values(of), "line": line} for of, line in changed_from.items()],
    )


def shorten_transcripts(connection: Connection, transcripts: Iterable[Transcript]) -> None:
    """Forget what was kept of transcripts that have lost events."""
    for transcript in transcripts:
        values = transcript_values(transcript)
        connection.run(_REMOVE, values)
        if connection.rows(_HAS_LINES, values):
            connection.run(_BEGIN, values)


def _transcript_from_row(row: Row) -> StoredTranscript:
    *transcript, last_line, written_at, uuid = row
    return StoredTranscript(Transcript(*transcript), last_line, from_text(written_at), uuid)
