"""Import cursors in PostgreSQL."""

from __future__ import annotations

from typing import Final

from memva.adapters.postgres.connection import Connection
from memva.adapters.postgres.errors import is_foreign_key
from memva.adapters.postgres.probes import probe
from memva.adapters.postgres.rows import CURSOR_COLUMNS, cursor_from_row, cursor_row, placeholders
from memva.adapters.postgres.transactions import Transactions
from memva.domain.errors import SessionNotFound, StoreError
from memva.domain.ports import TranscriptCursor

_SELECT: Final = f"SELECT {CURSOR_COLUMNS} FROM transcript_cursors WHERE source = %s"
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
