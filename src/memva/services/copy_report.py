"""What copying a store tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, TypeAlias

import attrs

CopyPart: TypeAlias = Literal[
    "sessions", "events", "jobs", "import cursors", "transcript notes", "deletions"
]
"""What a store holds, in the order in which it is copied."""

CopyStep: TypeAlias = Literal["comparing", "copying", "verifying"]
"""What a copy does: look at what is there already, add what is missing, compare everything."""


@attrs.frozen(kw_only=True)
class CopyProgress:
    """How far a copy has come.

    Attributes:
        step: What it does.
        part: With what.
        count: How many of the part are done with in this step; when copying, how many are there.
        share: How much of the part that is, from 0 to 1, or None where nobody knows.
    """

    step: CopyStep
    part: CopyPart
    count: int
    share: float | None


@attrs.frozen(kw_only=True)
class CopiedPart:
    """One part of a copy.

    Attributes:
        count: How many there are, in either store.
        added: How many of them this call added; the others were there.
        checksum: The SHA-256 of all that they say, in order, but for positions; equal in both.
    """

    count: int
    added: int
    checksum: str


@attrs.frozen(kw_only=True)
class CopyReport:
    """What copying a store came to.

    Attributes:
        parts: Each part, in the order in which they were copied; all have been compared.
    """

    parts: Mapping[CopyPart, CopiedPart]

    @property
    def added(self) -> int:
        """How many things this call added; none where the copy was complete."""
        return sum(part.added for part in self.parts.values())
