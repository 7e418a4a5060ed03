"""Import cursors in PostgreSQL."""

from __future__ import annotations

from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.cursor_rows import CURSOR_COLUMNS, cursor_from_row, cursor_row
from memva.adapters.postgres.errors import is_foreign_key
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import placeholders
from memva.adapters.postgres.transactions import Transactions
from memva.adapters.probe_number import probe_number
from memva.domain.errors import SessionNotFound, StoreError
from memva.domain.text import is_storable
from memva.domain.transcript_cursor import TranscriptCursor

_SELECT: Final = f"SELECT {CURSOR_COLUMNS} FROM transcript_cursors WHERE source = %s"
_VERSIONS: Final = """
    SELECT source, version FROM transcript_cursors WHERE source BETWEEN %s AND %s
"""
# As bytes an end may hold what no row can; they have the order of code points.
_VERSIONS_BETWEEN_BYTES: Final = """
    SELECT source, version FROM transcript_cursors
    WHERE convert_to(source, 'UTF8') BETWEEN %s AND %s
"""
_WITH_SKIPPED: Final = f"""
    SELECT {CURSOR_COLUMNS} FROM transcript_cursors
    WHERE skipped IS NOT NULL AND convert_to(source, 'UTF8') > %s ORDER BY source LIMIT %s
"""
_FIND: Final = f"SELECT {CURSOR_COLUMNS} FROM transcript_cursors ORDER BY source LIMIT %s"
_FIND_AFTER: Final = f"""
    SELECT {CURSOR_COLUMNS} FROM transcript_cursors WHERE source > %s ORDER BY source LIMIT %s
"""
_PUT: Final = f"""
    INSERT INTO transcript_cursors ({CURSOR_COLUMNS}) VALUES ({placeholders(CURSOR_COLUMNS)})
    ON CONFLICT (source) DO UPDATE SET ({CURSOR_COLUMNS}) =
        ({", ".join(f"excluded.{column.strip()}" for column in CURSOR_COLUMNS.split(","))})
"""


class PostgresCursors:
    """The cursors of a PostgreSQL store, as `memva.domain.ports.CursorRepository` has them."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions

    def get(self, source: str, /) -> TranscriptCursor | None:
        """Return the cursor of a source's transcript, or None where it was never imported."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_SELECT, (probe(source),))
        return cursor_from_row(rows[0]) if rows else None

    def versions(self, *, first: str, last: str) -> dict[str, str]:
        """Return the version of each cursor whose source stands from `first` to `last`."""
        ends: list[object] = [first, last]
        sql = _VERSIONS
        if not (is_storable(first) and is_storable(last)):
            sql, ends = _VERSIONS_BETWEEN_BYTES, [_as_bytes(first), _as_bytes(last)]
        with self._transactions.reading() as connection:
            return dict(connection.rows(sql, ends))

    def find(self, *, after: str | None = None, limit: int) -> list[TranscriptCursor]:
        """Return the first `limit` cursors by source."""
        with self._transactions.reading() as connection:
            if after is None:
                rows = connection.rows(_FIND, (probe_number(limit),))
            else:
                rows = connection.rows(_FIND_AFTER, (probe(after), probe_number(limit)))
        return [cursor_from_row(row) for row in rows]

    def put(self, cursor: TranscriptCursor, /) -> None:
        """Store a cursor, in place of the one with its source where there is one."""
        row = cursor_row(cursor)

        def put(connection: Connection) -> None:
            connection.run(_PUT, row)

        try:
            self._transactions.write(put, one_statement=True)
        except StoreError as error:
            if is_foreign_key(error):
                raise SessionNotFound(cursor.memva_session_id) from error
            raise

    def with_skipped_lines(self, *, after: str = "", limit: int) -> list[TranscriptCursor]:
        """Return the first cursors of transcripts of which lines were skipped, by source."""
        with self._transactions.reading() as connection:
            rows = connection.rows(_WITH_SKIPPED, (_as_bytes(after), probe_number(limit)))
        return [cursor_from_row(row) for row in rows]


def _as_bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")
