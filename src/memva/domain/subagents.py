"""Subagents: their conversations, each under the tool call that started it."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Mapping, Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import attrs

from memva.domain.event import USER, Event, EventKey
from memva.domain.json import JsonObject, JsonValue
from memva.domain.line import AGENT_METADATA
from memva.domain.message import text
from memva.domain.tool_calls import ToolCall, tool_calls_in
from memva.domain.tree import NONE, Children, Places, named_parent, without_cycles

LinkedBy: TypeAlias = Literal["result", "metadata", "stream", "prompt"]
"""How the call that started a subagent is known; see `Subagent`."""

_STARTING_TOOLS: Final = frozenset({"Task", "Agent"})
_AGENT: Final = "agent-"
_InSession: TypeAlias = tuple[str, str]
"""A Claude session, and the id of an agent or a call in it."""


class _Identity(NamedTuple):
    """What tells a subagent from others in its session, and of which kind that is.

    Its id, or else the subpath of its transcript, or its call, or the uuid of its first event.
    """

    kind: Literal["id", "subpath", "call", "root"]
    session_id: str
    name: str


@attrs.frozen(kw_only=True)
class Subagent:
    """The conversation of a subagent.

    Attributes:
        agent_id: Claude Code's id for it, or None where the lines do not say one.
        events: Its events, in order.
        call: The tool call that started it, or None where that is not known.
        linked_by: How the call is known: the call's `result` names the agent, the agent's
            `metadata` or its lines name the call, as lines do in the `stream`, or, as the last
            resort, the call's `prompt` is what the agent was told first. None without a call.
    """

    agent_id: str | None
    events: tuple[Event, ...]
    call: ToolCall | None = None
    linked_by: LinkedBy | None = None

    @property
    def metadata(self) -> JsonObject | None:
        """What Claude Code keeps of it beside its transcript, as it was last, or None.

        `agentType` and `description` are among it.
        """
        kept = (e.data for e in reversed(self.events) if e.event_type == AGENT_METADATA)
        return next(kept, None)


def subagents_in(
    events: Iterable[Event], *, calls: Sequence[ToolCall] | None = None
) -> tuple[Subagent, ...]:
    """Return the subagents in `events`, in the order of their first events.

    A subagent is the lines of one agent's transcript, or those in the main one that bear its id;
    without an id, those in the stream that name one call, or else a sidechain within the main
    transcript, from its root on. One that was started by a subagent stands beside it; its
    call is among that one's events. Where several calls gave the same prompt, and nothing better is
    known, the first call goes to the first subagent. A call is found by its prompt only where its
    tool is `Task` or `Agent`.

    `calls` are what `tool_calls_in` gives for the same events; where they are at hand already, this
    saves finding them again.
    """
    known = tuple(events)
    calls = tool_calls_in(known) if calls is None else calls
    started = _started(calls)
    agents = {_call_key(call): agent_id for (_, agent_id), call in started.items()}
    roots = _roots([event for event in known if event.is_sidechain and not event.subpath])
    gathered: dict[_Identity, list[Event]] = {}
    for event in known:
        identity = _identity(event, agents, roots)
        if identity is not None:
            gathered.setdefault(identity, []).append(event)
    linked = _linked_by_ids(gathered, calls, started)
    linked |= _linked_by_prompts(gathered, calls, linked)
    return tuple(
        Subagent(
            agent_id=identity.name if identity.kind == "id" else None,
            events=tuple(group),
            call=linked[identity][0] if identity in linked else None,
            linked_by=linked[identity][1] if identity in linked else None,
        )
        for identity, group in gathered.items()
    )


_Links: TypeAlias = dict[_Identity, tuple[ToolCall, LinkedBy]]


def _identity(
    event: Event, agents: Mapping[_InSession, str], roots: Mapping[EventKey, EventKey]
) -> _Identity | None:
    """Return which subagent the event is of, or None where it is of the main conversation."""
    in_main = not event.is_sidechain and not event.subpath
    if in_main and "parent_tool_use_id" not in event.data:
        return None
    starting = _named_call(event)
    if in_main and starting is None:
        return None
    agent_id = _agent_id(event)
    if agent_id is None and starting is not None:
        agent_id = agents.get(starting)
    if agent_id is not None:
        return _Identity("id", event.session_id, agent_id)
    if event.subpath:
        return _Identity("subpath", event.session_id, event.subpath)
    if starting is not None:
        return _Identity("call", *starting)
    return _Identity("root", event.session_id, roots[event.key].uuid)


def _agent_id(event: Event) -> str | None:
    """Return the id of the agent that says the event: from its transcript's name, or its line."""
    name = event.subpath.rpartition("/")[2]
    if name.startswith(_AGENT) and name != _AGENT:
        return name.removeprefix(_AGENT)
    return _text(event.data.get("agentId"))


