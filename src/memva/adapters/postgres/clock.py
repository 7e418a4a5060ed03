"""The database's clock, without asking it each time."""

from __future__ import annotations

import time
from datetime import datetime, timedelta
from typing import Final

from memva.adapters.postgres.transactions import Transactions

_NOW: Final = "SELECT clock_timestamp()"
_GOOD_FOR_SECONDS: Final = 5.0
_MOST_SECONDS_APART: Final = 0.05


class DatabaseClock:
    """Tells the database's time: what it said last, and how long ago by this machine's clocks.

    All machines that share a database share its clock, to within the way to it. It is asked anew
    every few seconds, and where this machine slept or its time was set.
    """

    def __init__(self, transactions: Transactions) -> None:
        self._transactions = transactions
        self._said: tuple[datetime, float, float] | None = None

    def __call__(self) -> datetime:
        """Return the present moment, aware and in UTC."""
        said = self._said
        running, wall = time.monotonic(), time.time()
        if said is not None:
            moment, running_then, wall_then = said
            since = running - running_then
            if since < _GOOD_FOR_SECONDS and (abs(wall - wall_then - since) < _MOST_SECONDS_APART):
                return moment + timedelta(seconds=since)
        with self._transactions.reading() as connection:
            [(moment,)] = connection.rows(_NOW)
        now: datetime = moment
        # On its way it has aged by half the way there and back.
        back, wall = time.monotonic(), time.time()
        now += timedelta(seconds=(back - running) / 2)
        self._said = now, back, wall
        return now
