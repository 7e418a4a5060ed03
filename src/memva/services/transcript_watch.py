"""Keeping a store current with a source of Claude Code's transcripts."""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Generator, Iterator, Sequence
from contextlib import closing, suppress
from typing import Final

from memva.domain.errors import InvalidValue, SourceUnreadable
from memva.domain.ports import Store
from memva.domain.redaction import Redact
from memva.domain.transcript_ports import SourceTranscript, WatchableSource
from memva.domain.validation import check_no_path
from memva.services.deletions import Deletions
from memva.services.import_report import ImportProblem, ImportProgress, ImportReport, ImportReporter
from memva.services.transcript_import import changed_since, import_items, known_versions

_SWEEP_SECONDS: Final = 30.0
_LOOK_SECONDS: Final = 0.2
"""How often a watch looks whether it is to stop."""


def watch_transcripts(
    store: Store,
    source: WatchableSource,
    *,
    redact: Redact | None = None,
    restore: bool = False,
    sweep_seconds: float = _SWEEP_SECONDS,
    timeout: float | None = None,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[ImportProgress], None] | None = None,
    on_problem: Callable[[ImportProblem], None] | None = None,
) -> Iterator[ImportReport]:
    """Import what `source` has, then whatever it changes by, and yield what each round came to.

    The first report is that of `import_transcripts`, and comes even where there was nothing new.
    Each other one tells of the transcripts that changed alone, and comes where something came of
    them. Nothing that is written between two rounds is lost. Half a line is read once it is whole.
    What has gone from the source stays in the store.

    What cannot be read is told once, and tried again with each sweep; so is a place that is not
    there yet.

    It waits in the calling thread, and holds neither lock nor connection meanwhile. Inside a
    transaction nothing it imports would be there for others.

    Args:
        store: Where to.
        source: Where from.
        redact: Goes over every text before anything is stored.
        restore: Whether sessions that were deleted before are brought back whole.
        sweep_seconds: How often the versions of all transcripts are compared, for changes that the
            source did not tell of.
        timeout: After how many seconds in which nothing came it ends; with 0 it imports what is
            there, with None it never ends.
        stop: Asked several times a second, and after each batch of lines, whether to end.
        on_progress: Told after each batch of lines how far the round has come.
        on_problem: Told of each thing that cannot be read.

    Raises:
        InvalidValue: An argument has a value that it cannot have.
        StoreError: The store failed; what was imported is kept.
    """
    steps = watch_steps(
        store,
        source,
        redact=redact,
        restore=restore,
        sweep_seconds=sweep_seconds,
        timeout=timeout,
        stop=stop,
        on_progress=on_progress,
        on_problem=on_problem,
    )
    return _reports(steps)


def watch_steps(
    store: Store,
    source: WatchableSource,
    *,
    redact: Redact | None = None,
    restore: bool = False,
    sweep_seconds: float = _SWEEP_SECONDS,
    timeout: float | None = None,
    stop: Callable[[], bool] | None = None,
    on_progress: Callable[[ImportProgress], None] | None = None,
    on_problem: Callable[[ImportProblem], None] | None = None,
) -> Generator[Sequence[ImportReport], None, None]:
    """Return the steps of `watch_transcripts`, which has the same arguments and errors.

    A step takes a fraction of a second, unless there is much to import.
    """
    check_no_path("source", source)
    if not sweep_seconds > 0:
        raise InvalidValue("sweep_seconds", sweep_seconds, "must be a number of seconds above 0")
    if timeout is not None and not timeout >= 0:
        raise InvalidValue("timeout", timeout, "must be a number of seconds, 0 or more, or None")
    importing = _Importing(
        store,
        source,
        redact=redact,
        restore=restore,
        stop=stop or _never,
        on_progress=on_progress,
        on_problem=on_problem,
    )
    return _steps(source, importing, sweep_seconds, timeout, stop or _never)


def _reports(steps: Generator[Sequence[ImportReport], None, None]) -> Iterator[ImportReport]:
    with closing(steps):
        for step in steps:
            yield from step


