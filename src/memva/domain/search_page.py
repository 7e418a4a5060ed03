"""What a search finds, and where it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Final, NamedTuple

import attrs

from memva.domain.event import Event

MOST_RANKED: Final = 5_000
"""Among how many of the newest matches the best are looked for."""

_BEGIN: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND: Final = timedelta(milliseconds=1)


def milliseconds(time: datetime) -> int:
    """Return how many whole milliseconds after the beginning of 1970 `time` is."""
    return (time - _BEGIN) // _MILLISECOND


class SearchCursor(NamedTuple):
    """A place among what a search finds; it stays good while events come and go.

    Attributes:
        milliseconds: The event's `timestamp`, as `milliseconds` gives it.
        position: The event's position.
    """

    milliseconds: int
    position: int


@attrs.frozen
class FoundEvents:
    """Some of the events that a search finds, the newest first.

    Attributes:
        events: The events.
        next: The cursor after which more events are found, or None where there are none.
    """

    events: Sequence[Event]
    next: SearchCursor | None = None

    def __iter__(self) -> Iterator[Event]:
        """Iterate over the events."""
        return iter(self.events)

    def __len__(self) -> int:
        """Return how many events are here."""
        return len(self.events)


class Indexed(NamedTuple):
    """How far an index has come.

    Attributes:
        events: How many events it was brought on by.
        left: How many are left at most; 0 where none is.
    """

    events: int
    left: int
