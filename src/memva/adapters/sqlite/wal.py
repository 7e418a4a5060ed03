"""The write-ahead log, and how it is kept from growing for ever."""

from __future__ import annotations

import time
from contextlib import suppress
from pathlib import Path

from memva.adapters.sqlite.connection import WAL_LIMIT, Connection
from memva.domain.errors import StoreError


class WalKeeper:
    """Keeps the write-ahead log bounded.

    SQLite's own checkpoints copy the log into the file but cannot begin it anew while any reader
    uses it, so that readers who always overlap let it grow for ever. Past the limit a checkpoint
    is asked to wait for the readers of the moment, while new ones read the file itself.
    """

    _PAUSE_SECONDS = 1.0
    _WAIT_MILLISECONDS = 100

    def __init__(self, path: Path) -> None:
        self._wal = path.with_name(f"{path.name}-wal")
        self._next = 0.0

    def after_commit(self, connection: Connection) -> None:
        """Begin the log anew where it has outgrown its limit; looks not more than once a second."""
        if (now := time.monotonic()) < self._next:
            return
        self._next = now + self._PAUSE_SECONDS
        try:
            size = self._wal.stat().st_size
        except OSError:
            return
        if size <= WAL_LIMIT:
            return
        connection.rows(f"PRAGMA busy_timeout = {self._WAIT_MILLISECONDS}")
        try:
            # The commit stands, whatever becomes of the checkpoint; the next one tries again.
            with suppress(StoreError):
                connection.rows("PRAGMA wal_checkpoint(RESTART)")
        finally:
            connection.rows("PRAGMA busy_timeout = 0")
