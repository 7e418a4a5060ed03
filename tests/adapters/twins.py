"""Stores that are compared with the in-memory one, each empty."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path
from typing import Final, TypeAlias

from tests.postgres import Schemas
from tests.sqlite import opened_before

from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore
from memva.testing.contract.processes import PROOF

Opens: TypeAlias = Callable[..., SqliteStore | PostgresStore]
"""Opens the same store on each call; `search=False` does so without search."""

Place: TypeAlias = Callable[[], AbstractContextManager[Opens]]
"""Gives an empty place for a store."""

FEW: Final = 200 if PROOF else 10
"""How many examples go to a server, to which each step takes longer."""


@contextmanager
def on_sqlite() -> Iterator[Opens]:
    """Give a place for a file."""
    with tempfile.TemporaryDirectory() as folder:
        yield opened_before(Path(folder) / "memva.db")


def on_postgres(url: str, schemas: Schemas) -> Place:
    """Return what gives a schema on a server."""

    @contextmanager
    def place() -> Iterator[Opens]:
        with schemas.own() as schema:
            yield partial(PostgresStore.open, url, schema=schema)

    return place
