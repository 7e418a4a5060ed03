"""A store of each kind."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from memva import WorkerStore
from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[WorkerStore]:
    if request.param == "memory":
        with MemoryStore() as memory:
            yield memory
    else:
        with SqliteStore.open(tmp_path / "memva.db", durability="normal") as sqlite:
            yield sqlite
