"""The threads of a long conversation: its forest, its tool calls, subagents and compactions."""

from __future__ import annotations

import gc
import random
from collections.abc import Iterator, Sequence
from itertools import pairwise
from statistics import median
from time import perf_counter
from typing import Any, Final

from benchmarks.measure import Figure
from benchmarks.place import Place
from benchmarks.sizes import Sizes
from benchmarks.workload import BEGIN, made_up_uuid
from memva import Event, compactions_in, subagents_in, threads_in, tool_calls_in

_SESSION: Final = "7d1f0c52-3a58-4c0e-9a53-0b6d2f1c9e10"
_COMPACTED_EVERY: Final = 2_000


def measures(sizes: Sizes, place: Place) -> Iterator[Figure]:
    """Yield the figure: the seconds that all of it takes together, with one walk from the leaf."""
    events = _events(sizes.thread_events)
    parts = [_seconds(events) for _ in range(sizes.thread_rounds)]
    names = ("threads", "tool calls", "subagents", "compactions")
    beside = ", ".join(
        f"{name} {median(seconds):.2f} s"
        for name, seconds in zip(names, zip(*parts, strict=True), strict=True)
    )
    value = median(sum(seconds) for seconds in parts)
    yield Figure("events.thread_s", value, f"{len(events):,} events: {beside}")


def _seconds(events: Sequence[Event]) -> list[float]:
    # What earlier rounds left behind is not collected at the cost of this one.
    gc.collect()
    times = [perf_counter()]
    threads = threads_in(events)
    leaf = threads.last_leaf()
    assert leaf is not None
    assert len(threads.conversation(leaf)) > len(events) // 3
    times.append(perf_counter())
    calls = tool_calls_in(events)
    assert calls
    times.append(perf_counter())
    assert all(agent.linked_by == "result" for agent in subagents_in(events, calls=calls))
    times.append(perf_counter())
    compactions_in(events)
    times.append(perf_counter())
    return [after - before for before, after in pairwise(times)]


def _events(count: int) -> list[Event]:
    """Return turns of parallel calls, with subagents, edited prompts and compactions."""
    said = _Said(random.Random(count))
    prompts: list[str | None] = [None]
    while len(said.events) < count:
        before = said.last
        if said.chance.random() < 0.05:
            before = said.chance.choice(prompts[-5:])
        prompts.append(before)
        said.turn(before)
        if len(said.events) // _COMPACTED_EVERY > said.compactions:
            said.compaction()
    return said.events[:count]


class _Said:
    """A conversation as it grows."""

    def __init__(self, chance: random.Random) -> None:
        self.chance = chance
        self.events: list[Event] = []
        self.last: str | None = None
        self.compactions = 0

    def turn(self, before: str | None) -> None:
        """Add a prompt, a response with calls at once, their results, and an answer."""
        line = self._line("user", before, {"content": "Please fix it."})
        response, calls = made_up_uuid(self.chance), []
        for _ in range(self.chance.choice((1, 1, 2, 4))):
            call = made_up_uuid(self.chance)
            block = {"type": "tool_use", "id": call, "name": "Bash", "input": {"command": "ls"}}
            line = self._line("assistant", line, {"id": response, "content": [block]})
            calls.append((line, call))
        for called, call in calls:
            agent = made_up_uuid(self.chance) if self.chance.random() < 0.05 else None
            if agent is not None:
                self._agent(agent)
            block = {"type": "tool_result", "tool_use_id": call, "content": "main.py"}
            line = self._line("user", called, {"content": [block]}, agent_of_result=agent)
        said = {"id": made_up_uuid(self.chance), "content": [{"type": "text", "text": "Done."}]}
        self.last = self._line("assistant", line, said)

    def compaction(self) -> None:
        """Add a boundary, after which the conversation goes on."""
        self.compactions += 1
        self.last = self._line("system", None, None, logical=self.last)

    def _agent(self, agent: str) -> None:
        line = None
        for event_type in ("user", "assistant", "user", "assistant"):
            line = self._line(event_type, line, {"content": "Look around."}, agent=agent)

    def _line(
        self,
        event_type: str,
        parent: str | None,
        message: dict[str, Any] | None,
        *,
        agent: str | None = None,
        agent_of_result: str | None = None,
        logical: str | None = None,
    ) -> str:
        data: dict[str, Any] = {"type": event_type, "parentUuid": parent}
        if message is not None:
            data["message"] = message
        if agent_of_result is not None:
            data["toolUseResult"] = {"agentId": agent_of_result}
        if logical is not None:
            data |= {"subtype": "compact_boundary", "logicalParentUuid": logical}
        uuid = made_up_uuid(self.chance)
        event = Event(
            uuid=uuid,
            session_id=_SESSION,
            event_type=event_type,
            timestamp=BEGIN,
            is_sidechain=agent is not None,
            parent_uuid=parent,
            data=data,
            subpath="" if agent is None else f"subagents/agent-{agent}",
            line=len(self.events) + 1,
        )
        self.events.append(event)
        return uuid
