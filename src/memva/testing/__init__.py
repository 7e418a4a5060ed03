"""The published contract: what any store must pass, and help for a host's own tests.

A host that writes a store of its own subclasses one class, gives it one fixture, and runs pytest:

    class TestMyStore(StoreContract):
        @pytest.fixture
        def store(self) -> Iterator[Store]:
            with MyStore() as store:
                yield store

`DurableStoreContract` adds what only a store that outlives its process can show; its one fixture is
`open_store`. For tests of the host's own code, `pytest_plugins = ["memva.testing.plugin"]` gives
an empty in-memory store; `FrozenClock` and the sample entities need no plugin.
"""

import pytest

# Before the contract is imported, so that its assertions explain themselves when they fail.
pytest.register_assert_rewrite("memva.testing.contract")

from memva.testing.clock import FrozenClock
from memva.testing.contract import (
    CheckContract,
    CountContract,
    DurableFollowContract,
    DurableSearchContract,
    DurableStoreContract,
    FollowContract,
    SearchContract,
    StoreContract,
    TranscriptContract,
    WatchContract,
)
from memva.testing.samples import sample_event, sample_job, sample_session

__all__ = [
    "CheckContract",
    "CountContract",
    "DurableFollowContract",
    "DurableSearchContract",
    "DurableStoreContract",
    "FollowContract",
    "FrozenClock",
    "SearchContract",
    "StoreContract",
    "TranscriptContract",
    "WatchContract",
    "sample_event",
    "sample_job",
    "sample_session",
]
