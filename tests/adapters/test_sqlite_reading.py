"""Reading many events from SQLite: in flat memory, from anywhere, and from far back."""

import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.adapters.tracing import traced

from memva import (
    EventQuery,
    follow_events,
    get_events_for_session,
    get_last_position,
    page_events,
)
from memva.adapters.sqlite import SqliteStore
from memva.testing import sample_event, sample_session

COUNT = 5_000
BODY = "x" * 2_000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[SqliteStore]:
    """Give a store with two sessions, whose events were committed in turns."""
    with SqliteStore.open(tmp_path / "memva.db", durability="normal") as store:
        for number in (1, 2):
            store.sessions.add(sample_session(id=f"session-{number}"))
        store.events.append(
            [
                sample_event(
                    uuid=f"line-{line}",
                    line=line,
                    session_id=f"claude-{number}",
                    memva_session_id=f"session-{number}",
                    data={"content": BODY},
                )
                for line in range(1, COUNT + 1)
                for number in (1, 2)
            ]
        )
        yield store


@pytest.mark.parametrize("newest_first", [False, True])
def test_any_number_of_events_is_read_in_flat_memory(
    store: SqliteStore, newest_first: bool
) -> None:
    tracemalloc.start()
    try:
        events = get_events_for_session(store, "session-1", newest_first=newest_first)
        assert sum(1 for _ in events) == COUNT
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # All of them at once would be five times as much.
    assert peak < COUNT * len(BODY) / 5


@pytest.mark.parametrize("newest_first", [False, True])
def test_a_page_anywhere_is_one_statement(store: SqliteStore, newest_first: bool) -> None:
    ours = EventQuery(memva_session_id="session-1", event_types=["user"])
    half = page_events(store, ours, newest_first=newest_first, limit=COUNT // 2)
    with traced(store) as ran:
        page = page_events(store, ours, after=half.next, newest_first=newest_first, limit=50)
    assert len(page.events) == 50
    assert len(ran) == 1


def test_following_costs_next_to_nothing_while_nothing_happens(store: SqliteStore) -> None:
    last = get_last_position(store)
    with traced(store) as ran:
        assert list(follow_events(store, after=last, timeout=1)) == []
    assert {sql for sql in ran if not sql.startswith("SELECT")} == {"PRAGMA data_version"}
    assert len(ran) <= 1 / 0.08 + 5


@pytest.mark.parametrize(
    "narrowing", [{"session_id": "session-2"}, {"claude_session_id": "claude-2"}]
)
def test_a_session_is_followed_from_far_back(store: SqliteStore, narrowing: dict[str, Any]) -> None:
    followed = list(follow_events(store, after=11, timeout=0, **narrowing))
    assert [event.line for event in followed] == list(range(6, COUNT + 1))
    assert {event.session_id for event in followed} == {"claude-2"}
