"""Looking over a SQLite file: whose it is, whether it is sound, and what is about to go wrong."""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Final
from urllib.parse import quote

from memva.adapters.search_finding import arrears
from memva.adapters.sqlite.connection import WAL_LIMIT
from memva.adapters.sqlite.errors import is_damage, is_interrupt, is_no_database, translate
from memva.adapters.sqlite.identity import APPLICATION_ID, read_header
from memva.adapters.sqlite.migrations import MIGRATIONS
from memva.adapters.sqlite.search_index import VERSION as SEARCH_VERSION
from memva.domain.errors import StoreUnavailable
from memva.domain.finding import Finding, Severity
from memva.domain.text import clean_text

LEAST_FREE: Final = 100 * 1024 * 1024
"""With fewer bytes than this left on the disk, writing will soon fail."""

MOST_LOG: Final = 4 * WAL_LIMIT
"""A write-ahead log of more bytes than this does not shrink by itself any more."""

_BUSY_SECONDS: Final = 5
_MOST_DAMAGE: Final = 10
_STEPS_BETWEEN_BREATHS: Final = 100_000
_MEBIBYTE: Final = 1024 * 1024
_RESTORE: Final = (
    "Stop what uses it, and put the last backup in its place. Where there is none, import into a "
    "new file what Claude Code still has, or save what can be read with SQLite's own command: "
    "sqlite3 OLD .recover | sqlite3 NEW"
)
_SEARCH_STATE: Final = """
    SELECT version, (SELECT coalesce(max(position), 0) FROM events) - indexed FROM search_state
"""
_HAS_SEARCH: Final = "SELECT 1 FROM sqlite_master WHERE type = 'table' AND name = 'search_state'"


def examined(path: Path, *, thorough: bool = False) -> list[Finding]:
    """Return what is wrong with a file, whatever it is, the worst first; read it and no more."""
    try:
        with _opened(path) as raw:
            return list(_identity(raw, path)) or checked(raw, path, thorough=thorough)
    except sqlite3.Error as error:
        if is_no_database(error):
            return [_foreign(path, "It is not a SQLite database.")]
        return _unreadable(error, path)


def checked(raw: sqlite3.Connection, path: Path, *, thorough: bool) -> list[Finding]:
    """Return what is wrong with a store's file, the worst first."""
    looks: list[Callable[[], Iterator[Finding]]] = [
        lambda: _damage(raw, path, thorough=thorough),
        lambda: _dangling(raw),
        lambda: _arrears(raw),
        lambda: _log(path),
        lambda: _room(path),
    ]
    findings: list[Finding] = []
    raw.set_progress_handler(_breathe, _STEPS_BETWEEN_BREATHS)
    try:
        for look in looks:
            try:
                findings += look()
            except sqlite3.Error as error:
                # What one look stumbles over another has told already, if it is the same damage.
                findings += [new for new in _unreadable(error, path) if new not in findings]
    finally:
        raw.set_progress_handler(None, 0)
    return sorted(findings, key=lambda finding: finding.rank)


def _breathe() -> None:
    """Let Python see that Ctrl-C was pressed, which makes SQLite give up."""


def _opened(path: Path) -> closing[sqlite3.Connection]:
    """Open a file to be read alone."""
    # Beside a log a reader needs its locks; without one nobody is at work on the file, and an
    # immutable connection makes no files of its own.
    in_use = path.with_name(f"{path.name}-wal").exists()
    mode = "mode=ro" if in_use else "mode=ro&immutable=1"
    uri = f"file:{quote(os.fsencode(path))}?{mode}"
    return closing(sqlite3.connect(uri, uri=True, timeout=_BUSY_SECONDS))


def _identity(raw: sqlite3.Connection, path: Path) -> Iterator[Finding]:
    pages, application, version = read_header(raw)
    ours = len(MIGRATIONS)
    if pages and application != APPLICATION_ID:
        yield _foreign(path, "It is a database of another application.")
    elif version > ours:
        yield _finding(
            "schema",
            path,
            f"It has schema {version}, of a newer memva; this one knows schemas up to {ours}.",
            "Update memva: pip install --upgrade memva",
        )
    elif version < ours:
        yield _finding(
            "schema",
            path,
            f"It has schema {version}, of an older memva; this one works with schema {ours}, and "
            "has looked at nothing else.",
            "Copy the file if you may need the older memva again; any other command, such as "
            '"memva sessions", brings it up to date. Then check again.',
            severity="warning",
        )


def _foreign(path: Path, problem: str) -> Finding:
    advice = "Name the file that memva made, with --db FILE or MEMVA_DB."
    return _finding("foreign_file", path, problem, advice)


def _damage(raw: sqlite3.Connection, path: Path, *, thorough: bool) -> Iterator[Finding]:
    check = "integrity_check" if thorough else "quick_check"
    for (text,) in raw.execute(f"PRAGMA {check}({_MOST_DAMAGE})"):
        if text != "ok":
            yield _finding("damage", path, f"It is damaged: {' '.join(text.split())}.", _RESTORE)


def _dangling(raw: sqlite3.Connection) -> Iterator[Finding]:
    rows: dict[tuple[str, str], int] = {}
    for table, _, parent, _ in raw.execute("PRAGMA foreign_key_check"):
        rows[table, parent] = rows.get((table, parent), 0) + 1
    for (table, parent), count in rows.items():
        yield _finding(
            "dangling_rows",
            table,
            f"{count:,} of its rows belong to rows of {parent} that are not there.",
            "Something other than memva has written to the file. " + _RESTORE,
        )


def _arrears(raw: sqlite3.Connection) -> Iterator[Finding]:
    if not raw.execute(_HAS_SEARCH).fetchone():
        return
    version, behind = raw.execute(_SEARCH_STATE).fetchone()
    yield from arrears(is_of_other_rules=version != SEARCH_VERSION, behind=behind)


def _log(path: Path) -> Iterator[Finding]:
    log = path.with_name(f"{path.name}-wal")
    size = 0
    with suppress(OSError):
        size = log.stat().st_size
    if size > MOST_LOG:
        yield _finding(
            "log_size",
            log,
            f"The log has {size // _MEBIBYTE:,} MiB, as some program has been reading without end.",
            "End programs that hold a snapshot or a transaction open; the next write begins the "
            "log anew. Never delete it: it holds what was committed last.",
            severity="warning",
        )


def _room(path: Path) -> Iterator[Finding]:
    try:
        free = shutil.disk_usage(path.parent).free
    except OSError:
        return
    if free < LEAST_FREE:
        yield _finding(
            "disk_space",
            path.parent,
            f"The disk has {free // _MEBIBYTE:,} MiB left; writing will soon fail.",
            'Make room, or delete old sessions with "memva sessions prune".',
            severity="warning",
        )


def _unreadable(error: sqlite3.Error, path: Path) -> list[Finding]:
    if is_interrupt(error):
        raise KeyboardInterrupt from error
    if is_damage(error) or is_no_database(error):
        return [_finding("damage", path, f"It is damaged: {error}.", _RESTORE)]
    translated = translate(error)
    if isinstance(translated, StoreUnavailable):
        advice = "Look whether the file is there, and whether you may read it and its folder."
        return [_finding("unreadable", path, f"It cannot be read: {error}.", advice)]
    raise translated from error


def _finding(
    kind: str, subject: object, problem: str, advice: str, *, severity: Severity = "error"
) -> Finding:
    return Finding(
        kind=kind,
        severity=severity,
        subject=clean_text(str(subject)),
        problem=clean_text(problem),
        advice=advice,
    )
