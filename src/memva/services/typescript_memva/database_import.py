"""Importing a database of the TypeScript Memva."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Final, TypeAlias

import attrs

from memva.domain.errors import InvalidValue, JobNotFound
from memva.domain.event import Event
from memva.domain.job_change import JobChange
from memva.domain.ports import Store
from memva.domain.redaction import Redact, redacted_event, redacted_job, redacted_session
from memva.domain.typescript_memva.database import DatabaseRow, MemvaDatabase
from memva.domain.typescript_memva.event_rows import event_of_settings
from memva.domain.typescript_memva.job_rows import job_of_row, job_told_anew
from memva.domain.typescript_memva.session_rows import session_of_row, session_told_anew
from memva.domain.validation import check_no_path
from memva.domain.versions import Appended
from memva.services.deletions import Deletions
from memva.services.lookups import event_or_none
from memva.services.typescript_memva.events import DatabaseEvents, SessionDeleted
from memva.services.typescript_memva.report import (
    DatabaseImportProblem,
    DatabaseImportProgress,
    DatabaseImportReport,
    DatabaseReporter,
)

# A batch is one transaction: small enough that other writers hardly wait.
_BATCH_ROWS: Final = 500
_BATCH_CHARACTERS: Final = 2 * 1024 * 1024

_Take: TypeAlias = Callable[[DatabaseRow], Event | None]


def import_memva_database(
    store: Store,
    source: MemvaDatabase,
    *,
    redact: Redact | None = None,
    restore: bool = False,
    on_progress: Callable[[DatabaseImportProgress], None] | None = None,
    on_problem: Callable[[DatabaseImportProblem], None] | None = None,
) -> DatabaseImportReport:
    """Import all that a database of the TypeScript Memva holds, and return what that came to.

    Sessions and jobs keep their ids. An event is known by the uuid that Claude Code gave it, so
    that it is one with the same event of a transcript, whichever is imported first; a session that
    an import of transcripts made for such a conversation gives way to the database's. No job runs
    for being imported: one that had not ended is stopped, and retrying it makes it run. What has
    no field of its own is kept in `metadata`, or in `data`, under `typescript_memva`.

    Importing again adds what is new there, and leaves what is here as the host made it. It may be
    stopped at any moment: what was imported is kept, and the next import goes on. Sessions that
    were deleted are left out until they are restored.

    Args:
        store: Where to.
        source: Where from; it is only read.
        redact: Goes over every text before anything is stored.
        restore: Whether sessions that were deleted are brought back, and are no longer remembered
            as deleted.
        on_progress: Told after each batch of rows how far it has come.
        on_problem: Told of each thing that cannot be read; it stops nothing.

    Raises:
        InvalidValue: `source` is a path.
        SourceUnreadable: The database has gone, may not be read, or is damaged; a single row that
            cannot be read is a problem.
    """
    check_no_path("source", source)
    return _DatabaseImport(store, source, redact, restore=restore).run(
        on_progress=on_progress, on_problem=on_problem
    )


class _DatabaseImport:
    """One import: table by table, batch by batch."""

    def __init__(
        self, store: Store, source: MemvaDatabase, redact: Redact | None, *, restore: bool
    ) -> None:
        self._store = store
        self._source = source
        self._redact = redact
        self._deletions = Deletions(store, restore=restore)

    def run(
        self,
        *,
        on_progress: Callable[[DatabaseImportProgress], None] | None,
        on_problem: Callable[[DatabaseImportProblem], None] | None,
    ) -> DatabaseImportReport:
        """Import everything."""
        # Sessions come first, as the others belong to them.
        takes: dict[str, _Take] = {
            "sessions": self._take_session,
            "events": self._take_event,
            "permission_requests": self._take_permission_request,
            "jobs": self._take_job,
            "settings": self._take_settings,
        }
        found = self._source.tables()
        self._reporter = DatabaseReporter(
            total_rows=sum(rows for table, rows in found.items() if table in takes),
            unknown_tables={table: rows for table, rows in found.items() if table not in takes},
            on_progress=on_progress,
            on_problem=on_problem,
        )
        self._events = DatabaseEvents(
            self._store, self._source, self._deletions, self._reporter.problem
        )
        for table, take in takes.items():
            for batch in self._batches(table):
                with self._store.transaction():
                    taken = [self._taken(row, take) for row in batch]
                    events = [event for event in taken if event is not None]
                    if events:
                        self._reporter.appended(table, self._store.events.append(events))
                self._reporter.done(table, len(batch))
        return self._reporter.report

    def _batches(self, table: str) -> Iterator[list[DatabaseRow]]:
        batch: list[DatabaseRow] = []
        characters = 0
        for row in self._source.rows(table):
            batch.append(row)
            characters += sum(len(cell) for cell in row.columns.values() if isinstance(cell, str))
            if len(batch) >= _BATCH_ROWS or characters >= _BATCH_CHARACTERS:
                yield batch
                batch, characters = [], 0
        if batch:
            yield batch

    def _taken(self, row: DatabaseRow, take: _Take) -> Event | None:
        """Store what a row becomes, or return it where it is an event."""
        if row.problem is not None:
            self._reporter.problem(row, row.problem)
            return None
        try:
            return take(row)
        except SessionDeleted:
            self._reporter.count("deleted")
        except InvalidValue as error:
            # What it held is left out: it may be anything.
            self._reporter.problem(row, f"{error.field} {error.rule}")
        return None

    def _take_session(self, row: DatabaseRow) -> None:
        read = session_of_row(
            row, has_conversation=self._events.has_conversation(row.columns.get("id"))
        )
        session = read.session
        self._tell(row, read.problems)
        if read.claude_session_id is not None:
            self._events.claim(read.claude_session_id, session.id)
        if self._redact is not None:
            session = redacted_session(session, self._redact)
        if self._events.session_of(session.id) is None:
            self._store.sessions.add(session)
            self._reporter.count("sessions")
            return
        self._reporter.count("known_sessions")
        before = self._store.sessions.get(session.id)
        after = session_told_anew(before, session)
        if after != before:
            self._store.sessions.update(after)

    def _take_event(self, row: DatabaseRow) -> Event:
        return self._redacted(self._events.event(row))

    def _take_permission_request(self, row: DatabaseRow) -> Event:
        return self._redacted(self._events.permission_request(row))

    def _take_settings(self, row: DatabaseRow) -> Event | None:
        event, problems = event_of_settings(row, redact=self._redact, now=self._store.now())
        self._tell(row, problems)
        if event_or_none(self._store, event.key) is None:
            return event
        self._reporter.appended(row.table, Appended(unchanged=1))
        return None

    def _take_job(self, row: DatabaseRow) -> None:
        read = job_of_row(row)
        job = read.job
        self._tell(row, read.problems)
        sessions = (self._events.session_named(name) for name in read.sessions)
        session_id = next(filter(None, sessions), None)
        job = attrs.evolve(job, memva_session_id=session_id)
        if self._redact is not None:
            job = redacted_job(job, self._redact)
        try:
            stored = self._store.jobs.get(job.id)
        except JobNotFound:
            self._store.jobs.add([job])
            self._reporter.count("jobs")
            if read.is_stopped:
                self._reporter.count("stopped_jobs")
            return
        self._reporter.count("known_jobs")
        told = job_told_anew(stored, job, is_stopped=read.is_stopped)
        if told is not None:
            self._store.jobs.replace([JobChange(stored, told)])
            self._reporter.count("updated_jobs")

    def _redacted(self, event: Event) -> Event:
        return event if self._redact is None else redacted_event(event, self._redact)

    def _tell(self, row: DatabaseRow, problems: Sequence[str]) -> None:
        for reason in problems:
            self._reporter.problem(row, reason)
