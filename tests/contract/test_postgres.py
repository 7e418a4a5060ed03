"""The published contract, durable part included, on the PostgreSQL store."""

from functools import partial

import pytest

from memva.adapters.postgres import PostgresStore
from memva.testing import (
    CheckContract,
    CountContract,
    DurableFollowContract,
    DurableSearchContract,
    DurableStoreContract,
    TranscriptContract,
    WatchContract,
)


class TestPostgresStore(
    DurableStoreContract,
    WatchContract,
    DurableFollowContract,
    DurableSearchContract,
    CountContract,
    TranscriptContract,
    CheckContract,
):
    @pytest.fixture
    def open_store(self, postgres_url: str, postgres_schema: str) -> partial[PostgresStore]:
        return partial(PostgresStore.open, postgres_url, schema=postgres_schema)
