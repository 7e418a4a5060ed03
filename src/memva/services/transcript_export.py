"""Exporting transcripts, for Claude Code to go on with them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain
from typing import Final

from memva.domain.abilities import TranscriptStore
from memva.domain.errors import SinkUnwritable
from memva.domain.event import Event, Transcript
from memva.domain.stored_transcript import LinePlace, StoredTranscript
from memva.domain.transcript_ports import TranscriptSink
from memva.domain.validation import check_no_path
from memva.services.export_report import (
    ExportProblem,
    ExportProgress,
    ExportReport,
    ExportReporter,
)
from memva.services.sessions import list_sessions

_PAGE: Final = 50
"""How many lines are read at a time; some are megabytes long."""

_TRIES: Final = 10


def export_transcripts(
    store: TranscriptStore,
    session_id: str,
    sink: TranscriptSink,
    *,
    overwrite: bool = False,
    on_progress: Callable[[ExportProgress], None] | None = None,
    on_problem: Callable[[ExportProblem], None] | None = None,
) -> ExportReport:
    """Write the transcripts of a session into `sink`, and return what that came to.

    Those are the whole conversations of every session of Claude Code's that has events associated
    with it, their subagents' included, in each project. They equal what was imported or appended,
    line by line as JSON and in order, but for what could not be read and for repeats of a uuid. An
    import of them gives the same events and titles.

    A transcript that is there already is left alone, and one of which the beginning is there is
    completed: exporting again adds what is new. It may be stopped at any moment: each transcript is
    there whole or not at all.

    Args:
        store: Where from.
        session_id: The session.
        sink: Where to.
        overwrite: Whether something else that is there already gives way. Without that it is a
            problem, and stays as it is.
        on_progress: Told after each page of lines how far it has come.
        on_problem: Told of each transcript that cannot be exported; it stops nothing.

    Raises:
        InvalidValue: `sink` is a path.
        SessionNotFound: There is no session with this id.
    """
    check_no_path("sink", sink)
    store.sessions.get(session_id)
    claude_sessions = store.events.claude_sessions(session_id)
    return _export(
        store,
        [found for id_ in claude_sessions for found in store.transcripts.find(session_id=id_)],
        sink,
        claude_sessions=claude_sessions,
        overwrite=overwrite,
        on_progress=on_progress,
        on_problem=on_problem,
    )


def export_all_transcripts(
    store: TranscriptStore,
    sink: TranscriptSink,
    *,
    overwrite: bool = False,
    on_progress: Callable[[ExportProgress], None] | None = None,
    on_problem: Callable[[ExportProblem], None] | None = None,
) -> ExportReport:
    """Write every transcript into `sink`, as `export_transcripts` does with one session's.

    Those that are associated with no session are among them.

    Raises:
        InvalidValue: `sink` is a path.
    """
    check_no_path("sink", sink)
    return _export(
        store,
        store.transcripts.find(),
        sink,
        claude_sessions=(
            claude_session
            for session in list_sessions(store, archived=None)
            for claude_session in store.events.claude_sessions(session.id)
        ),
        overwrite=overwrite,
        on_progress=on_progress,
        on_problem=on_problem,
    )


class _Changed(Exception):
    """Lines of the transcript came, went or moved while it was read."""


def _counted(store: TranscriptStore, found: Sequence[StoredTranscript]) -> dict[Transcript, int]:
    return {
        stored.transcript: _count(store, stored.transcript, up_to_line=stored.last_line)
        for stored in found
    }


def _count(store: TranscriptStore, transcript: Transcript, *, up_to_line: int) -> int:
    return store.events.count_lines(transcript, uuid_prefix="", up_to_line=up_to_line)


def _only_streamed(
    claude_sessions: Iterable[str], found: Sequence[StoredTranscript]
) -> tuple[str, ...]:
    placed = {stored.transcript.session_id for stored in found}
    return tuple(dict.fromkeys(id_ for id_ in claude_sessions if id_ not in placed))


def _export(
    store: TranscriptStore,
    found: Sequence[StoredTranscript],
    sink: TranscriptSink,
    *,
    claude_sessions: Iterable[str],
    overwrite: bool,
    on_progress: Callable[[ExportProgress], None] | None,
    on_problem: Callable[[ExportProblem], None] | None,
) -> ExportReport:
    reporter = ExportReporter(
        found,
        lines={} if on_progress is None else _counted(store, found),
        only_streamed=_only_streamed(claude_sessions, found),
        on_progress=on_progress,
        on_problem=on_problem,
    )
    for stored in found:
        try:
            _export_one(store, stored, sink, overwrite=overwrite, reporter=reporter)
        except SinkUnwritable as error:
            reporter.problem(stored.transcript, error)
        reporter.done(stored.transcript)
    return reporter.report


def _export_one(
    store: TranscriptStore,
    stored: StoredTranscript,
    sink: TranscriptSink,
    *,
    overwrite: bool,
    reporter: ExportReporter,
) -> None:
    for _ in range(_TRIES):
        lines = _lines(store, stored, reporter)
        try:
            first = next(lines, None)
            if first is None:
                # It was deleted since it was found.
                return
            is_new = sink.write(stored.transcript, chain([first], lines), overwrite=overwrite)
        except _Changed:
            continue
        reporter.written(is_new=is_new)
        return
    name = "/".join(filter(None, stored.transcript))
    raise SinkUnwritable(name, "others were at work on it all the time")


def _lines(
    store: TranscriptStore, stored: StoredTranscript, reporter: ExportReporter
) -> Iterator[Event]:
    """Yield the events of a transcript's lines, page by page, without a lock.

    Raises:
        _Changed: They were not those of one moment.
    """
    count = 0
    after = LinePlace.at_end_of(0)
    while events := store.transcripts.lines(stored.transcript, after=after, limit=_PAGE):
        count += len(events)
        after = LinePlace.of(events[-1])
        yield from events
        reporter.progress(stored.transcript, count)
    # What was deleted, or replaced by a version on another line, is missed or comes twice.
    if count != _count(store, stored.transcript, up_to_line=after.line):
        raise _Changed
