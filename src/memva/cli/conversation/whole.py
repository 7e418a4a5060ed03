"""A conversation as a whole: results beneath their calls, subagents beneath what started them."""

from __future__ import annotations

import gc
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Final, TypeAlias

from memva.cli.conversation.arrangement import Arrangement, Entry, entries_of
from memva.cli.conversation.beginning import settled
from memva.cli.conversation.branches import goings_back
from memva.cli.conversation.folding import excerpt
from memva.cli.conversation.lines import Line, Scribe, Speaker, subagent_speaker
from memva.cli.conversation.parts import Part
from memva.cli.output import local_time, one_line
from memva.domain.compactions import compactions_in
from memva.domain.event import Event
from memva.domain.json import JsonObject
from memva.domain.subagents import Subagent
from memva.domain.threads import threads_in

_NO_RESULT: Final = Part("other", "← (no result)")

_FIRST: Final = 200
"""How many events are looked at for what can be told before all are read."""

_Step: TypeAlias = Line | Subagent


def conversation(events: Iterable[Event], scribe: Scribe) -> Iterator[Line]:
    """Yield the lines that show `events`.

    A call's result stands beneath it, wherever it came, and a subagent's conversation beneath the
    call that started it, or else beneath what was said before it began. What was said on branches
    that were left is shown in its place, and a line says where the conversation goes back.

    All events are read before that is known, and no more of each is kept than is shown of it; but
    what nothing later can belong to is told at once.
    """
    coming = entries_of(events)
    entries = list(islice(coming, _FIRST))
    told = settled([entry.event for entry in entries]) if len(entries) == _FIRST else 0
    if told:
        yield from _Conversation(entries[:told], scribe).lines()
    with _without_garbage_collection():
        entries.extend(coming)
        rest = _Conversation(entries, scribe, told=told)
    yield from rest.lines()
    yield from scribe.others()


@contextmanager
def _without_garbage_collection() -> Iterator[None]:
    """Have Python not look for cycles among many objects that have none: it takes half the time."""
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_enabled:
            gc.enable()


class _Conversation:
    """The entries of a conversation, and the order in which they are told."""

    def __init__(self, entries: Sequence[Entry], scribe: Scribe, *, told: int = 0) -> None:
        events = [entry.event for entry in entries]
        self._scribe = scribe
        self._arrangement = Arrangement(entries, told=told)
        self._shown = {id(entry.event): entry for entry in entries if entry.parts}
        compactions = compactions_in(events)
        self._boundaries = {id(compaction.boundary) for compaction in compactions}
        self._summaries = {id(found.summary) for found in compactions if found.summary is not None}
        self._back = goings_back(threads_in(events), self._shown.keys() | self._boundaries)

    def lines(self) -> Iterator[Line]:
        """Yield the lines of all of it, but for the first entries that were told."""
        # Subagents may start subagents: a stack of its own goes as deep as they do.
        stack = [self._main()]
        while stack:
            step = next(stack[-1], None)
            if isinstance(step, Line):
                yield step
                continue
            if step is None:
                stack.pop()
            else:
                stack.append(self._subagent(step, depth=len(stack)))
            if stack:
                yield from self._scribe.others()
                self._scribe.begin()

    def _main(self) -> Iterator[_Step]:
        yield from self._arrangement.beside(None)
        for entry in self._arrangement.main:
            yield from self._entry(entry, Speaker())
            yield from self._arrangement.beside(entry.event)

    def _subagent(self, subagent: Subagent, *, depth: int) -> Iterator[_Step]:
        speaker = subagent_speaker(subagent.agent_id, depth=depth)
        for entry in self._arrangement.entries(subagent):
            yield from self._entry(entry, speaker)

    def _entry(self, entry: Entry, speaker: Speaker) -> Iterator[_Step]:
        event, scribe = entry.event, self._scribe
        if id(event) in self._back:
            yield from scribe.note(self._goes_back(self._back[id(event)], speaker), speaker)
        if id(event) in self._boundaries:
            yield from scribe.note(_compacted(event.data), speaker)
        elif not entry.parts and id(event) not in self._summaries:
            scribe.other(entry.kind, speaker)
        for part in entry.parts:
            if self._arrangement.is_beneath_its_call(entry, part):
                continue
            yield from scribe.part(event, part, speaker)
            call = self._arrangement.call(entry, part)
            if call is not None:
                answered, result = self._arrangement.result(call) or (event, _NO_RESULT)
                yield from scribe.part(answered, result, speaker)
                yield from self._arrangement.started(entry, part)

    def _goes_back(self, ancestor: Event | None, speaker: Speaker) -> str:
        """Return a line that says what the conversation goes on from."""
        if ancestor is None:
            return "↶ goes back to the beginning"
        time = local_time(ancestor.timestamp, timespec="seconds")
        entry = self._shown.get(id(ancestor))
        if entry is None:
            return f"↶ goes back to the compaction, {time}"
        part = entry.parts[-1]
        who = speaker.person if part.is_persons else speaker.agent
        return f"↶ goes back to {who}, {time}: {excerpt(part.text)}"


def _compacted(data: JsonObject) -> str:
    match data.get("compactMetadata"):
        case {"trigger": str(trigger), "preTokens": int(tokens)}:
            return f"⋯ compacted ({one_line(trigger)}, {tokens:,} tokens before)"
    return "⋯ compacted"
