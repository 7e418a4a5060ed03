"""What an export tells: its progress, its problems, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import attrs

from memva.domain.errors import SinkTaken, SinkUnwritable
from memva.domain.event import Transcript
from memva.domain.stored_transcript import StoredTranscript
from memva.services.problems import Problems


@attrs.frozen
class ExportProblem:
    """A transcript that was not exported.

    Attributes:
        transcript: Which one.
        sink: The place in the sink that is concerned: a file.
        reason: Why, for people to read; nothing of the content is in it.
    """

    transcript: Transcript
    sink: str
    reason: str


@attrs.frozen(kw_only=True)
class ExportProgress:
    """How far an export has come.

    Attributes:
        transcript: The one that was read last.
        transcripts: How many transcripts are done.
        total_transcripts: How many there are.
        lines: How many lines are done.
        total_lines: How many there are.
    """

    transcript: Transcript
    transcripts: int
    total_transcripts: int
    lines: int
    total_lines: int


@attrs.frozen(kw_only=True)
class ExportReport:
    """What an export came to.

    Attributes:
        transcripts: How many transcripts there are.
        written: How many of them were written.
        unchanged: How many were there already.
        taken: How many were left out, as something else was there.
        only_streamed: The sessions of Claude Code's of which nothing but streamed lines is kept.
            Those have no place in a transcript, so that there is nothing to export.
        problems: The first thousand transcripts that were not exported.
        problem_count: How many there are.
    """

    transcripts: int = 0
    written: int = 0
    unchanged: int = 0
    taken: int = 0
    only_streamed: tuple[str, ...] = ()
    problems: tuple[ExportProblem, ...] = ()
    problem_count: int = 0


class ExportReporter:
    """Gathers a report and tells the host what happens meanwhile.

    `lines` says how many lines each transcript has, if progress is told.
    """

    def __init__(
        self,
        found: Sequence[StoredTranscript],
        *,
        lines: Mapping[Transcript, int],
        only_streamed: Sequence[str],
        on_progress: Callable[[ExportProgress], None] | None,
        on_problem: Callable[[ExportProblem], None] | None,
    ) -> None:
        self._report = ExportReport(transcripts=len(found), only_streamed=tuple(only_streamed))
        self._of_each = lines
        self._total_lines = sum(lines.values())
        self._transcripts = 0
        self._lines = 0
        self._on_progress = on_progress
        self._problems = Problems(on_problem)

    @property
    def report(self) -> ExportReport:
        """What the export has come to."""
        return attrs.evolve(
            self._report, problems=self._problems.first, problem_count=self._problems.count
        )

    def written(self, *, is_new: bool) -> None:
        """Report that a transcript is in the sink now, or was before."""
        report = self._report
        self._report = (
            attrs.evolve(report, written=report.written + 1)
            if is_new
            else attrs.evolve(report, unchanged=report.unchanged + 1)
        )

    def problem(self, transcript: Transcript, error: SinkUnwritable) -> None:
        """Report a transcript that was not exported."""
        if isinstance(error, SinkTaken):
            self._report = attrs.evolve(self._report, taken=self._report.taken + 1)
        self._problems.add(ExportProblem(transcript, error.sink, error.reason))

    def progress(self, transcript: Transcript, lines: int) -> None:
        """Tell that so many lines of a transcript have been read."""
        # It may have grown since they were counted.
        self._tell(transcript, self._lines + min(lines, self._of_each.get(transcript, 0)))

    def done(self, transcript: Transcript) -> None:
        """Tell that a transcript is done with."""
        self._transcripts += 1
        self._lines += self._of_each.get(transcript, 0)
        self._tell(transcript, self._lines)

    def _tell(self, transcript: Transcript, done_lines: int) -> None:
        if self._on_progress is not None:
            self._on_progress(
                ExportProgress(
                    transcript=transcript,
                    transcripts=self._transcripts,
                    total_transcripts=self._report.transcripts,
                    lines=done_lines,
                    total_lines=self._total_lines,
                )
            )
