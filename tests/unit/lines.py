"""Events as Claude Code's lines say them, small enough to be written by hand."""

from __future__ import annotations

from typing import Any

from memva import Event
from memva.testing import sample_event


def line(uuid: str, parent: str | None = None, **fields: Any) -> Event:
    """Return an event, a person's unless `fields` say otherwise; odd ones go into its data."""
    named = {"event_type", "is_sidechain", "session_id", "subpath", "line", "project_key"}
    data = {"uuid": uuid, **{name: fields.pop(name) for name in set(fields) - named}}
    return sample_event(uuid=uuid, parent_uuid=parent, data=data, **fields)


def prompt(uuid: str, parent: str | None = None, text: str = "Do it", **fields: Any) -> Event:
    """Return a line that somebody told Claude."""
    return line(uuid, parent, message={"role": "user", "content": text}, **fields)


def said(
    uuid: str,
    parent: str | None = None,
    *calls: str,
    response: str | None = None,
    name: str = "Bash",
    **fields: Any,
) -> Event:
    """Return a line of a response with a block for each of `calls`, or else a text."""
    content: list[Any] = [
        {"type": "tool_use", "id": call, "name": name, "input": fields.pop("input", {})}
        for call in calls
    ] or [{"type": "text", "text": "Well"}]
    message = {"id": response or f"msg-{uuid}", "content": content}
    return line(uuid, parent, event_type="assistant", message=message, **fields)


def result(uuid: str, parent: str | None, *calls: str, **fields: Any) -> Event:
    """Return a line with the results of `calls`."""
    content = [{"type": "tool_result", "tool_use_id": call, "content": "ok"} for call in calls]
    return line(uuid, parent, message={"role": "user", "content": content}, **fields)


def uuids(events: Any) -> list[str]:
    """Return the uuids of events, in order."""
    return [event.uuid for event in events]
