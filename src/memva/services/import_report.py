"""What an import tells: its progress, its problems, and what it came to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from types import MappingProxyType

import attrs

from memva.domain.transcript_ports import SourceTranscript
from memva.domain.versions import Appended
from memva.services.problems import Problems


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


@attrs.frozen(kw_only=True)
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
    problems: tuple[ImportProblem, ...] = ()
    problem_count: int = 0


class ImportReporter:
    """Gathers a report and tells the host what happens meanwhile.

    Attributes:
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
        self._report = ImportReport(transcripts=unchanged + transcripts, unchanged=unchanged)
        self._problems = Problems(on_problem)
        self._total_bytes = sum(item.size for item in items)
        self._transcripts = unchanged
        self._bytes = 0
        self._on_progress = on_progress
        self._known = known

    @property
    def report(self) -> ImportReport:
        """What the import has come to."""
        return attrs.evolve(
            self._report, problems=self._problems.first, problem_count=self._problems.count
        )

    def problem(self, source: str, line: int | None, reason: str) -> None:
        """Report something that could not be read, unless it is known already."""
        problem = ImportProblem(source, line, reason)
        if line is None:
            self.failed[source] = problem
            if self._known.get(source) == problem:
                return
        self._problems.add(problem)

    def unchanged(self, item: SourceTranscript) -> None:
        """Report that a transcript had nothing new."""
        if item.describes is None:
            self._report = attrs.evolve(self._report, unchanged=self._report.unchanged + 1)

    def deleted(self, item: SourceTranscript) -> None:
        """Report that a transcript was left out, as its session was deleted."""
        if item.describes is None:
            self._report = attrs.evolve(self._report, deleted=self._report.deleted + 1)

    def unfinished(self) -> None:
        """Report that a transcript ends in half a line."""
        self._report = attrs.evolve(self._report, unfinished=self._report.unfinished + 1)

    def imported(self, *, sessions: int, events: Appended) -> None:
        """Report what a batch of lines came to."""
        self._report = attrs.evolve(
            self._report,
            sessions=self._report.sessions + sessions,
            events=self._report.events + events,
        )

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
                    total_transcripts=self._report.transcripts,
                    bytes=done_bytes,
                    total_bytes=self._total_bytes,
                )
            )
