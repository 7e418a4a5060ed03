"""Tool calls, each with its result."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import attrs

from memva.domain.event import Event
from memva.domain.json import JsonObject, JsonValue
from memva.domain.message import answered_id, blocks, called_id


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
    return tuple(pair.call() for pair in _pairs_in(events))


def find_tool_use(events: Iterable[Event], tool_use_id: str) -> ToolCall | None:
    """Return the tool call with this id and its result, or None where there is none.

    Forks repeat ids, and a subagent may repeat its parent's lines: a call outside of subagents
    counts before one in a subagent, then the first.
    """
    found = [call for call in tool_calls_in(events) if call.tool_use_id == tool_use_id]
    return min(found, key=lambda call: call.event.is_sidechain, default=None)


@attrs.define
class _Pair:
    """The block of a call and that of its result, each with the event that holds it."""

    tool_use_id: str
    event: Event
    block: JsonObject
    result: Event | None = None
    answer: JsonObject | None = None

    def call(self) -> ToolCall:
        """Return them as a tool call."""
        name, given = self.block.get("name"), self.block.get("input")
        return ToolCall(
            tool_use_id=self.tool_use_id,
            name=name if isinstance(name, str) else "",
            input=given if isinstance(given, dict) else {},
            event=self.event,
            result=self.result,
            output=None if self.answer is None else self.answer.get("content"),
            is_error=self.answer is not None and is_error(self.answer),
        )


def _pairs_in(events: Iterable[Event]) -> list[_Pair]:
    """Return the calls in `events` with their results, as `tool_calls_in` does."""
    pairs: list[_Pair] = []
    transcripts: dict[tuple[str, str, str], dict[str, _Pair]] = {}
    # Seldom, in odd data, a result stands before its call.
    early: list[tuple[Event, JsonObject, str]] = []
    for event in events:
        found = blocks(event)
        if not found:
            continue
        name = (event.project_key, event.session_id, event.subpath)
        known = transcripts.get(name)
        if known is None:
            known = transcripts[name] = {}
        for block in found:
            if (called := called_id(block)) is not None:
                if called not in known:
                    known[called] = _Pair(called, event, block)
                    pairs.append(known[called])
            elif (answered := answered_id(block)) is not None:
                pair = known.get(answered)
                if pair is None:
                    early.append((event, block, answered))
                elif pair.result is None:
                    pair.result, pair.answer = event, block
    for event, block, answered in reversed(early):
        known = transcripts[(event.project_key, event.session_id, event.subpath)]
        if answered in known:
            known[answered].result, known[answered].answer = event, block
    return pairs


def is_error(answer: JsonObject) -> bool:
    """Tell whether the block of a result says that it is an error."""
    if answer.get("is_error") is True:
        return True
    # Anthropic's own tools say it in their content, as `web_search_tool_result_error`.
    content = answer.get("content")
    kind = content.get("type") if isinstance(content, Mapping) else None
    return isinstance(kind, str) and kind.endswith("_error")
