"""Histories for the contract of counting, and what they come to, worked out line by line."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

import attrs

from memva.domain.abilities import CountingStore
from memva.domain.event import Event
from memva.domain.event_page import EventQuery
from memva.domain.stats import SessionStats, session_stats
from memva.domain.usage import Usage
from memva.services.events import get_events_for_session
from memva.testing.samples import sample_event

FINAL: Final = "end_turn"
UNDER_WAY: Final = None


def answer(
    figures: Sequence[int] = (10, 20, 30, 40),
    *,
    response: str = "msg_1",
    model: str = "claude-a",
    stop: str | None = FINAL,
    content: Sequence[Any] = (),
    **fields: Any,
) -> Event:
    """Return a line of an answer, with what it says that the response used."""
    read, written, cached, from_cache = figures
    usage = {
        "input_tokens": read,
        "output_tokens": written,
        "cache_creation_input_tokens": cached,
        "cache_read_input_tokens": from_cache,
    }
    message = {"id": response, "model": model, "content": list(content), "stop_reason": stop}
    data = {"type": "assistant", "message": {**message, "usage": usage}}
    return sample_event(**{"event_type": "assistant", "data": data, "line": 1, **fields})


def tool(name: str, identity: str) -> dict[str, str]:
    """Return a block that calls a tool."""
    return {"type": "tool_use", "name": name, "id": identity}


def said(text: str) -> dict[str, str]:
    """Return a block of text."""
    return {"type": "text", "text": text}


def conversation(session_id: str, memva_session_id: str | None) -> list[Event]:
    """Return turns as Claude Code leaves them: a block a line, provisional figures, a subagent."""
    place: dict[str, Any] = {"session_id": session_id, "memva_session_id": memva_session_id}
    return [
        sample_event(uuid="1", line=1, **place),
        answer((100, 5, 7, 0), uuid="2", line=2, content=[tool("Read", "t1")], **place),
        answer((100, 5, 7, 0), uuid="3", line=3, content=[tool("Bash", "t2")], **place),
        answer((9, 1, 0, 0), response="msg_2", stop=UNDER_WAY, uuid="4", line=4, **place),
        answer((9, 30, 0, 50), response="msg_2", uuid="5", line=5, content=[said("Hi")], **place),
        answer((8, 1, 0, 3), response="msg_3", stop=UNDER_WAY, uuid="6", line=6, **place),
        answer(
            (1_000, 1_000, 0, 0),
            response="msg_2",
            uuid="7",
            line=1,
            subpath="subagents/agent-1",
            is_sidechain=True,
            content=[tool("Read", "t1"), tool("Grep", "t3")],
            **place,
        ),
        answer(
            (40, 4, 0, 0),
            response="msg_4",
            model="claude-b",
            uuid="8",
            line=2,
            subpath="subagents/agent-1",
            is_sidechain=True,
            **place,
        ),
    ]


def resumed(events: Iterable[Event], session_id: str, memva_session_id: str | None) -> list[Event]:
    """Return the copies that 1.0.60 made of a history: uuids of their own, the same responses."""
    return [
        attrs.evolve(
            event,
            uuid=f"{session_id}/{event.uuid}",
            session_id=session_id,
            memva_session_id=memva_session_id,
        )
        for event in events
    ]


def counted_slowly(store: CountingStore) -> tuple[int, Usage]:
    """Return how many responses there are and what they used, by all the lines that are there."""
    copies: dict[str, dict[object, list[tuple[bool, bool, list[int]]]]] = {}
    for event in store.events.page(EventQuery(), limit=10_000).events:
        message: Any = event.data.get("message")
        if event.event_type == "assistant" and "usage" in message:
            figures = [
                message["usage"][name]
                for name in (
                    "input_tokens",
                    "output_tokens",
                    "cache_creation_input_tokens",
                    "cache_read_input_tokens",
                )
            ]
            line = (event.is_sidechain, message["stop_reason"] is None, figures)
            copies.setdefault(message["id"], {}).setdefault(event.transcript, []).append(line)
    sums = [0, 0, 0, 0]
    for of_transcript in copies.values():
        told = []
        for lines in of_transcript.values():
            best = min((side, provisional) for side, provisional, _ in lines)
            figures = [
                max(column)
                for column in zip(
                    *(f for side, provisional, f in lines if (side, provisional) == best),
                    strict=True,
                )
            ]
            told.append((*best, -sum(figures), -figures[1], figures))
        for place, figure in enumerate(min(told)[-1]):
            sums[place] += figure
    read, written, cached, from_cache = sums
    return len(copies), Usage(
        input_tokens=read,
        output_tokens=written,
        cache_creation_tokens=cached,
        cache_read_tokens=from_cache,
    )


def slow_stats(store: CountingStore, session_id: str) -> SessionStats:
    """Return what a session amounts to, of all its events."""
    return session_stats(get_events_for_session(store, session_id))
