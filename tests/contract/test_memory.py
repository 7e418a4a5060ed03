"""The published contract on the in-memory store."""

from collections.abc import Iterator

import pytest

from memva.adapters.memory import MemoryStore
from memva.testing import (
    CheckContract,
    CountContract,
    FollowContract,
    SearchContract,
    StoreContract,
    TranscriptContract,
    WatchContract,
)


class TestMemoryStore(
    StoreContract,
    WatchContract,
    FollowContract,
    SearchContract,
    CountContract,
    TranscriptContract,
    CheckContract,
):
    @pytest.fixture
    def store(self) -> Iterator[MemoryStore]:
        with MemoryStore() as store:
            yield store
