"""What a transcript tells of one response of the API: its usage, its model and its tool calls.

A response comes as several lines. Stores keep what those of one transcript tell together, and work
it out anew from the lines that are left where some of them go.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import TypeAlias

import attrs

from memva.domain.event import ASSISTANT, Event, Transcript
from memva.domain.message import blocks
from memva.domain.rebuild import rebuilder
from memva.domain.text import clean_text
from memva.domain.usage import ResponseUsage, merged_usage, model_in, response_id_in, usage_in

CallKey: TypeAlias = tuple[str, ...]
"""The id of a tool call; where it has none, the uuid of its line and its number in it."""


@attrs.frozen
class Called:
    """A tool that was called.

    Attributes:
        name: Its name.
        in_sidechain: Whether subagents alone made the call.
    """

    name: str
    in_sidechain: bool


@attrs.frozen(kw_only=True)
class ToldResponse:
    """What lines of one transcript tell of one response.

    Attributes:
        response_id: As in `ResponseUsage`.
        transcript: The transcript.
        memva_session_id: The session that the lines are associated with, or None.
        model: The model that answered; empty where it was not said.
        usage: What it used, or None where no line says so.
        calls: The tools that it called.
    """

    response_id: str
    transcript: Transcript
    memva_session_id: str | None
    model: str
    usage: ResponseUsage | None
    calls: Mapping[CallKey, Called]


_told = rebuilder(ToldResponse)


def told_in(event: Event) -> ToldResponse | None:
    """Return what one line tells of its response, or None where it tells nothing."""
    if event.event_type != ASSISTANT:
        return None
    usage = usage_in(event)
    model = model_in(event) if usage is None else usage.model
    calls = _calls_in(event)
    if usage is None and not model and not calls:
        return None
    response_id = response_id_in(event) if usage is None else usage.response_id
    return _told((response_id, event.transcript, event.memva_session_id, model, usage, calls))


def merged_told(one: ToldResponse, other: ToldResponse) -> ToldResponse:
    """Return what both tell of one response in one transcript, in whichever order and how often.

    Usage is merged as `merged_usage` does it, calls as `merged_calls`. Where models differ, the
    first by name stands.
    """
    model = min(filter(None, (one.model, other.model)), default="")
    if one.usage is None or other.usage is None:
        usage = one.usage or other.usage
    else:
        usage = merged_usage(one.usage, other.usage)
    if usage is not None and usage.model != model:
        usage = attrs.evolve(usage, model=model)
    return attrs.evolve(one, model=model, usage=usage, calls=merged_calls([one.calls, other.calls]))


def merged_calls(several: Iterable[Mapping[CallKey, Called]]) -> Mapping[CallKey, Called]:
    """Return all calls, each once.

    One that is repeated outside of subagents is not a subagent's; of different names, the first
    counts.
    """
    calls: dict[CallKey, Called] = {}
    for some in several:
        for key, called in some.items():
            held = calls.setdefault(key, called)
            if held != called:
                calls[key] = Called(
                    min(held.name, called.name), held.in_sidechain and called.in_sidechain
                )
    return calls


def _calls_in(event: Event) -> dict[CallKey, Called]:
    """Return the calls that a line holds, the API's own tools' too."""
    calls: dict[CallKey, Called] = {}
    for number, block in enumerate(blocks(event)):
        kind = block.get("type")
        # `tool_use`, `server_tool_use`, and whatever else comes to be used.
        if not isinstance(kind, str) or not kind.endswith("tool_use"):
            continue
        name, identity = block.get("name"), block.get("id")
        if isinstance(name, str) and name.strip():
            known = isinstance(identity, str) and identity != ""
            key = (str(identity),) if known else (event.uuid, str(number))
            name = clean_text(name)
            if key in calls:
                name = min(calls[key].name, name)
            calls[key] = Called(name, event.is_sidechain)
    return calls
