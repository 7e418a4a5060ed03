"""Stores of each kind to copy from and to."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from typing import TypeAlias

import pytest
from tests.adapters.twins import Opens, on_sqlite

from memva import TranscriptStore
from memva.adapters.memory import MemoryStore
from memva.services import copy_parts, store_copy

NewStore: TypeAlias = Callable[[str, str], TranscriptStore]
"""Makes an empty store of a kind; where a database has one of that `name`, it opens that."""


@pytest.fixture
def new_store(request: pytest.FixtureRequest) -> Iterator[NewStore]:
    places: dict[tuple[str, str], Opens] = {}
    with ExitStack() as stack:

        def new(kind: str, name: str) -> TranscriptStore:
            if kind == "memory":
                return stack.enter_context(MemoryStore())
            if (kind, name) not in places:
                # Asked for here, so that no test of another store needs a server.
                place = on_sqlite if kind == "sqlite" else request.getfixturevalue("on_server")
                places[kind, name] = stack.enter_context(place())
            return stack.enter_context(closing(places[kind, name]()))

        yield new


@pytest.fixture
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a copy read and write few things at a time."""
    take_small_steps(monkeypatch.setattr)


def take_small_steps(set_to: Callable[[object, str, int], None]) -> None:
    set_to(copy_parts, "_PAGE", 3)
    set_to(store_copy, "_BATCH", 5)
    set_to(store_copy, "_TOLD_EVERY", 4)


@pytest.fixture(
    params=[
        "memory to sqlite",
        "sqlite to memory",
        "sqlite to sqlite",
        "sqlite to postgres",
        "postgres to sqlite",
    ]
)
def stores(
    request: pytest.FixtureRequest, new_store: NewStore
) -> tuple[TranscriptStore, TranscriptStore]:
    """A store to copy from, and one to copy to, both empty."""
    source, _, target = request.param.split()
    return new_store(source, "source"), new_store(target, "target")
