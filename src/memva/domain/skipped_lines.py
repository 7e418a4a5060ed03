"""What of a transcript could not be imported."""

from __future__ import annotations

from typing import Final

import attrs

MOST_KEPT: Final = 20
"""How many skipped lines of a transcript are kept with why; of the others their number alone."""


@attrs.frozen
class SkippedLine:
    """A line that could not be read.

    Attributes:
        number: Its number, from 1.
        reason: Why, for people to read; nothing of the content is in it.
    """

    number: int
    reason: str


@attrs.frozen
class SkippedLines:
    """The lines of a transcript that could not be read.

    Attributes:
        count: How many there are.
        first: The first of them, `MOST_KEPT` at most.
    """

    count: int = 0
    first: tuple[SkippedLine, ...] = ()

    def and_one(self, number: int, reason: str) -> SkippedLines:
        """Return these lines and one that comes after them."""
        more = (SkippedLine(number, reason),) if len(self.first) < MOST_KEPT else ()
        return SkippedLines(self.count + 1, (*self.first, *more))
