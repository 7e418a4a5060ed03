"""A pytest plugin for hosts: `pytest_plugins = ["memva.testing.plugin"]` in a `conftest.py`."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from memva.adapters.memory import MemoryStore
from memva.testing.clock import FrozenClock


@pytest.fixture
def memva_clock() -> FrozenClock:
    """Give the clock that `memva_store` goes by; it stands still until it is moved."""
    return FrozenClock()


@pytest.fixture
def memva_store(memva_clock: FrozenClock) -> Iterator[MemoryStore]:
    """Give an empty in-memory store whose clock is `memva_clock`."""
    with MemoryStore(clock=memva_clock) as store:
        yield store