def _named_call(event: Event) -> _InSession | None:
    """Return the call that a streamed line of a subagent names, or what it is; or None."""
    is_metadata = event.event_type == AGENT_METADATA
    tool_use_id = _text(event.data.get("toolUseId" if is_metadata else "parent_tool_use_id"))
    return None if tool_use_id is None else (event.session_id, tool_use_id)


def _call_key(call: ToolCall) -> _InSession:
    return (call.event.session_id, call.tool_use_id)


def _started(calls: Iterable[ToolCall]) -> dict[_InSession, ToolCall]:
    """Return the call that started each agent, as far as results say so."""
    started: dict[_InSession, ToolCall] = {}
    for call in calls:
        if call.result is None:
            continue
        for name in ("toolUseResult", "tool_use_result"):
            result = call.result.data.get(name)
            agent_id = _text(result.get("agentId")) if isinstance(result, Mapping) else None
            if agent_id is not None:
                started.setdefault((call.result.session_id, agent_id), call)
    return started


def _roots(sidechains: Sequence[Event]) -> dict[EventKey, EventKey]:
    """Return the first event of the sidechain that each of `sidechains` is in."""
    keys = [event.key for event in sidechains]
    places = Places()
    for place, event in enumerate(sidechains):
        places.add(event, place)
    parents = without_cycles([named_parent(event, places) for event in sidechains])
    roots: dict[EventKey, EventKey] = {}
    for place, _ in Children(parents).walk():
        parent = parents[place]
        roots[keys[place]] = keys[place] if parent == NONE else roots[keys[parent]]
    return roots


def _linked_by_ids(
    gathered: Mapping[_Identity, Sequence[Event]],
    calls: Iterable[ToolCall],
    started: Mapping[_InSession, ToolCall],
) -> _Links:
    named_ids = {
        named[1]
        for group in gathered.values()
        for event in group
        if (named := _named_call(event)) is not None
    }
    by_id: dict[_InSession, ToolCall] = {}
    for call in calls:
        if call.tool_use_id in named_ids:
            known = by_id.setdefault(_call_key(call), call)
            if known.event.is_sidechain and not call.event.is_sidechain:
                by_id[_call_key(call)] = call
    links: _Links = {}
    for identity, group in gathered.items():
        starting = started.get((identity.session_id, identity.name))
        if identity.kind == "id" and starting is not None:
            links[identity] = (starting, "result")
            continue
        for event in group:
            named = _named_call(event)
            if named in by_id:
                is_metadata = event.event_type == AGENT_METADATA
                links[identity] = (by_id[named], "metadata" if is_metadata else "stream")
                break
    return links


def _linked_by_prompts(
    gathered: Mapping[_Identity, Sequence[Event]], calls: Iterable[ToolCall], known: _Links
) -> _Links:
    taken = {(call.event.key, call.tool_use_id) for call, _ in known.values()}
    waiting: dict[_InSession, deque[ToolCall]] = {}
    for call in calls:
        if call.name not in _STARTING_TOOLS or (call.event.key, call.tool_use_id) in taken:
            continue
        prompt = _text(call.input.get("prompt"))
        if prompt is not None:
            waiting.setdefault((call.event.session_id, prompt), deque()).append(call)
    links: _Links = {}
    for identity, group in gathered.items():
        if identity not in known:
            told = next((text(event) for event in group if event.event_type == USER), None)
            fitting = waiting.get((identity.session_id, told)) if told is not None else None
            if fitting:
                links[identity] = (fitting.popleft(), "prompt")
    return links


def _text(value: JsonValue) -> str | None:
    return value if isinstance(value, str) and value else None
