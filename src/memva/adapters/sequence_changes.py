"""What an append does to the sequences of events before their ends."""

from __future__ import annotations

from typing import TypeAlias

import attrs

from memva.domain.event import Event, Transcript

SequenceKey: TypeAlias = tuple[Transcript, bool]
"""A transcript, and whether its lines are meant or its streamed events."""


def sequence_of(event: Event) -> SequenceKey:
    """Return the sequence that an event belongs to."""
    return event.transcript, event.line > 0


@attrs.define
class SequenceChanges:
    """Notes what comes and goes.

    Attributes:
        disturbed: The first line in each sequence from which it has to be gone over.
        changed_from: The first line that came, changed or went at or before a transcript's end.
    """

    disturbed: dict[SequenceKey, int] = attrs.field(factory=dict)
    changed_from: dict[Transcript, int] = attrs.field(factory=dict)

    def went(self, event: Event) -> None:
        """Note an event that was taken out."""
        self._disturb(event)
        self._change(event)

    def came(self, event: Event, *, end: int) -> None:
        """Note an event that is put into a sequence which ended with the line `end`."""
        if event.line <= end:
            self._change(event)
        if event.line < end:
            self._disturb(event)

    def _disturb(self, event: Event) -> None:
        sequence = sequence_of(event)
        self.disturbed[sequence] = min(event.line, self.disturbed.get(sequence, event.line))

    def _change(self, event: Event) -> None:
        if event.line > 0:
            first = self.changed_from.get(event.transcript, event.line)
            self.changed_from[event.transcript] = min(event.line, first)
