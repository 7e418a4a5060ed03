"""What an import tells: its progress, its problems, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType
from typing import Final

import attrs

from memva.domain.transcript_ports import SourceTranscript
from memva.domain.versions import Appended

PROBLEMS_KEPT: Final = 1_000
"""How many problems a report holds; the others are counted, and told to `on_problem`."""


@attrs.frozen
class ImportProblem:
    """Something that could not be read.

    Attributes:
        source: The transcript's name in its source: its file.
        line: The line's number, from 1, or None where it is the whole transcript.
        reason: Why, for people to read; nothing of the content is in it.
    """

    source: str
    line: int | None
    reason: str


@attrs.frozen(kw_only=True)
class ImportProgress:
    """How far an import has come.

    Attributes:
        source: The transcript that was read last.
        transcripts: How many transcripts are done.
        total_transcripts: How many the source has.
        bytes: How many bytes are done, of the transcripts that may have something new.
        total_bytes: How many these have.
    """

    source: str
    transcripts: int
    total_transcripts: int
    bytes: int
    total_bytes: int


@attrs.define(kw_only=True)
class ImportReport:
    """What an import came to.

    Attributes:
        transcripts: How many transcripts the source has.
        unchanged: How many of them had nothing new since the last import, or nothing at all.
        deleted: How many were left out, as their session was deleted.
        sessions: How many sessions were created.
        events: How many events were added, replaced, and there already.
        unfinished: How many transcripts end in half a line, which is read once it is whole.
        problems: The first thousand things that could not be read.
        problem_count: How many there are.
    """

    transcripts: int = 0
    unchanged: int = 0
    deleted: int = 0
    sessions: int = 0
    events: Appended = attrs.field(factory=Appended)
    unfinished: int = 0
    problems: list[ImportProblem] = attrs.field(factory=list)
    problem_count: int = 0


class Reporter:
    """Gathers a report and tells the host what happens meanwhile.

    Attributes:
        report: The report.
        failed: Of each transcript that could not be read at all, the problem.
    """

    def __init__(
        self,
        items: Sequence[SourceTranscript],
        *,
        unchanged: int = 0,
        on_progress: Callable[[ImportProgress], None] | None,
        on_problem: Callable[[ImportProblem], None] | None,
        known: Mapping[str, ImportProblem] = MappingProxyType({}),
    ) -> None:
        self.failed: dict[str, ImportProblem] = {}
        transcripts = sum(item.describes is None for item in items)
        self.report = ImportReport(transcripts=unchanged + transcripts, unchanged=unchanged)
        self._total_bytes = sum(item.size for item in items)
        self._transcripts = unchanged
        self._bytes = 0
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._known = known

    def problem(self, source: str, line: int | None, reason: str) -> None:
        """Report something that could not be read, unless it is known already."""
        problem = ImportProblem(source, line, reason)
        if line is None:
            self.failed[source] = problem
            if self._known.get(source) == problem:
                return
        self.report.problem_count += 1
        if len(self.report.problems) < PROBLEMS_KEPT:
            self.report.problems.append(problem)
        if self._on_problem is not None:
            self._on_problem(problem)

    def unchanged(self, item: SourceTranscript) -> None:
        """Report that a transcript had nothing new."""
        self.report.unchanged += item.describes is None

    def deleted(self, item: SourceTranscript) -> None:
        """Report that a transcript was left out, as its session was deleted."""
        self.report.deleted += item.describes is None

    def progress(self, item: SourceTranscript, offset: int) -> None:
        """Tell that a transcript has been read up to `offset`."""
        # It may have grown since its size was taken.
        self._tell(item, self._bytes + min(offset, item.size))

    def done(self, item: SourceTranscript) -> None:
        """Tell that a transcript is done with."""
        self._transcripts += item.describes is None
        self._bytes += item.size
        self._tell(item, self._bytes)

    def _tell(self, item: SourceTranscript, done_bytes: int) -> None:
        if self._on_progress is not None:
            self._on_progress(
                ImportProgress(
                    source=item.source,
                    transcripts=self._transcripts,
                    total_transcripts=self.report.transcripts,
                    bytes=done_bytes,
                    total_bytes=self._total_bytes,
                )
            )
