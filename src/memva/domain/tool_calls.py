"""Tool calls, each with its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from memva.domain.event import Event, Transcript
from memva.domain.json import JsonObject, JsonValue
from memva.domain.message import answered_id, blocks, called_id

_Id: TypeAlias = tuple[Transcript, str]


@attrs.frozen(kw_only=True)
class ToolCall:
    """A call of a tool, and what came of it.

    Attributes:
        tool_use_id: The id of the call.
        name: The tool's name; empty where the line does not say it.
        input: What the tool was given; empty where that is not an object.
        event: The event that holds the call.
        result: The event that holds its result, or None: it runs, or was never answered.
        output: The content of the result: a text, or blocks; None without one.
        is_error: Whether the result says that it is an error.
    """

    tool_use_id: str
    name: str
    input: JsonObject = attrs.field(hash=False)
    event: Event
    result: Event | None = None
    output: JsonValue = attrs.field(default=None, hash=False)
    is_error: bool = False


def tool_calls_in(events: Iterable[Event]) -> tuple[ToolCall, ...]:
    """Return the tool calls in `events`, in order, those in one event in the order of its blocks.

    Calls and results are paired by id within a transcript, wherever the result stands, so that
    parallel ones find theirs. Of several calls with one id in a transcript the first counts,
    likewise of several results. A call without an id, and a result without its call, is none.
    """
    calls: dict[_Id, tuple[Event, JsonObject]] = {}
    results: dict[_Id, tuple[Event, JsonObject]] = {}
    for event in events:
        for block in blocks(event):
            if (called := called_id(block)) is not None:
                calls.setdefault((event.transcript, called), (event, block))
            elif (answered := answered_id(block)) is not None:
                results.setdefault((event.transcript, answered), (event, block))
    return tuple(_call(*call, results.get(key), key[1]) for key, call in calls.items())


def find_tool_use(events: Iterable[Event], tool_use_id: str) -> ToolCall | None:
    """Return the tool call with this id and its result, or None where there is none.

    Forks repeat ids, and a subagent may repeat its parent's lines: a call outside of subagents
    counts before one in a subagent, then the first.
    """
    found = [call for call in tool_calls_in(events) if call.tool_use_id == tool_use_id]
    return min(found, key=lambda call: call.event.is_sidechain, default=None)


def _call(
    event: Event, block: JsonObject, result: tuple[Event, JsonObject] | None, tool_use_id: str
) -> ToolCall:
    name, given = block.get("name"), block.get("input")
    answer: JsonObject = {} if result is None else result[1]
    return ToolCall(
        tool_use_id=tool_use_id,
        name=name if isinstance(name, str) else "",
        input=given if isinstance(given, Mapping) else {},
        event=event,
        result=None if result is None else result[0],
        output=answer.get("content"),
        is_error=_is_error(answer),
    )


def _is_error(answer: JsonObject) -> bool:
    if answer.get("is_error") is True:
        return True
    # Anthropic's own tools say it in their content, as `web_search_tool_result_error`.
    content = answer.get("content")
    kind = content.get("type") if isinstance(content, Mapping) else None
    return isinstance(kind, str) and kind.endswith("_error")
