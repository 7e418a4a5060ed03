"""What belongs to what in a conversation: results to calls, and subagents to what started them."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, TypeAlias

from memva.cli.conversation.parts import Part, kind_of, parts_of
from memva.cli.conversation.skeleton import skeleton
from memva.domain.event import Event
from memva.domain.subagents import Subagent, subagents_in
from memva.domain.tool_calls import ToolCall, tool_calls_in

# Events are told apart by identity: making their keys again and again would take longer than all
# else.
_Call: TypeAlias = tuple[int, str]
"""The event that holds a call, or a result, and the id of the call."""


class Entry(NamedTuple):
    """What is kept of an event.

    Attributes:
        event: As much of it as tells where it belongs.
        parts: What it adds to the conversation.
        kind: What it is called where that is nothing.
    """

    event: Event
    parts: tuple[Part, ...]
    kind: str


def entries_of(events: Iterable[Event]) -> Iterator[Entry]:
    """Yield what is kept of each event, in order."""
    for event in events:
        parts = tuple(parts_of(event))
        yield Entry(skeleton(event), parts, "" if parts else kind_of(event))


class Arrangement:
    """Finds what belongs beneath a call, and beneath an event.

    Attributes:
        main: The entries of the main conversation, in order, without the first that were told.
    """

    def __init__(self, entries: Sequence[Entry], *, told: int = 0) -> None:
        events = [entry.event for entry in entries]
        calls = tool_calls_in(events)
        subagents = subagents_in(events, calls=calls)
        self._entries = {id(entry.event): entry for entry in entries}
        shown = {_call(entry, part) for entry in entries for part in entry.parts}
        self._calls = {
            key: call for call in calls if (key := (id(call.event), call.tool_use_id)) in shown
        }
        self._answers = {
            (id(call.result), call.tool_use_id)
            for call in self._calls.values()
            if call.result is not None
        }
        apart = {id(event) for subagent in subagents for event in subagent.events}
        self.main = [entry for entry in entries[told:] if id(entry.event) not in apart]
        self._started: dict[_Call, list[Subagent]] = defaultdict(list)
        for subagent in subagents:
            if subagent.call is not None:
                call = (id(subagent.call.event), subagent.call.tool_use_id)
                self._started[call].append(subagent)
        self._beside: dict[int | None, list[Subagent]] = defaultdict(list)
        self._set_beside(entries, self._unreached(subagents))

    def entries(self, subagent: Subagent) -> Iterator[Entry]:
        """Yield the entries of a subagent's conversation, in order."""
        return (self._entries[id(event)] for event in subagent.events)

    def call(self, entry: Entry, part: Part) -> ToolCall | None:
        """Return the call that the part is; None where it is none that a result is known by."""
        return self._calls.get(_call(entry, part)) if part.kind == "call" else None

    def result(self, call: ToolCall) -> tuple[Event, Part] | None:
        """Return the result of the call, with the event that holds it, or None."""
        entry = None if call.result is None else self._entries[id(call.result)]
        if entry is not None:
            for part in entry.parts:
                if part.kind == "result" and part.tool_use_id == call.tool_use_id:
                    return entry.event, part
        return None

    def is_beneath_its_call(self, entry: Entry, part: Part) -> bool:
        """Tell whether the part is a result that `result` gives for its call."""
        return part.kind == "result" and _call(entry, part) in self._answers

    def started(self, entry: Entry, part: Part) -> Sequence[Subagent]:
        """Return the subagents that the part, a call, started."""
        return self._started.get(_call(entry, part), ()) if part.kind == "call" else ()

    def beside(self, event: Event | None) -> Sequence[Subagent]:
        """Return the subagents without a call that is shown that began after the main `event`.

        None stands for the beginning.
        """
        return self._beside.get(None if event is None else id(event), ())

    def _unreached(self, subagents: Sequence[Subagent]) -> list[Subagent]:
        """Return the subagents that no call leads to, and have none of them led to by a call."""
        reached: set[int] = set()
        unreached = []
        waiting = self._started_in(self.main)
        for candidate in (None, *subagents):
            if candidate is not None and id(candidate) not in reached:
                # In odd data two subagents started each other: the first of them is met here.
                unreached.append(candidate)
                waiting.append(candidate)
            while waiting:
                subagent = waiting.pop()
                if id(subagent) not in reached:
                    reached.add(id(subagent))
                    waiting.extend(self._started_in(self.entries(subagent)))
        for subagent in unreached:
            if subagent.call is not None:
                self._started[(id(subagent.call.event), subagent.call.tool_use_id)].remove(subagent)
        return unreached

    def _started_in(self, entries: Iterable[Entry]) -> list[Subagent]:
        return [
            subagent
            for entry in entries
            for part in entry.parts
            for subagent in self.started(entry, part)
        ]

    def _set_beside(self, entries: Sequence[Entry], subagents: Iterable[Subagent]) -> None:
        """Put each of the subagents beside the main event that it began after."""
        begun = {id(subagent.events[0]): subagent for subagent in subagents}
        if not begun:
            return
        main = {id(entry.event) for entry in self.main}
        last: int | None = None
        for entry in entries:
            key = id(entry.event)
            if key in main:
                last = key
            elif key in begun:
                self._beside[last].append(begun[key])


def _call(entry: Entry, part: Part) -> _Call:
    return id(entry.event), part.tool_use_id or ""
