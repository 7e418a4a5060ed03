"""Each store gives what the in-memory store gives, whatever is stored in whatever order."""

from datetime import timedelta
from itertools import product
from typing import Final

import attrs
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.twins import FEW, Place, on_sqlite

from memva import Event, Session
from memva.adapters.memory import MemoryStore
from memva.domain import EventQuery, SessionQuery, SessionSort, Store
from memva.testing import sample_event, sample_session
from memva.testing.clock import START

SORTS: Final[tuple[SessionSort, ...]] = ("updated_at", "created_at", "title")

events = st.builds(
    lambda uuid, session, subpath, line, seconds, size, association: sample_event(
        uuid=uuid,
        session_id=session,
        subpath=subpath,
        line=line,
        timestamp=START + timedelta(seconds=seconds),
        data={"size": "x" * size},
        memva_session_id=association,
    ),
    uuid=st.sampled_from("abcd"),
    session=st.sampled_from(["claude-1", "claude-2"]),
    subpath=st.sampled_from(["", "sub"]),
    line=st.integers(0, 4),
    seconds=st.integers(0, 4),
    size=st.integers(0, 2),
    association=st.sampled_from([None, "session-1", "session-2"]),
)


def state(store: Store) -> list[list[Event]]:
    queries = [
        EventQuery(),
        EventQuery(session_id="claude-1"),
        EventQuery(memva_session_id="session-1"),
    ]
    pages = []
    for query in queries:
        page = store.events.page(query, limit=3)
        found = list(page.events)
        while page.next is not None:
            page = store.events.page(query, after=page.next, limit=3)
            found += page.events
        # Positions differ where one store tried what failed; only their order counts.
        ranks = {e.position: rank for rank, e in enumerate(sorted(found, key=_position))}
        pages.append([attrs.evolve(event, position=ranks[event.position]) for event in found])
    return pages


def _position(event: Event) -> int:
    return event.position


histories = st.lists(st.lists(events, max_size=6), max_size=5)


@given(histories, st.booleans())
def test_stores_agree(batches: list[list[Event]], delete: bool) -> None:
    compare_events(on_sqlite, batches, delete=delete)


@settings(max_examples=FEW)
@given(histories, st.booleans())
def test_server_agrees(on_server: Place, batches: list[list[Event]], delete: bool) -> None:
    compare_events(on_server, batches, delete=delete)


def compare_events(place: Place, batches: list[list[Event]], *, delete: bool) -> None:
    with place() as opens, MemoryStore() as memory, opens() as other:
        stores: list[Store] = [memory, other]
        for store in stores:
            for id_ in ("session-1", "session-2"):
                store.sessions.add(sample_session(id=id_))
        for batch in batches:
            assert memory.events.append(batch) == other.events.append(batch)
            assert state(memory) == state(other)
        assert memory.events.associate("ab", "session-2") == other.events.associate(
            "ab", "session-2"
        )
        for store in stores:
            if delete:
                store.sessions.delete("session-1")
        assert state(memory) == state(other)
        for claude in ("claude-1", "claude-2"):
            assert memory.events.associated_session(claude) == other.events.associated_session(
                claude
            )


titles = st.one_of(st.none(), st.text("aA\u00e9\u00c9\u0301%_ \u00df\U0001f680", max_size=3))
moments = st.integers(0, 3).map(lambda seconds: START + timedelta(seconds=seconds))
sessions = st.builds(
    sample_session,
    id=st.sampled_from("abcdefgh"),
    title=titles,
    created_at=moments,
    updated_at=moments,
    status=st.sampled_from(["active", "error"]),
    project_path=st.sampled_from(["/a", "/b"]),
    archived_at=st.one_of(st.none(), moments),
)
queries = st.builds(
    SessionQuery,
    statuses=st.sampled_from([None, ["active"], ["active", "error"], []]),
    archived=st.sampled_from([None, False, True]),
    project_path=st.sampled_from([None, "/a"]),
    title=titles,
)


all_sessions = st.lists(sessions, max_size=8, unique_by=lambda session: session.id)
questions = st.lists(st.tuples(queries, st.integers(1, 9)), max_size=5)


@given(all_sessions, questions)
def test_lists_agree(there: list[Session], asked: list[tuple[SessionQuery, int]]) -> None:
    compare_lists(on_sqlite, there, asked)


@settings(max_examples=FEW)
@given(all_sessions, questions)
def test_lists_of_the_server_agree(
    on_server: Place, there: list[Session], asked: list[tuple[SessionQuery, int]]
) -> None:
    compare_lists(on_server, there, asked)


def compare_lists(
    place: Place, there: list[Session], asked: list[tuple[SessionQuery, int]]
) -> None:
    with place() as opens, MemoryStore() as memory, opens() as other:
        for session in there:
            memory.sessions.add(session)
            other.sessions.add(session)
        for (query, limit), sort, ascending in product(asked, SORTS, (False, True)):
            whole = memory.sessions.find(query, sort=sort, ascending=ascending)
            after, read = None, 0
            while True:
                pages = [
                    store.sessions.find(
                        query, sort=sort, ascending=ascending, after=after, limit=limit
                    )
                    for store in (memory, other)
                ]
                assert pages[0] == pages[1]
                assert pages[0].sessions == whole.sessions[read : read + limit]
                after, read = pages[0].next, read + limit
                if after is None:
                    break
            assert read >= len(whole)
