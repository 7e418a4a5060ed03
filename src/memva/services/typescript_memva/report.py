"""What an import of a TypeScript Memva's database tells."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal, TypeAlias

import attrs

from memva.domain.typescript_memva.database import DatabaseRow
from memva.domain.versions import Appended
from memva.services.problems import Problems

_Counted: TypeAlias = Literal[
    "sessions", "known_sessions", "jobs", "known_jobs", "updated_jobs", "stopped_jobs", "deleted"
]


@attrs.frozen
class DatabaseImportProblem:
    """Something in a row that could not be read.

    Attributes:
        table: The row's table.
        id: Its primary key.
        reason: Why, for people to read.
    """

    table: str
    id: str
    reason: str


@attrs.frozen(kw_only=True)
class DatabaseImportProgress:
    """How far an import has come.

    Attributes:
        table: The table that is read.
        rows: How many rows of all tables are done.
        total_rows: How many there are.
    """

    table: str
    rows: int
    total_rows: int


@attrs.frozen(kw_only=True)
class DatabaseImportReport:
    """What an import of a TypeScript Memva's database came to.

    Attributes:
        sessions: How many sessions were created.
        known_sessions: How many were there already; what the host made of them stays.
        events: How many events were added, replaced, and there already.
        permission_requests: The same of permission requests, each of which becomes an event.
        settings: The same of the settings for all sessions, which become an event.
        jobs: How many jobs were created.
        known_jobs: How many were there already.
        updated_jobs: How many of those had been stopped by an import, and have ended there since.
        stopped_jobs: How many of the created were pending or running there; they do not run here.
        deleted: How many rows were left out, as their session was deleted.
        unknown_tables: How many rows stand in tables that memva does not know, by table; nothing
            was taken of them.
        problems: The first thousand things that could not be read.
        problem_count: How many there are.
    """

    sessions: int = 0
    known_sessions: int = 0
    events: Appended = attrs.field(factory=Appended)
    permission_requests: Appended = attrs.field(factory=Appended)
    settings: Appended = attrs.field(factory=Appended)
    jobs: int = 0
    known_jobs: int = 0
    updated_jobs: int = 0
    stopped_jobs: int = 0
    deleted: int = 0
    unknown_tables: Mapping[str, int] = attrs.field(factory=dict, hash=False)
    problems: tuple[DatabaseImportProblem, ...] = ()
    problem_count: int = 0


class DatabaseReporter:
    """Gathers a report and tells the host what happens meanwhile."""

    def __init__(
        self,
        *,
        total_rows: int,
        unknown_tables: Mapping[str, int],
        on_progress: Callable[[DatabaseImportProgress], None] | None,
        on_problem: Callable[[DatabaseImportProblem], None] | None,
    ) -> None:
        self._report = DatabaseImportReport(unknown_tables=unknown_tables)
        self._problems = Problems(on_problem)
        self._rows = 0
        self._total_rows = total_rows
        self._on_progress = on_progress

    @property
    def report(self) -> DatabaseImportReport:
        """What the import has come to."""
        return attrs.evolve(
            self._report, problems=self._problems.first, problem_count=self._problems.count
        )

    def count(self, field: _Counted) -> None:
        """Report one more of what a field of the report counts."""
        counted = getattr(self._report, field) + 1
        self._report = attrs.evolve(self._report, **{field: counted})

    def appended(self, table: str, appended: Appended) -> None:
        """Report what came of rows that became events; the report has a field for each table."""
        counted = getattr(self._report, table) + appended
        self._report = attrs.evolve(self._report, **{table: counted})

    def problem(self, row: DatabaseRow, reason: str) -> None:
        """Report something that could not be read."""
        self._problems.add(DatabaseImportProblem(row.table, row.id, reason))

    def done(self, table: str, rows: int) -> None:
        """Tell that so many more rows of a table are done with."""
        self._rows += rows
        # It may have grown since its rows were counted.
        self._total_rows = max(self._total_rows, self._rows)
        if self._on_progress is not None:
            self._on_progress(
                DatabaseImportProgress(table=table, rows=self._rows, total_rows=self._total_rows)
            )
