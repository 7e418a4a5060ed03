"""A conversation told as it happens: results come when they come, and name their calls."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import TypeAlias

from memva.cli.conversation.lines import Line, Scribe, Speaker, subagent_speaker
from memva.cli.conversation.parts import Part, kind_of, parts_of
from memva.domain.event import Event

_Call: TypeAlias = tuple[str, str]
"""A session of Claude Code's, and the id of a call in it."""


class LiveConversation:
    """Tells events one by one, each once, however often a better version replaces it."""

    def __init__(self, scribe: Scribe) -> None:
        self._scribe = scribe
        self._told: set[tuple[str, str, bool]] = set()
        self._begun: datetime | None = None
        self._calls: dict[_Call, str] = {}
        self._last_call: _Call | None = None

    def already_told(self, events: Iterable[Event], *, are_all: bool) -> Iterator[Event]:
        """Yield `events`, and take each as told; unless they `are_all`, whatever is older too."""
        for event in events:
            if self._begun is None and not are_all:
                self._begun = event.timestamp
            self._is_new(event)
            for part in parts_of(event):
                self._named(event, part)
            yield event
        self._last_call = None

    def lines(self, event: Event) -> Iterator[Line]:
        """Yield the lines of an event that was not told yet; none where it was."""
        if not self._is_new(event):
            return
        speaker = _speaker(event)
        parts = tuple(parts_of(event))
        for part in parts:
            yield from self._scribe.part(event, self._named(event, part), speaker)
        if not parts:
            self._scribe.other(kind_of(event), speaker)

    def _is_new(self, event: Event) -> bool:
        if self._begun is not None and event.timestamp < self._begun:
            return False
        # Not its key: a line of a subagent that was streamed gets its transcript's name later on.
        identity = (event.session_id, event.uuid, event.is_sidechain)
        if identity in self._told:
            return False
        self._told.add(identity)
        return True

    def _named(self, event: Event, part: Part) -> Part:
        """Return the part, a result with the call that it is of, unless that is just above it."""
        call = None if part.tool_use_id is None else (event.session_id, part.tool_use_id)
        last, self._last_call = self._last_call, None
        if call is None:
            return part
        if part.kind == "call":
            self._calls[call] = part.text
            self._last_call = call
            return part
        name = self._calls.pop(call, None)
        return part if name is None or call == last else part._replace(call=name)


def _speaker(event: Event) -> Speaker:
    """Return who speaks, as far as the event says so."""
    if not event.is_sidechain and not event.subpath and "parent_tool_use_id" not in event.data:
        return Speaker()
    agent_id = event.subpath.rpartition("/")[2].removeprefix("agent-") or event.data.get("agentId")
    return subagent_speaker(agent_id if isinstance(agent_id, str) else None, depth=1)
