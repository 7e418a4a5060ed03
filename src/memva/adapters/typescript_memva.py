"""A database of the TypeScript Memva, opened so that not one byte of it changes."""

from __future__ import annotations

import os
import sqlite3
import stat
from array import array
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeVar
from urllib.parse import quote

from memva.domain.errors import SourceUnreadable
from memva.domain.text import clean_text
from memva.domain.typescript_memva.database import DatabaseRow

_Signature: TypeAlias = tuple[tuple[int, int, int] | None, ...]
_T = TypeVar("_T")

_BUSY_SECONDS: Final = 30.0
_TRIES: Final = 100
_MEMVAS_OWN: Final = 0x4D454D56
"""The `application_id` of this library's own files."""

_NEEDED: Final = {"sessions": {"id", "created_at"}, "events": {"uuid", "session_id", "data"}}
"""Without these tables and columns a database is none of the TypeScript Memva's."""

_TABLES: Final = """
    SELECT name FROM sqlite_master WHERE type = 'table' AND substr(name, 1, 7) <> 'sqlite_'
    ORDER BY name
"""
_FIRST_CLAUDE_SESSIONS: Final = """
    SELECT memva_session_id, session_id, min(timestamp) FROM events
    WHERE trim(session_id) <> '' AND memva_session_id IS NOT NULL GROUP BY memva_session_id
"""


def default_memva_database() -> Path:
    """Return where the TypeScript Memva keeps its database: `~/.memva/memva-prod.db`.

    Older ones had `memva.db` there, which is returned where it alone is there.
    """
    folder = Path.home() / ".memva"
    usual, older = folder / "memva-prod.db", folder / "memva.db"
    return older if older.exists() and not usual.exists() else usual


