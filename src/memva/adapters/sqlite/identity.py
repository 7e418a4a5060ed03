"""Whose a SQLite file is: memva's own, another application's, or a newer memva's."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Final, NamedTuple
from urllib.parse import quote

from memva.adapters.sqlite.errors import is_damage, is_no_database, translate
from memva.domain.errors import StoreIncompatible

APPLICATION_ID: Final = 0x4D454D56
"""«MEMV», in the file's header."""


class Header(NamedTuple):
    """What the head of a file says.

    Attributes:
        pages: How many pages it has; none before its first step of the schema.
        application: Whose it is.
        version: Which schema it has.
    """

    pages: int
    application: int
    version: int


def read_header(raw: sqlite3.Connection) -> Header:
    """Return what the head of a file says."""
    pragmas = ("page_count", "application_id", "user_version")
    return Header(*(raw.execute(f"PRAGMA {name}").fetchone()[0] for name in pragmas))


def check_is_memvas(path: Path, *, newest: int) -> None:
    """Refuse a file of another application or of a newer memva, without touching it.

    `newest` is the newest schema that is known.

    Raises:
        StoreIncompatible: The file is such a one.
        StoreError: The file cannot be opened.
    """
    # An immutable connection takes no lock and makes no file beside this one. The file is not
    # read with `open`, as closing it would drop the locks of this process's other connections.
    uri = f"file:{quote(os.fsencode(path))}?mode=ro&immutable=1"
    try:
        with closing(sqlite3.connect(uri, uri=True)) as raw:
            header = read_header(raw)
    except sqlite3.Error as error:
        if is_no_database(error):
            raise StoreIncompatible(f"{path} is not a SQLite database") from error
        if is_damage(error):
            # A writer is at it: without a lock its file looks damaged. `migrate` looks with one.
            return
        raise translate(error) from error
    check_application(path, header.pages, header.application)
    check_version(path, header.version, newest=newest)


def check_application(path: Path, pages: int, application: int) -> None:
    """Refuse a file of another application; one without pages is nobody's yet.

    Raises:
        StoreIncompatible: It is such a one.
    """
    if pages and application != APPLICATION_ID:
        raise StoreIncompatible(f"{path} is a database of another application")


def check_version(path: Path, version: int, *, newest: int) -> None:
    """Refuse a file with a schema after the newest that is known.

    Raises:
        StoreIncompatible: It is such a one.
    """
    if version > newest:
        raise StoreIncompatible(
            f"{path} has schema {version}, written by a newer memva; "
            f"this one knows schemas up to {newest}"
        )
