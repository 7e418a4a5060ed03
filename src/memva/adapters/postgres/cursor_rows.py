"""Rows of import cursors and the cursors, both ways."""

from __future__ import annotations

from typing import Final

from memva.adapters import skipped_text
from memva.adapters.postgres.connection import Row
from memva.domain.event import Transcript
from memva.domain.line import Carry
from memva.domain.titles import Title
from memva.domain.transcript_cursor import TranscriptCursor

CURSOR_COLUMNS: Final = (
    "source, project_key, session_id, subpath, memva_session_id, version, "
    '"offset", line, fingerprint, carry_timestamp, carry_cwd, title, title_origin, skipped'
)


def cursor_row(cursor: TranscriptCursor) -> Row:
    """Return the cursor as a row of `CURSOR_COLUMNS`."""
    return (
        cursor.source,
        *cursor.transcript,
        cursor.memva_session_id,
        cursor.version,
        cursor.offset,
        cursor.line,
        cursor.fingerprint,
        cursor.carry.timestamp,
        cursor.carry.cwd,
        *(cursor.title or (None, None)),
        skipped_text.text_or_null(cursor.skipped),
    )


def cursor_from_row(row: Row) -> TranscriptCursor:
    """Return the cursor of a row of `CURSOR_COLUMNS`."""
    source, key, session_id, subpath, memva_session_id, version, offset, line, *rest = row
    fingerprint, carry_timestamp, carry_cwd, title, title_origin, skipped = rest
    return TranscriptCursor(
        source=source,
        transcript=Transcript(key, session_id, subpath),
        memva_session_id=memva_session_id,
        version=version,
        offset=offset,
        line=line,
        fingerprint=fingerprint,
        carry=Carry(carry_timestamp, carry_cwd),
        title=None if title is None else Title(title, title_origin),
        skipped=skipped_text.skipped_lines(skipped),
    )
