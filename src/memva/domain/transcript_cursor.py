"""How far a transcript has been imported."""

from __future__ import annotations

import attrs

from memva.domain.event import Transcript
from memva.domain.line import Carry
from memva.domain.skipped_lines import SkippedLines
from memva.domain.titles import Title


@attrs.frozen(kw_only=True)
class TranscriptCursor:
    """How far a source's transcript has been imported.

    Attributes:
        source: The source's name for it, as in `SourceTranscript`.
        transcript: The transcript.
        memva_session_id: The session that its events go to.
        version: The `version` that the source had when it was last read to its end; empty while
            it has not been.
        offset: How many bytes have been read.
        line: How many lines those bytes hold.
        fingerprint: The source's fingerprint at `offset`.
        carry: What the lines read leave to the lines after them.
        title: The best title that the lines read offer, or None.
        skipped: Those of the lines read that could not be imported.
    """

    source: str
    transcript: Transcript
    memva_session_id: str
    version: str
    offset: int
    line: int
    fingerprint: str
    carry: Carry
    title: Title | None
    skipped: SkippedLines = attrs.field(factory=SkippedLines)
