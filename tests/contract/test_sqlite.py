"""The published contract, durable part included, on the SQLite store."""

from functools import partial
from pathlib import Path

import pytest
from tests.sqlite import opened_before

from memva.adapters.sqlite import SqliteStore
from memva.testing import (
    CheckContract,
    CountContract,
    DurableFollowContract,
    DurableSearchContract,
    DurableStoreContract,
    TranscriptContract,
    WatchContract,
)


class TestSqliteStore(
    DurableStoreContract,
    WatchContract,
    DurableFollowContract,
    DurableSearchContract,
    CountContract,
    TranscriptContract,
    CheckContract,
):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> partial[SqliteStore]:
        return partial(SqliteStore.open, tmp_path / "memva.db")


class TestSqliteStoreAtNormalDurability(
    DurableStoreContract,
    WatchContract,
    DurableFollowContract,
    DurableSearchContract,
    CountContract,
    TranscriptContract,
    CheckContract,
):
    @pytest.fixture
    def open_store(self, tmp_path: Path) -> partial[SqliteStore]:
        return opened_before(tmp_path / "memva.db")
