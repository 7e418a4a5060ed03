"""What a store tells of a transcript that it keeps."""

from __future__ import annotations

from datetime import datetime
from typing import Final, NamedTuple

import attrs

from memva.domain.event import Event, Transcript
from memva.domain.json import JsonObject

_LAST_POSITION: Final = 2**63 - 1


class StoredTranscript(NamedTuple):
    """A transcript of which lines are stored.

    Attributes:
        transcript: Which one it is.
        last_line: The highest `line` in it.
        written_at: When it was written to last, as far as that is known: the latest of the times
            that its lines tell, and of the moments that `note_appended` was told.
        last_appended: The uuid of the line that was appended last, as `note_appended` was told, or
            None where it never was.
    """

    transcript: Transcript
    last_line: int
    written_at: datetime
    last_appended: str | None = None


class LinePlace(NamedTuple):
    """A place in a transcript: what follows an event there.

    Attributes:
        line: The event's `line`.
        position: The event's position, as several events may stand on one line.
    """

    line: int
    position: int

    @classmethod
    def of(cls, event: Event) -> LinePlace:
        """Return the place of an event."""
        return cls(event.line, event.position)

    @classmethod
    def at_end_of(cls, line: int) -> LinePlace:
        """Return the place at the end of a line: what follows it stands on later ones."""
        return cls(line, _LAST_POSITION)


@attrs.frozen(kw_only=True)
class TranscriptSummary:
    """What somebody has gathered from the lines of a transcript, and means to go on with.

    Attributes:
        data: Their own; a store keeps it as it is.
        up_to_line: The last line that it speaks of.
    """

    data: JsonObject
    up_to_line: int
