"""Import cursors in SQLite."""

from __future__ import annotations

from typing import Final

from memva.adapters.probe_number import probe_number
from memva.adapters.sqlite.cursor_rows import CURSOR_COLUMNS, cursor_from_row, cursor_row
from memva.adapters.sqlite.errors import is_foreign_key
from memva.adapters.sqlite.probes import probe
from memva.adapters.sqlite.rows import placeholders
from memva.adapters.sqlite.transactions import Transactions
from memva.domain.errors import SessionNotFound, StoreError
from memva.domain.transcript_cursor import TranscriptCursor

_SELECT: Final = f"SELECT {CURSOR_COLUMNS} FROM transcript_cursors WHERE source = ?"
# As bytes an end may hold what no row can.
_VERSIONS: Final = """
    SELECT source, version FROM transcript_cursors
    WHERE source BETWEEN CAST(? AS TEXT) AND CAST(? AS TEXT)
"""
_PUT: Final = f"""
    INSERT OR REPLACE INTO transcript_cursors ({CURSOR_COLUMNS})
    VALUES ({placeholders(CURSOR_COLUMNS)})
"""

_FIND: Final = f"SELECT {CURSOR_COLUMNS} FROM transcript_cursors ORDER BY source LIMIT ?"
_FIND_AFTER: Final = f"""
    SELECT {CURSOR_COLUMNS} FROM transcript_cursors WHERE source > ? ORDER BY source LIMIT ?
"""
_WITH_SKIPPED: Final = f"""
    SELECT {CURSOR_COLUMNS} FROM transcript_cursors
    WHERE skipped IS NOT NULL AND source > ? ORDER BY source LIMIT ?
"""


class SqliteCursors:
    """The cursors of a SQLite store; `memva.domain.ports.CursorRepository` says what it does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, source: str, /) -> TranscriptCursor | None:
        """Return the cursor of a source's transcript, or None where it was never imported."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (probe(source),))
        return cursor_from_row(rows[0]) if rows else None

    def versions(self, *, first: str, last: str) -> dict[str, str]:
        """Return the version of each cursor whose source stands from `first` to `last`."""
        ends = [end.encode("utf-8", "surrogatepass") for end in (first, last)]
        with self._transactions.reading() as connection:
            return dict(connection.rows(_VERSIONS, ends))

    def put(self, cursor: TranscriptCursor, /) -> None:
        """Store a cursor, in place of the one with its source where there is one."""
        row = cursor_row(cursor)
        with self._transactions.writing() as connection:
            try:
                connection.run(_PUT, row)
            except StoreError as error:
                if is_foreign_key(error):
                    raise SessionNotFound(cursor.memva_session_id) from error
                raise

    def find(self, *, after: str | None = None, limit: int) -> list[TranscriptCursor]:
        """Return the first `limit` cursors by source."""
        with self._transactions.reading() as connection:
            if after is None:
                rows = connection.rows(_FIND, (probe_number(limit),))
            else:
                rows = connection.rows(_FIND_AFTER, (probe(after), probe_number(limit)))
        return [cursor_from_row(row) for row in rows]

    def with_skipped_lines(self, *, after: str = "", limit: int) -> list[TranscriptCursor]:
        """Return the first cursors of transcripts of which lines were skipped, by source."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_WITH_SKIPPED, (probe(after), probe_number(limit)))
        return [cursor_from_row(row) for row in rows]
