"""The contract, one module a subject; each test is one promise, and its docstring says which."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing

import pytest

from memva.domain.ports import Store
from memva.testing.contract.checks import CheckContract
from memva.testing.contract.claim_services import ClaimServiceContract
from memva.testing.contract.claims import ClaimContract
from memva.testing.contract.counts import CountContract
from memva.testing.contract.cursors import CursorContract
from memva.testing.contract.deletion import DeletionContract
from memva.testing.contract.durable import DurabilityContract
from memva.testing.contract.events import EventContract
from memva.testing.contract.feed_processes import DurableFollowContract
from memva.testing.contract.feeds import FeedContract, FollowContract
from memva.testing.contract.job_changes import JobChangeContract
from memva.testing.contract.job_services import JobServiceContract
from memva.testing.contract.jobs import JobContract
from memva.testing.contract.keys import KeyContract
from memva.testing.contract.moved_jobs import MovedJobContract
from memva.testing.contract.order import OrderContract
from memva.testing.contract.pages import PageContract
from memva.testing.contract.processes import ProcessContract
from memva.testing.contract.recording import RecordingContract
from memva.testing.contract.search import SearchContract
from memva.testing.contract.search_processes import DurableSearchContract
from memva.testing.contract.services import ServiceContract
from memva.testing.contract.session_pages import SessionPageContract
from memva.testing.contract.sessions import SessionContract
from memva.testing.contract.text import TextContract
from memva.testing.contract.threads import ThreadContract
from memva.testing.contract.transactions import TransactionContract
from memva.testing.contract.transcripts import TranscriptContract
from memva.testing.contract.versions import VersionContract
from memva.testing.contract.watch import WatchContract

__all__ = [
    "CheckContract",
    "CountContract",
    "DurableFollowContract",
    "DurableSearchContract",
    "DurableStoreContract",
    "FollowContract",
    "SearchContract",
    "StoreContract",
    "TranscriptContract",
    "WatchContract",
]


class StoreContract(
    SessionContract,
    SessionPageContract,
    DeletionContract,
    EventContract,
    VersionContract,
    OrderContract,
    PageContract,
    FeedContract,
    JobContract,
    JobChangeContract,
    ClaimContract,
    KeyContract,
    MovedJobContract,
    CursorContract,
    TransactionContract,
    ThreadContract,
    TextContract,
    ServiceContract,
    RecordingContract,
    JobServiceContract,
    ClaimServiceContract,
):
    """What every store keeps. A subclass gives the fixture `store`: an empty store, open."""

    @pytest.fixture
    def store(self) -> Store | Iterator[Store]:
        """Give an empty store."""
        raise NotImplementedError("a subclass of StoreContract gives the fixture `store`")


class DurableStoreContract(StoreContract, DurabilityContract, ProcessContract):
    """What a store keeps that outlives its process.

    A subclass gives the fixture `open_store`: a function that opens the same store, empty at first,
    on each call. It must be picklable, as other processes call it too: `functools.partial` of a
    module's function is.
    """

    @pytest.fixture
    def open_store(self) -> Callable[[], Store]:
        """Give a function that opens the store."""
        raise NotImplementedError("a subclass of DurableStoreContract gives `open_store`")

    @pytest.fixture
    def store(self, open_store: Callable[[], Store]) -> Iterator[Store]:
        """Give the store, open."""
        with closing(open_store()) as store:
            yield store
