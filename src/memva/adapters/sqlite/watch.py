"""Waiting for commits: this process's own are signalled, those of others are looked for."""

from __future__ import annotations

import time
from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.transactions import Transactions

_LOOK_SECONDS: Final = 0.08
# https://sqlite.org/pragma.html#pragma_data_version: it changes when another connection commits.
_VERSION: Final = "PRAGMA data_version"


class SqliteWatch:
    """Tells a waiting thread of commits; `memva.domain.abilities.Watch` says what it does."""

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._signal = transactions.signal
        self._seen = self._signal.count
        self._version = self._look()

    def wait(self, timeout: float) -> bool:
        """Return True as soon as something was committed, or False after `timeout` seconds."""
        give_up = time.monotonic() + timeout
        while True:
            left = give_up - time.monotonic()
            signal, before = self._signal, (self._signal, self._seen, self._version)
            self._seen = signal.wait(self._seen, max(0.0, min(left, _LOOK_SECONDS)))
            # A fork has begun another count.
            self._signal = self._transactions.signal
            self._version = self._look()
            if before != (self._signal, self._seen, self._version):
                return True
            if left <= 0:
                return False

    def _look(self) -> tuple[Connection, int]:
        # Versions compare on one connection alone. The pool mostly gives the one that was last
        # used; where it gives another, something was going on.
        with self._transactions.apart() as connection:
            [(version,)] = connection.rows(_VERSION)
            return connection, version