class TypescriptMemva:
    """Such a database in a file.

    `memva.domain.typescript_memva.database.MemvaDatabase` says what it does.

    The file may be in use by its own program, and may have a write-ahead log. Use it in a `with`
    block or close it.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Open the file at `path`, for reading alone.

        Raises:
            SourceUnreadable: It is not there, may not be read, is damaged, or is no such database.
        """
        given = Path(path).absolute()
        self._name = clean_text(os.fsencode(given).decode(errors="backslashreplace"))
        self._raw: sqlite3.Connection | None = None
        self._opened_at: _Signature | None = None
        try:
            # What stands beside a file stands beside what a link to it means.
            self.path = given.resolve()
            mode = self.path.stat().st_mode
        except OSError as error:
            raise self._unreadable(error.strerror or type(error).__name__) from error
        if not stat.S_ISREG(mode):
            raise self._unreadable("is not a file")
        try:
            self._check()
        except BaseException:
            self.close()
            raise

    def tables(self) -> dict[str, int]:
        """Return how many rows each of its tables has, by name."""
        return {
            name: self._read(f"SELECT count(*) FROM {_quoted(name)}", make=_first)
            for name in self._read(_TABLES, make=_each_first)
        }

    def rows(self, table: str, /) -> Iterator[DatabaseRow]:
        """Yield the rows of a table, the earliest first; none where there is no such table."""
        columns = self._columns(table)
        if not columns:
            return
        time = "timestamp" if table == "events" else "created_at"
        order = f"{time}, rowid" if time in columns else "rowid"
        # No statement stays open while its rows are used: its program could not tidy up its log.
        # What is held of the rows is their order, in eight bytes for each.
        sql = f"SELECT rowid FROM {_quoted(table)} ORDER BY {order}"
        for place in self._read(sql, make=lambda cursor: array("q", _firsts(cursor))):
            try:
                yield from self._found(table, "rowid", place)
            except SourceUnreadable as error:
                yield DatabaseRow(table, self._key(table, place), {}, error.reason)

    def event(self, uuid: str, /) -> DatabaseRow | None:
        """Return the row of the event with this uuid, or None where there is none."""
        return next(iter(self._found("events", "uuid", uuid)), None)

    def first_claude_sessions(self) -> dict[str, str]:
        """Return of each session the session of Claude Code's that its first such event has."""
        if "memva_session_id" not in self._columns("events"):
            return {}
        try:
            return self._read(
                _FIRST_CLAUDE_SESSIONS, make=lambda cursor: {row[0]: row[1] for row in cursor}
            )
        except SourceUnreadable:
            # One damaged row keeps the statement from its end, and these from nothing.
            first: dict[str, str] = {}
            for _, _, columns, _ in self.rows("events"):
                id_, claude = columns.get("memva_session_id"), columns.get("session_id")
                if isinstance(id_, str) and isinstance(claude, str) and claude.strip():
                    first.setdefault(id_, claude)
            return first

    def close(self) -> None:
        """Close the file; closing twice is harmless."""
        if self._raw is not None:
            self._raw.close()
            self._raw = None

    def __enter__(self) -> TypescriptMemva:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _check(self) -> None:
        if self._read("PRAGMA application_id", make=_first) == _MEMVAS_OWN:
            raise self._unreadable(
                "is a database of this memva, not of the TypeScript one; there is nothing to import"
            )
        if not self._read(_TABLES, make=_each_first):
            raise self._unreadable("is empty: there are no tables in it")
        for table, needed in _NEEDED.items():
            missing = sorted(needed - set(self._columns(table)))
            if missing:
                raise self._unreadable(
                    "is no database of the TypeScript Memva: "
                    f"it has no {table} with {', '.join(missing)}"
                )

    def _columns(self, table: str) -> list[str]:
        return self._read(
            f"PRAGMA table_info({_quoted(table)})", make=lambda cursor: [row[1] for row in cursor]
        )

    def _found(self, table: str, column: str, value: object) -> list[DatabaseRow]:
        def made(cursor: sqlite3.Cursor) -> list[DatabaseRow]:
            names = [described[0] for described in cursor.description]
            found = []
            for row in cursor:
                held = (_decoded(cell) if isinstance(cell, bytes) else cell for cell in row)
                columns = dict(zip(names, held, strict=True))
                found.append(DatabaseRow(table, clean_text(str(columns.get(key, value))), columns))
            return found

        key = _key_of(table)
        return self._read(f"SELECT * FROM {_quoted(table)} WHERE {column} = ?", value, make=made)

    def _key(self, table: str, place: int) -> str:
        """Return the primary key of a row that cannot be read whole, or its number."""
        sql = f"SELECT {_key_of(table)} FROM {_quoted(table)} WHERE rowid = ?"
        try:
            return clean_text(str(self._read(sql, place, make=_first)))
        except SourceUnreadable:
            return f"row {place}"

    def _read(self, sql: str, *values: object, make: Callable[[sqlite3.Cursor], _T]) -> _T:
        """Return what `make` makes of a statement's rows, with the file as it is at one moment."""
        for _ in range(_TRIES):
            try:
                with closing(self._connection().execute(sql, values)) as cursor:
                    found = make(cursor)
            except sqlite3.Error as error:
                if self._is_as_opened():
                    raise self._unreadable(_reason(error)) from error
            else:
                if self._is_as_opened():
                    return found
            # Its program has begun to write, beside a connection that takes no locks.
            self.close()
        raise self._unreadable("is written to all the time")

    def _connection(self) -> sqlite3.Connection:
        if self._raw is None:
            self._raw = self._connect()
        return self._raw

    def _connect(self) -> sqlite3.Connection:
        """Return a connection that leaves no trace, wherever SQLite lets that be.

        SQLite keeps an index of the log beside it, in a file that programs share. Where that is
        there, the database is or was in use, and the connection takes part in its locks. Where it
        is not, nobody has the file open: locks are left out, as taking them makes the file.
        """
        log, index, journal = (self._beside(end) for end in ("-wal", "-shm", "-journal"))
        options = "mode=ro"
        self._opened_at = None
        if not (index.exists() or journal.exists()):
            self._opened_at = self._signature()
            options += f"&vfs={_UNLOCKED}" if log.exists() else "&immutable=1"
        uri = f"file:{quote(os.fsencode(self.path))}?{options}"
        raw = sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS, check_same_thread=False)
        raw.text_factory = _decoded
        with suppress(sqlite3.Error):
            # The first statement that reads says what is wrong with the file.
            raw.execute("PRAGMA query_only = ON")
            if self._opened_at is not None:
                # The index is kept in memory then.
                raw.execute("PRAGMA locking_mode = EXCLUSIVE")
        return raw

    def _is_as_opened(self) -> bool:
        """Tell whether nobody else can have changed what a connection without locks has read."""
        return self._opened_at in (None, self._signature())

    def _signature(self) -> _Signature:
        return tuple(_stated(self._beside(end)) for end in ("", "-wal", "-shm", "-journal"))

    def _beside(self, end: str) -> Path:
        return self.path.with_name(self.path.name + end)

    def _unreadable(self, reason: str) -> SourceUnreadable:
        return SourceUnreadable(self._name, reason)


_UNLOCKED: Final = "win32-none" if os.name == "nt" else "unix-none"


def _key_of(table: str) -> str:
    return "uuid" if table == "events" else "id"


def _firsts(cursor: sqlite3.Cursor) -> Iterator[Any]:
    return (row[0] for row in cursor)


def _first(cursor: sqlite3.Cursor) -> Any:
    return next(_firsts(cursor))


def _each_first(cursor: sqlite3.Cursor) -> list[Any]:
    return list(_firsts(cursor))


def _stated(path: Path) -> tuple[int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_ino, status.st_size, status.st_mtime_ns


def _decoded(content: bytes) -> str:
    # What is not UTF-8 is kept as lone surrogates.
    return content.decode(errors="surrogateescape")


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _reason(error: sqlite3.Error) -> str:
    match getattr(error, "sqlite_errorcode", 0) & 0xFF:
        case sqlite3.SQLITE_NOTADB:
            return "is not a SQLite database"
        case sqlite3.SQLITE_CORRUPT:
            return f"is damaged: {error}"
        case sqlite3.SQLITE_READONLY:
            return f"cannot be read without changing it: {error}"
        case _:
            return str(error)
