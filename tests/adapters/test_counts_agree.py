"""What each store counts is what the in-memory store counts, whatever happened to events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, TypeAlias
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st
from tests.adapters.twins import FEW, Place, on_sqlite

from memva import Event
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import counts as postgres_counts
from memva.adapters.sqlite import counts as sqlite_counts
from memva.domain import CountingStore, ResponseUsage, SessionQuery
from memva.testing import sample_event, sample_session
from memva.testing.clock import START

SESSIONS = ["session-1", "session-2", "session-3"]
Change: TypeAlias = Callable[[CountingStore], object]

figures = st.integers(0, 3)
calls = st.builds(
    lambda name, identity: {"type": "tool_use", "name": name, "id": identity},
    st.sampled_from(["Read", "Bash"]),
    st.sampled_from(["t1", "t2", None]),
)
texts = st.builds(lambda text: {"type": "text", "text": text}, st.sampled_from(["Done.", " "]))


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, dict[str, Any]]:
    """Return the type and the data of a line; those of answers share few responses."""
    kind = draw(st.sampled_from(["assistant", "assistant", "assistant", "user", "result"]))
    if kind == "user":
        said = st.sampled_from(["Fix it.", "<command-name>/x</command-name>", "<bash-x>", []])
        return kind, {"message": {"content": draw(said)}}
    if kind == "result":
        return kind, {"total_cost_usd": draw(st.sampled_from([0.5, 1, 2.25]))}
    message: dict[str, Any] = {
        "id": draw(st.sampled_from(["msg_1", "msg_2", None])),
        "model": draw(st.sampled_from(["claude-a", "claude-b", "<synthetic>", None])),
        "content": draw(st.lists(calls | texts, max_size=2)),
        "stop_reason": draw(st.sampled_from([None, "end_turn"])),
    }
    if draw(st.booleans()):
        message["usage"] = {"input_tokens": draw(figures), "output_tokens": draw(figures)}
    return kind, {"message": message, "requestId": draw(st.sampled_from(["req_1", None]))}


@st.composite
def events(draw: st.DrawFn) -> Event:
    event_type, data = draw(lines())
    return sample_event(
        event_type=event_type,
        data=data,
        uuid=draw(st.sampled_from("abcdefgh")),
        session_id=draw(st.sampled_from(["claude-1", "claude-2"])),
        subpath=draw(st.sampled_from(["", "", "subagents/agent-1"])),
        is_sidechain=draw(st.booleans()),
        line=draw(st.integers(0, 4)),
        timestamp=START + timedelta(seconds=draw(st.integers(0, 4))),
        memva_session_id=draw(st.sampled_from([None, *SESSIONS])),
        project_name=draw(st.sampled_from(["app", "site"])),
    )


def append(batch: list[Event]) -> Change:
    def change(store: CountingStore) -> object:
        there = {None, *(session.id for session in store.sessions.find(SessionQuery()))}
        return store.events.append([event for event in batch if event.memva_session_id in there])

    return change


def associate(uuids: str, session_id: str, claude_session: str | None) -> Change:
    def change(store: CountingStore) -> object:
        if session_id in {session.id for session in store.sessions.find(SessionQuery())}:
            return store.events.associate(uuids, session_id, session_id=claude_session)
        return None

    return change


def delete(session_id: str) -> Change:
    def change(store: CountingStore) -> object:
        if session_id in {session.id for session in store.sessions.find(SessionQuery())}:
            store.sessions.delete(session_id)
        else:
            store.sessions.add(sample_session(id=session_id))
        return None

    return change


changes = (
    st.lists(events(), min_size=1, max_size=6).map(append)
    | st.builds(
        associate,
        st.text(st.sampled_from("abcdefgh"), min_size=1, max_size=4),
        st.sampled_from(SESSIONS),
        st.sampled_from([None, "claude-1"]),
    )
    | st.builds(delete, st.sampled_from(SESSIONS))
)


def counted(
    store: CountingStore,
) -> tuple[dict[str, str], list[ResponseUsage], list[ResponseUsage], dict[str, str]]:
    rows = store.counts.responses()
    in_span = store.counts.responses(
        since=START + timedelta(seconds=1), until=START + timedelta(seconds=3)
    )
    messages = store.counts.latest_messages(SESSIONS)
    return (
        # As text, which tells orders too.
        {id_: repr(stats) for id_, stats in store.counts.session_stats(SESSIONS).items()},
        sorted(rows, key=repr),
        sorted(in_span, key=repr),
        {session_id: message.uuid for session_id, message in messages.items()},
    )


@given(st.lists(changes, max_size=8))
def test_stores_count_alike(history: list[Change]) -> None:
    compare(on_sqlite, history)


@settings(max_examples=FEW)
@given(st.lists(changes, max_size=8))
def test_server_counts_alike(on_server: Place, history: list[Change]) -> None:
    compare(on_server, history)


def compare(place: Place, history: list[Change]) -> None:
    with (
        patch.object(sqlite_counts, "_WORTH_KEEPING", 1),
        patch.object(postgres_counts, "_WORTH_KEEPING", 1),
        place() as opens,
        MemoryStore() as memory,
        opens() as other,
    ):
        stores: list[CountingStore] = [memory, other]
        for store in stores:
            for id_ in SESSIONS:
                store.sessions.add(sample_session(id=id_))
        for change in history:
            assert change(memory) == change(other)
            # Worked out, worked out again under a token, and as it was kept.
            assert counted(memory) == counted(other) == counted(other) == counted(other)
