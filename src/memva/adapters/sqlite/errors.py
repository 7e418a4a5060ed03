"""SQLite's errors as memva's, told apart by code, never by text."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from memva.domain.errors import (
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreReadOnly,
    StoreUnavailable,
)

# https://sqlite.org/rescode.html: the low byte of a result code is its primary code.
_BY_PRIMARY_CODE: Final[dict[int, type[StoreError]]] = {
    sqlite3.SQLITE_BUSY: StoreBusy,
    sqlite3.SQLITE_LOCKED: StoreBusy,
    sqlite3.SQLITE_CORRUPT: StoreCorrupt,
    sqlite3.SQLITE_NOTADB: StoreCorrupt,
    sqlite3.SQLITE_FULL: StoreFull,
    sqlite3.SQLITE_TOOBIG: StoreFull,
    sqlite3.SQLITE_READONLY: StoreReadOnly,
    sqlite3.SQLITE_CANTOPEN: StoreUnavailable,
    sqlite3.SQLITE_PERM: StoreUnavailable,
    sqlite3.SQLITE_AUTH: StoreUnavailable,
    sqlite3.SQLITE_IOERR: StoreUnavailable,
    sqlite3.SQLITE_PROTOCOL: StoreUnavailable,
}


# A statement of its own that came upon a commit of another's begins anew when it is tried again.
_BUSY: Final = frozenset(
    (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_BUSY_RECOVERY, sqlite3.SQLITE_BUSY_SNAPSHOT)
)


@contextmanager
def translated() -> Iterator[None]:
    """Raise the `StoreError` that stands for an error of SQLite's inside the block."""
    try:
        yield
    except sqlite3.Error as error:
        raise translate(error) from error


def translate(error: sqlite3.Error) -> StoreError:
    """Return the `StoreError` that stands for an error of SQLite's."""
    return _BY_PRIMARY_CODE.get(_code(error) & 0xFF, StoreError)(str(error))


def is_busy(error: sqlite3.Error) -> bool:
    """Tell whether another connection held the lock, so that a later try may succeed."""
    return _code(error) in _BUSY


def is_no_database(error: sqlite3.Error) -> bool:
    """Tell whether a file is not SQLite's at all."""
    return _code(error) == sqlite3.SQLITE_NOTADB


def is_damage(error: sqlite3.Error) -> bool:
    """Tell whether the file did not make sense."""
    return _code(error) & 0xFF == sqlite3.SQLITE_CORRUPT


def is_interrupt(error: sqlite3.Error) -> bool:
    """Tell whether a statement was told to give up."""
    return _code(error) == sqlite3.SQLITE_INTERRUPT


def is_foreign_key(error: StoreError) -> bool:
    """Tell whether a row referred to another that is not there."""
    return _code(error.__cause__) == sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY


def is_duplicate(error: StoreError) -> bool:
    """Tell whether a row with the same key is there already."""
    return _code(error.__cause__) in (
        sqlite3.SQLITE_CONSTRAINT_UNIQUE,
        sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY,
    )


def _code(error: BaseException | None) -> int:
    # Errors of the Python module itself, not of SQLite, carry no code.
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_ERROR)
