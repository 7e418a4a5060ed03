"""The stores agree with the in-memory store, and with a plain model."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import ClassVar

import pytest
from hypothesis import settings
from tests.adapters.twins import on_sqlite
from tests.postgres import Schemas

from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.domain import Store
from memva.testing.contract.processes import PROOF
from memva.testing.job_machine import JobMachine


class OnSqlite(JobMachine):
    @contextmanager
    def stores(self) -> Iterator[list[Store]]:
        with on_sqlite() as opens, MemoryStore() as memory, opens() as sqlite:
            yield [memory, sqlite]


class OnPostgres(JobMachine):
    url: ClassVar[str]
    schemas: ClassVar[Schemas]

    @contextmanager
    def stores(self) -> Iterator[list[Store]]:
        with (
            self.schemas.own() as schema,
            MemoryStore() as memory,
            PostgresStore.open(self.url, schema=schema) as postgres,
        ):
            yield [memory, postgres]


@pytest.fixture(autouse=True, scope="module")
def server(postgres_url: str, postgres_schemas: Schemas) -> None:
    OnPostgres.url, OnPostgres.schemas = postgres_url, postgres_schemas


TestJobsAgreeOnSqlite = OnSqlite.TestCase
TestJobsAgreeOnPostgres = OnPostgres.TestCase
# Each of its steps goes to a server.
TestJobsAgreeOnPostgres.settings = settings(max_examples=200 if PROOF else 10)
