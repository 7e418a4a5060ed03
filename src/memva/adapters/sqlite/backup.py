"""Backing up: SQLite's online backup into a new file, which is checked before it gets its name."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Final

from memva.adapters.sqlite.connection import Connection
from memva.adapters.sqlite.errors import translated
from memva.domain.errors import InvalidValue, StoreCorrupt, StoreUnavailable

_PAGES_AT_ONCE: Final = 2_000


def back_up(
    source: Connection, target: Path, *, on_progress: Callable[[int, int], None] | None
) -> None:
    """Copy `source` to the new file `target`, and check the copy.

    Raises:
        InvalidValue: There is something at `target` already.
        StoreCorrupt: The copy is not sound.
        StoreError: It cannot be written.
    """
    if os.path.lexists(target):
        raise _taken(target)
    partial = target.with_name(f"{target.name}.partial-{os.getpid()}")
    try:
        os.close(os.open(partial, os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be made: {error.strerror}") from error
    try:
        with translated():
            _copy(source, partial, on_progress)
        _name(partial, target)
    except FileExistsError as error:
        raise _taken(target) from error
    except OSError as error:
        raise StoreUnavailable(f"{target} cannot be made: {error.strerror}") from error
    finally:
        for suffix in ("", "-journal", "-wal", "-shm"):
            with suppress(OSError):
                partial.with_name(partial.name + suffix).unlink()


def _copy(
    source: Connection, partial: Path, on_progress: Callable[[int, int], None] | None
) -> None:
    def tell(_: int, remaining: int, total: int) -> None:
        if on_progress is not None:
            on_progress(total - remaining, total)

    copy = sqlite3.connect(partial, isolation_level=None)
    try:
        # Without a transaction of its own, each write meanwhile would start the copying anew.
        source.rows("BEGIN DEFERRED")
        try:
            source.rows("SELECT 1 FROM sessions LIMIT 1")
            source.raw.backup(copy, pages=_PAGES_AT_ONCE, progress=tell, sleep=0)
        finally:
            source.roll_back()
        damage = [text for (text,) in copy.execute("PRAGMA integrity_check") if text != "ok"]
        damage += [f"dangling row in {row[0]}" for row in copy.execute("PRAGMA foreign_key_check")]
        if damage:
            raise StoreCorrupt(f"the copy is damaged, and so is the store: {damage[0]}")
    finally:
        copy.close()


def _name(partial: Path, target: Path) -> None:
    """Give the copy its name."""
    try:
        # A link, unlike a renaming, never takes the place of what appeared there meanwhile.
        os.link(partial, target)
    except FileExistsError:
        raise
    except OSError:
        # Some file systems, those of memory sticks for one, have no links.
        partial.rename(target)


def _taken(target: Path) -> InvalidValue:
    return InvalidValue("path", str(target), "must be a new file")
