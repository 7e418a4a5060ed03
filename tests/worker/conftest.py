"""Workers run on every store that a host may have."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from memva import WorkerStore
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerStore]:
    if request.param == "memory":
        with MemoryStore() as memory:
            yield memory
    elif request.param == "sqlite":
        with SqliteStore.open(tmp_path / "memva.db", durability="normal") as sqlite:
            yield sqlite
    else:
        # Asked for here, so that no test of another store needs a server.
        yield request.getfixturevalue("postgres_store")
