"""Histories as Claude Code leaves them, made up at random, and lines written by hand."""

from __future__ import annotations

from datetime import timedelta
from typing import Any, cast

import attrs
from hypothesis import strategies as st

from memva import Event, JsonObject
from memva.testing import sample_event
from memva.testing.clock import START

FIGURES = (
    "input_tokens",
    "output_tokens",
    "cache_creation_input_tokens",
    "cache_read_input_tokens",
)


def answer(
    figures: tuple[Any, ...] = (10, 20, 30, 40),
    *,
    message: str | None = "msg_1",
    request: str | None = "req_1",
    model: Any = "claude-a",
    stop: str | None = "end_turn",
    content: Any = (),
    flags: dict[str, Any] | None = None,
    **fields: Any,
) -> Event:
    """Return a line of an answer; None among `figures` leaves the figure out."""
    usage = {name: n for name, n in zip(FIGURES, figures, strict=True) if n is not None}
    said = {"model": model, "content": list(content), "stop_reason": stop, "usage": usage}
    if message is not None:
        said["id"] = message
    data = {"type": "assistant", "message": said, **(flags or {})}
    if request is not None:
        data["requestId"] = request
    return sample_event(**{"event_type": "assistant", "data": data, "line": 1, **fields})


@st.composite
def histories(draw: st.DrawFn) -> list[list[Event]]:
    """Return transcripts with streamed repeats, forks, resumes and sidechains."""
    numbers = iter(range(10**6))
    transcripts: list[list[Event]] = []
    for place in range(draw(st.integers(1, 5))):
        session = f"claude-{draw(st.integers(0, 9))}-{place}"
        events = _copied(draw, draw(st.sampled_from(transcripts)), session) if transcripts else []
        for _ in range(draw(st.integers(0, 3))):
            events += _response(draw, next(numbers), session)
        events += _replayed(draw, events, session)
        transcripts.append(
            [attrs.evolve(event, line=line) for line, event in enumerate(events, start=1)]
        )
    return transcripts


def _response(draw: st.DrawFn, number: int, session: str) -> list[Event]:
    """Quirk 1: a block a line; the same figures on each, or provisional ones before the final."""
    figures = tuple(draw(st.integers(0, 300)) for _ in FIGURES)
    model = draw(st.sampled_from(["claude-a", "claude-b"]))
    lines = draw(st.lists(st.booleans(), min_size=1, max_size=3))
    start = START + timedelta(hours=draw(st.integers(0, 60)))
    is_sidechain = draw(st.booleans())
    return [
        answer(
            figures if final else (figures[0], 1, *figures[2:]),
            message=f"msg_{number}",
            request=f"req_{number}",
            model=model,
            stop="tool_use" if final else None,
            uuid=f"{number}-{at}",
            session_id=session,
            is_sidechain=is_sidechain,
            project_name=draw(st.sampled_from(["app", "site"])) if at == 0 else "app",
            timestamp=start + timedelta(seconds=at),
        )
        for at, final in enumerate(lines)
    ]


def _copied(draw: st.DrawFn, parent: list[Event], session: str) -> list[Event]:
    """Quirk 3: a fork repeats uuids, a resume of 1.0.60 has new ones; or nothing is shared."""
    kept = parent[: draw(st.integers(0, len(parent)))]
    kind = draw(st.sampled_from(["fork", "resume", "none"]))
    if kind == "none":
        return []
    mark = f"{session}/" if kind == "resume" else ""
    return [attrs.evolve(e, session_id=session, uuid=mark + e.uuid) for e in kept]


def _replayed(draw: st.DrawFn, events: list[Event], session: str) -> list[Event]:
    """Quirk 2: a sidechain replays responses under new request ids, with figures of its own."""
    subpath = draw(st.sampled_from(["", "subagents/agent-1"]))
    replays: list[Event] = []
    for event in draw(st.lists(st.sampled_from(events), max_size=2)) if events else []:
        figures = tuple(draw(st.integers(0, 300)) for _ in FIGURES)
        replays.append(
            answer(
                figures,
                message=str(cast("JsonObject", event.data["message"])["id"]),
                request=f"req_replay_{len(replays)}",
                uuid=f"{session}/replay/{len(replays)}",
                session_id=session,
                subpath=subpath,
                is_sidechain=True,
                timestamp=event.timestamp + timedelta(minutes=1),
            )
        )
    return replays
