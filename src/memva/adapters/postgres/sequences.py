"""The order of events in PostgreSQL: what they sort by, and how each gets its `sort_at`."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Final

from memva.adapters.postgres.connection import Connection, Row
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import NEW_EVENT_COLUMNS, event_row, placeholders
from memva.adapters.sequence_changes import SequenceChanges, SequenceKey, sequence_of
from memva.domain.event import Event, Transcript
from memva.domain.time import FIRST

_INSERT: Final = (
    f"INSERT INTO events ({NEW_EVENT_COLUMNS}) VALUES ({placeholders(NEW_EVENT_COLUMNS)})"
)
# Whoever gives positions has a lock, so that those given together follow one another. What is
# undone gives none back.
_TAKE_POSITIONS: Final = """
    SELECT setval('event_positions', nextval('event_positions') + %s - 1)
"""

ORDER: Final = "sort_at, project_key, session_id, subpath, line, position"
BACKWARDS: Final = ", ".join(f"{column} DESC" for column in ORDER.split(", "))

IN_TRANSCRIPT: Final = (
    "session_id = %(session_id)s AND project_key = %(project_key)s AND subpath = %(subpath)s"
)

# Along a sequence `sort_at` never falls: its last entry has the highest.
_LAST_BEFORE: Final = f"""
    SELECT line, sort_at FROM events
    WHERE {IN_TRANSCRIPT} AND line BETWEEN 1 AND %(up_to_line)s
    ORDER BY line DESC, sort_at DESC LIMIT 1
"""
_LAST_STREAMED: Final = f"""
    SELECT line, sort_at FROM events WHERE {IN_TRANSCRIPT} AND line = 0
    ORDER BY sort_at DESC LIMIT 1
"""
_SORT_AGAIN: Final = f"""
    UPDATE events SET sort_at = along.sort_at
    FROM (
        SELECT position,
            greatest(%(begin)s, max(timestamp) OVER (ORDER BY line, position)) AS sort_at
        FROM events WHERE {IN_TRANSCRIPT} AND line BETWEEN %(first_line)s AND %(last_line)s
    ) AS along
    WHERE events.position = along.position AND events.sort_at <> along.sort_at
"""
_LAST_POSITION: Final = "SELECT coalesce(max(position), 0) FROM events"
_LAST_LINE: Final = 2**63 - 1


class Sequences:
    """Gives each event its `sort_at`: the running maximum of the times along its sequence.

    The lines of a transcript are one sequence, its streamed lines another. What comes at the end
    continues the maximum; where something comes or goes before it, the rest is gone over.

    Attributes:
        begun: The transcripts of which the first line was inserted.
        changes: What came and went before the ends of sequences.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: dict[SequenceKey, tuple[int, datetime]] = {}
        self.begun: set[Transcript] = set()
        self.changes = SequenceChanges()

    def last_line(self, transcript: Transcript) -> int:
        """Return the highest line of a transcript; 0 where it has none."""
        return self._last_before(transcript, _LAST_LINE)[0]

    def insert(self, events: Sequence[Event], *, after_removing: Sequence[Event]) -> range:
        """Store events and return their new positions; `after_removing` were taken out before."""
        for event in after_removing:
            self.changes.went(event)
        positions = self._take_positions(len(events))
        rows: list[Row] = []
        for event, position in zip(events, positions, strict=True):
            sequence = sequence_of(event)
            line, sort_at = self._last.get(sequence) or self._end_of(*sequence)
            self.changes.came(event, end=line)
            sort_at = max(sort_at, event.timestamp)
            self._last[sequence] = max(line, event.line), sort_at
            rows.append(event_row(event, position, sort_at))
        if len(rows) == 1:
            self._connection.run(_INSERT, rows[0])
        else:
            self._connection.run_many(_INSERT, rows)
        for (transcript, _), line in self.changes.disturbed.items():
            self._sort_again(transcript, line)
        return positions

    def mend(self, transcript: Transcript) -> None:
        """Go over the sequences of a transcript that has lost some of its events."""
        for first_line in (0, 1):
            self._sort_again(transcript, first_line)

    def _take_positions(self, count: int) -> range:
        if not count:
            return range(0)
        [(last,)] = self._connection.rows(_TAKE_POSITIONS, (count,))
        return range(last - count + 1, last + 1)

    def _end_of(self, transcript: Transcript, placed: bool) -> tuple[int, datetime]:
        if placed:
            line, sort_at = self._last_before(transcript, _LAST_LINE)
            if not line:
                self.begun.add(transcript)
            return line, sort_at
        rows = self._connection.rows(_LAST_STREAMED, transcript_values(transcript))
        return (rows[0][0], rows[0][1]) if rows else (0, FIRST)

    def _last_before(self, transcript: Transcript, up_to_line: int) -> tuple[int, datetime]:
        values = {**transcript_values(transcript), "up_to_line": up_to_line}
        rows = self._connection.rows(_LAST_BEFORE, values)
        return (rows[0][0], rows[0][1]) if rows else (0, FIRST)

    def _sort_again(self, transcript: Transcript, first_line: int) -> None:
        """Go over a sequence from a line on; line 0 stands for the streamed lines."""
        _, begin = self._last_before(transcript, first_line - 1)
        self._connection.run(
            _SORT_AGAIN,
            {
                **transcript_values(transcript),
                "begin": begin,
                "first_line": first_line,
                "last_line": _LAST_LINE if first_line else 0,
            },
        )


def last_position(connection: Connection) -> int:
    """Return the highest position of an event; 0 where there is none."""
    [(last,)] = connection.rows(_LAST_POSITION)
    return int(last)


def transcript_values(transcript: Transcript) -> dict[str, object]:
    """Return the values that `IN_TRANSCRIPT` names."""
    project_key, session_id, subpath = map(probe, transcript)
    return {"project_key": project_key, "session_id": session_id, "subpath": subpath}
