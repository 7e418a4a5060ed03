"""The import of one transcript: batch by batch, its cursor moving with the rows."""

from __future__ import annotations

from typing import Final, NamedTuple

from memva.domain.errors import InvalidValue
from memva.domain.json import JsonObject
from memva.domain.line import Carry, TranscriptLine, line_object, read_line
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.domain.skipped_lines import SkippedLines
from memva.domain.transcript_cursor import TranscriptCursor
from memva.domain.transcript_ports import SourceLine, SourceTranscript, TranscriptSource
from memva.services.conversation import keep_session, session_id_of
from memva.services.deletions import Deletions
from memva.services.import_report import ImportReporter
from memva.services.line_events import LineEvents
from memva.services.lookups import session_or_none

# A batch is one transaction: small enough that other writers hardly wait.
_BATCH_LINES: Final = 500
_BATCH_BYTES: Final = 2 * 1024 * 1024

_TOO_DEEP: Final = "is nested too deep"
_TRIES: Final = 10


def import_transcript(
    store: Store,
    source: TranscriptSource,
    item: SourceTranscript,
    *,
    redact: Redact | None,
    deletions: Deletions,
    reporter: ImportReporter,
) -> None:
    """Import what is new in one transcript, and tell `reporter` about it.

    Nothing is imported where its session was deleted, be it while the import is at it.

    Raises:
        SourceUnreadable: The transcript has gone, or may not be read.
    """
    for _ in range(_TRIES):
        reading = _Reading(store, source, item, redact, deletions, reporter)
        try:
            reading.run()
            return
        except _SessionDeleted:
            reporter.deleted(item)
            return
        except _CursorMoved:
            continue
    reporter.problem(item.source, None, "other imports were at work on it all the time")


class _CursorMoved(Exception):
    """Another import has been at the same transcript meanwhile, or its cursor was deleted."""


class _SessionDeleted(Exception):
    """The transcript is one of a session that was deleted."""


class _Place(NamedTuple):
    """How far a transcript was read."""

    offset: int = 0
    line: int = 0


