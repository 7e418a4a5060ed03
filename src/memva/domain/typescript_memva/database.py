"""The port to a database of the TypeScript Memva: what it offers, as plain rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple, Protocol, TypeAlias

Cell: TypeAlias = str | int | float | None
"""What a column holds; bytes come as the text that they are."""


class DatabaseRow(NamedTuple):
    """A row of such a database.

    Attributes:
        table: Its table.
        id: Its primary key, for people to find it by.
        columns: What each column holds; older databases lack some of the columns.
        problem: Why it cannot be read, or None. Where it cannot, `columns` is empty.
    """

    table: str
    id: str
    columns: Mapping[str, Cell]
    problem: str | None = None


class MemvaDatabase(Protocol):
    """A database of the TypeScript Memva, which may be in use by it meanwhile; it is only read."""

    def tables(self) -> Mapping[str, int]:
        """Return how many rows each of its tables has, by name.

        Raises:
            SourceUnreadable: It has gone, may not be read, is damaged, or is no such database.
        """
        ...

    def rows(self, table: str, /) -> Iterator[DatabaseRow]:
        """Yield the rows of a table, the earliest first; none where there is no such table.

        Events come by `timestamp`, all others by `created_at`, ties as they were stored. One row at
        a time is held in memory, and a row that cannot be read does not keep others back.

        Raises:
            SourceUnreadable: As from `tables`.
        """
        ...

    def event(self, uuid: str, /) -> DatabaseRow | None:
        """Return the row of the event with this uuid, or None where there is none.

        Raises:
            SourceUnreadable: As from `tables`.
        """
        ...

    def first_claude_sessions(self) -> Mapping[str, str]:
        """Return of each session the session of Claude Code's that its first event to name one has.

        Sessions whose events name none are not among them.

        Raises:
            SourceUnreadable: As from `tables`.
        """
        ...
