"""How much of a conversation can be told before the rest of it is read."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from memva.domain.event import Event
from memva.domain.tool_calls import ToolCall, tool_calls_in

_STARTING_TOOLS: Final = frozenset({"Task", "Agent"})
_OF_SUBAGENTS: Final = ("parent_tool_use_id", "toolUseResult", "tool_use_result")


def settled(events: Sequence[Event]) -> int:
    """Return how many of the first events, as skeletons, nothing later can belong beneath.

    Until there every call has its result, and there is no sign of a subagent.
    """
    places = {id(event): place for place, event in enumerate(events)}
    ends: dict[int, int] = {}
    for call in tool_calls_in(events):
        place = places[id(call.event)]
        ends[place] = max(ends.get(place, 0), _end(call, places, never=len(events)))
    count = end = 0
    for place, event in enumerate(events):
        if event.is_sidechain or event.subpath or any(name in event.data for name in _OF_SUBAGENTS):
            break
        end = max(end, ends.get(place, 0))
        if end <= place:
            count = place + 1
    return count


def _end(call: ToolCall, places: dict[int, int], *, never: int) -> int:
    """Return the place from which on nothing belongs beneath the call."""
    if call.result is None or call.name in _STARTING_TOOLS:
        return never
    return places[id(call.result)]
