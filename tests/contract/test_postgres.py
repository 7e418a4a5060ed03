"""The published contract on the PostgreSQL store."""

from collections.abc import Iterator
from functools import partial

import pytest

from memva.adapters.postgres import PostgresStore
from memva.testing import FollowContract, StoreContract, WatchContract


class TestPostgresStore(StoreContract, WatchContract, FollowContract):
    @pytest.fixture
    def open_store(self, postgres_url: str, postgres_schema: str) -> partial[PostgresStore]:
        return partial(PostgresStore.open, postgres_url, schema=postgres_schema)

    @pytest.fixture
    def store(self, open_store: partial[PostgresStore]) -> Iterator[PostgresStore]:
        with open_store() as store:
            yield store