class _Reading:
    """One reading of a transcript, from where the last one ended."""

    def __init__(
        self,
        store: Store,
        source: TranscriptSource,
        item: SourceTranscript,
        redact: Redact | None,
        deletions: Deletions,
        reporter: ImportReporter,
    ) -> None:
        self._store = store
        self._source = source
        self._item = item
        self._redact = redact
        self._deletions = deletions
        self._reporter = reporter
        self._stored = store.cursors.get(item.source)
        self._place = _Place()
        # What a subagent is stands where its transcript has come to, and takes no line of it.
        self._stands_at = 0
        self._title = None if self._stored is None else self._stored.title
        self._skipped = SkippedLines()
        self._lines: list[tuple[int, TranscriptLine]] = []

    def run(self) -> None:
        """Read to the end."""
        item = self._item
        if item.problem is not None:
            self._reporter.problem(item.source, None, item.problem)
            return
        if item.size == 0 or (self._stored is not None and self._stored.version == item.version):
            if self._stored is not None:
                self._deletions.meet(self._stored.transcript.session_id)
            self._reporter.unchanged(item)
            return
        if not self._begin():
            self._reporter.unchanged(item)
            return
        self._deletions.meet(self._transcript.session_id)
        self._check_is_wanted()
        batch_bytes = 0
        place = self._place
        for line in self._source.read(item.source, offset=place.offset, line=place.line):
            if not self._take(line) and not line.complete:
                if not line.content.isspace():
                    self._reporter.unfinished()
                break
            self._place = _Place(line.end, line.number)
            batch_bytes += len(line.content)
            if len(self._lines) >= _BATCH_LINES or batch_bytes >= _BATCH_BYTES:
                self._commit(at_end=False)
                batch_bytes = 0
            del line
        self._commit(at_end=True)

    def _begin(self) -> bool:
        """Find out where to go on; return False where there is nothing to read yet."""
        stored, name = self._stored, self._item.source
        if (
            stored is not None
            and stored.offset <= self._item.size
            and self._source.fingerprint(name, stored.offset) == stored.fingerprint
        ):
            self._transcript = stored.transcript
            self._place = _Place(stored.offset, stored.line)
            self._skipped = stored.skipped
            self._begin_lines(stored.carry, afresh=False)
            return True
        # It was never read, or it was rewritten, or its lines came another way before. What is
        # stored then says nothing of the lines that stand before one in this very source.
        self._transcript = self._source.identify(name)
        afresh = self._store.events.last_line(self._transcript) > 0
        carry = Carry()
        if self._item.describes is not None:
            described = self._store.cursors.get(self._item.describes)
            if described is None or described.line == 0:
                return False
            carry, self._stands_at = described.carry, described.line
        self._begin_lines(carry, afresh=afresh)
        return True

    def _begin_lines(self, carry: Carry, *, afresh: bool) -> None:
        self._afresh = afresh
        self._line_events = LineEvents(self._store, self._transcript, carry=carry, afresh=afresh)

    def _take(self, line: SourceLine) -> bool:
        """Add a line to the batch; where it is blank or no object, tell what is wrong with it.

        Returns whether it was added. Lines may be megabytes long: this leaves no other copy.
        """
        data = self._parse(line)
        if data is None:
            return False
        try:
            number = self._stands_at or line.number
            self._lines.append((number, read_line(data, redact=self._redact)))
        except InvalidValue:
            # Redaction needs more of Python's stack than reading did.
            self._skip(line.number, _TOO_DEEP)
            return False
        return True

    def _parse(self, line: SourceLine) -> JsonObject | None:
        try:
            return line_object(line)
        except ValueError as error:
            # Half a line may be finished later.
            if line.complete:
                self._skip(line.number, str(error))
            return None

    def _skip(self, number: int, reason: str) -> None:
        self._skipped = self._skipped.and_one(number, reason)
        self._reporter.problem(self._item.source, number, reason)

    def _commit(self, *, at_end: bool) -> None:
        """Store the lines read since the last commit, and how far that was."""
        lines, self._lines = self._lines, []
        fingerprint = self._source.fingerprint(self._item.source, self._place.offset)
        with self._store.transaction():
            self._check_is_wanted()
            if self._store.cursors.get(self._item.source) != self._stored:
                raise _CursorMoved
            session_id = self._session_id()
            events = self._line_events.of(
                lines,
                memva_session_id=session_id,
                read_before=0 if self._stored is None else self._stored.line,
                otherwise=self._item.modified_at,
            )
            is_new = self._stored is None
            if not events and is_new and session_or_none(self._store, session_id) is None:
                return
            created, title = keep_session(
                self._store, session_id, events, title=self._title, claude_status="completed"
            )
            counted = self._store.events.append(events)
            cursor = TranscriptCursor(
                source=self._item.source,
                transcript=self._transcript,
                memva_session_id=session_id,
                version=self._item.version if at_end else "",
                offset=self._place.offset,
                line=self._place.line,
                fingerprint=fingerprint,
                carry=self._line_events.carry,
                title=title,
                skipped=self._skipped,
            )
            # Lines without a uuid are told apart by counting equal ones from the first line on,
            # which a reading that goes on from the middle of this one could not do.
            moves = at_end or not self._afresh
            if moves:
                self._store.cursors.put(cursor)
        if moves:
            self._stored = cursor
        self._title = title
        self._reporter.imported(sessions=created, events=counted)
        self._reporter.progress(self._item, self._place.offset)

    def _check_is_wanted(self) -> None:
        if self._deletions.leave_out(self._transcript.session_id):
            raise _SessionDeleted

    def _session_id(self) -> str:
        # Events may have been associated with another session since the last import.
        claude_session = self._transcript.session_id
        last = claude_session if self._stored is None else self._stored.memva_session_id
        return session_id_of(self._store, claude_session, otherwise=last)