def _steps(
    source: WatchableSource,
    importing: _Importing,
    sweep_seconds: float,
    timeout: float | None,
    stop: Callable[[], bool],
) -> Generator[Sequence[ImportReport], None, None]:
    # The watch begins before the first look: what changes in between is told.
    with source.watch() as watch:
        yield [importing.all()]
        last_report = last_sweep = time.monotonic()
        while not stop():
            now = time.monotonic()
            left = _LOOK_SECONDS if timeout is None else last_report + timeout - now
            if left <= 0:
                return
            until_sweep = last_sweep + sweep_seconds - now
            if until_sweep <= 0:
                report = importing.all()
                last_sweep = time.monotonic()
            else:
                report = importing.these(watch.wait(min(left, until_sweep, _LOOK_SECONDS)))
            if _tells_something(report):
                last_report = time.monotonic()
                yield [report]
            else:
                yield []


def _never() -> bool:
    return False


def _tells_something(report: ImportReport) -> bool:
    events = report.events
    return bool(
        events.added or events.replaced or report.sessions or report.deleted or report.problem_count
    )


class _Stopped(Exception):
    """The watch is to end, between two batches."""


class _Importing:
    """Imports what changed since it did so last."""

    def __init__(
        self,
        store: Store,
        source: WatchableSource,
        *,
        redact: Redact | None,
        restore: bool,
        stop: Callable[[], bool],
        on_progress: Callable[[ImportProgress], None] | None,
        on_problem: Callable[[ImportProblem], None] | None,
    ) -> None:
        self._store = store
        self._source = source
        self._redact = redact
        self._restore = restore
        self._deletions = Deletions(store, restore=restore)
        self._stop = stop
        self._on_progress = on_progress
        self._on_problem = on_problem
        self._imported: dict[str, str] | None = None
        self._failed: dict[str, ImportProblem] = {}

    def all(self) -> ImportReport:
        """Import what changed, of all that the source has."""
        try:
            found = self._source.versions()
        except SourceUnreadable as error:
            return self._without_source(error)
        # What is known of others is that they have gone, or are there again.
        there = found.transcripts.keys() | found.metadata.keys()
        self._failed = {name: why for name, why in self._failed.items() if name in there}
        unchanged = 0
        if self._imported is None:
            known = {} if self._restore else known_versions(self._store, found)
            changed = changed_since(known, found)
            self._imported = {name: known[name] for name in there - set(changed)}
            unchanged = len(self._imported.keys() & found.transcripts.keys())
        else:
            changed = changed_since(self._imported, found)
        return self._import(self._source.transcripts(changed), unchanged=unchanged)

    def these(self, names: Collection[str]) -> ImportReport:
        """Import what changed of these transcripts."""
        imported = self._imported or {}
        # So sorted, a session's main conversation comes before its subagents'.
        items = self._source.transcripts(sorted(names))
        return self._import([i for i in items if imported.get(i.source) != i.version or i.problem])

    def _import(self, items: Sequence[SourceTranscript], *, unchanged: int = 0) -> ImportReport:
        reporter = self._reporter(items, unchanged=unchanged)
        with suppress(_Stopped):
            for item in items:
                import_items(
                    self._store,
                    self._source,
                    [item],
                    redact=self._redact,
                    deletions=self._deletions,
                    reporter=reporter,
                )
                self._note(item, reporter)
        return reporter.report

    def _note(self, item: SourceTranscript, reporter: ImportReporter) -> None:
        problem = reporter.failed.get(item.source)
        if problem is not None:
            self._failed[item.source] = problem
            return
        self._failed.pop(item.source, None)
        if item.describes is not None and self._store.cursors.get(item.source) is None:
            # Its transcript has no line yet to which it could be imported.
            return
        if self._imported is not None:
            self._imported[item.source] = item.version

    def _without_source(self, error: SourceUnreadable) -> ImportReport:
        reporter = self._reporter([])
        reporter.problem(error.source, None, error.reason)
        self._failed |= reporter.failed
        return reporter.report

    def _reporter(self, items: Sequence[SourceTranscript], *, unchanged: int = 0) -> ImportReporter:
        return ImportReporter(
            items,
            unchanged=unchanged,
            on_progress=self._tell,
            on_problem=self._on_problem,
            known=self._failed,
        )

    def _tell(self, progress: ImportProgress) -> None:
        if self._on_progress is not None:
            self._on_progress(progress)
        if self._stop():
            raise _Stopped
