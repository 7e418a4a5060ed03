"""An event without what takes memory: what tells its place among the others is left."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from sys import intern
from typing import Final

import attrs

from memva.domain.event import USER, Event
from memva.domain.json import JsonObject, JsonValue
from memva.domain.message import answered_id, called_id

_KEPT: Final = (
    "agentId",
    "compactMetadata",
    "isCompactSummary",
    "logicalParentUuid",
    "parent_tool_use_id",
    "subtype",
    "toolUseId",
)
_RESULTS: Final = ("toolUseResult", "tool_use_result")


def skeleton(event: Event) -> Event:
    """Return the event with as much of its data as the domain goes by to find its place.

    `threads_in`, `tool_calls_in`, `subagents_in` and `compactions_in` find the same in skeletons as
    in whole events, but for what tools were given and gave back.
    """
    data = {name: event.data[name] for name in _KEPT if event.data.get(name) is not None}
    for name in _RESULTS:
        result = event.data.get(name)
        if isinstance(result, Mapping) and "agentId" in result:
            data[name] = {"agentId": result["agentId"]}
    message = event.data.get("message")
    if isinstance(message, Mapping):
        content = message.get("content")
        bare = {"content": _content(content, with_texts=event.event_type == USER)}
        data["message"] = bare | ({"id": message["id"]} if "id" in message else {})
    return attrs.evolve(
        event,
        data=data,
        cwd="",
        project_name="",
        memva_session_id=None,
        # Most events share these, and the store gives each a copy of its own.
        event_type=intern(event.event_type),
        session_id=intern(event.session_id),
        project_key=intern(event.project_key),
        subpath=intern(event.subpath),
    )


def _content(content: JsonValue, *, with_texts: bool) -> JsonValue:
    """Return a message's content with the ids of its calls and results, and what was asked."""
    if isinstance(content, str):
        return content if with_texts else None
    if not isinstance(content, Sequence):
        return None
    bare = [_block(block, with_texts) for block in content if isinstance(block, Mapping)]
    return [block for block in bare if block]


def _block(block: JsonObject, with_texts: bool) -> JsonObject:
    if called_id(block) is not None:
        given = block.get("input")
        prompt = given.get("prompt") if isinstance(given, Mapping) else None
        kept = {name: block[name] for name in ("type", "id", "name") if name in block}
        return kept if prompt is None else {**kept, "input": {"prompt": prompt}}
    if answered_id(block) is not None:
        return {"type": block["type"], "tool_use_id": block["tool_use_id"]}
    return {"text": block["text"]} if with_texts and "text" in block else {}
