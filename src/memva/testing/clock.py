"""A clock that stands still until it is told to move."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

START: Final = datetime(2026, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)
"""The moment that a frozen clock and the sample entities begin at."""


class FrozenClock:
    """A clock for tests: call it for its time, and move it by hand."""

    def __init__(self, start: datetime = START) -> None:
        self._now = start

    def __call__(self) -> datetime:
        """Return its time, aware and in UTC."""
        return self._now

    def advance(self, by: timedelta) -> datetime:
        """Move it and return its new time; a negative step moves it back."""
        self._now += by
        return self._now
