"""The in-memory store and the SQLite store agree with each other, and with a plain model."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from memva.adapters.memory import MemoryStore
from memva.adapters.sqlite import SqliteStore
from memva.domain import Store
from memva.testing.job_machine import JobMachine


class BothStores(JobMachine):
    @contextmanager
    def stores(self) -> Iterator[list[Store]]:
        with (
            tempfile.TemporaryDirectory() as folder,
            MemoryStore() as memory,
            SqliteStore.open(Path(folder) / "memva.db", durability="normal") as sqlite,
        ):
            yield [memory, sqlite]


TestJobStoresAgree = BothStores.TestCase
