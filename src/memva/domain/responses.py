"""Parallel tool calls: one response and its results, which the file tells as a fork.

Each block of a response is a line of its own, and follows the one before. The result of a call
follows the line of that call. So several calls at once make a fork, and a walk back from what came
next would lose all results but one.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from memva.domain.event import ASSISTANT, Event
from memva.domain.message import answered_id, blocks, called_id, message_id
from memva.domain.tree import NONE, children_of, walked


@attrs.define
class _Response:
    """A response with its results.

    Attributes:
        message_id: Its id.
        top: The place of its first line.
        called: The ids of its tool calls.
        answered: Those that a result was found for.
        places: Those of its other lines and of its results, in order.
        forks: Whether several of these follow the same one.
    """

    message_id: str
    top: int
    called: set[str] = attrs.Factory(set)
    answered: set[str] = attrs.Factory(set)
    places: list[int] = attrs.Factory(list)
    forks: bool = False


def in_line(events: Sequence[Event], parents: Sequence[int]) -> list[int]:
    """Return `parents` with every response and its results one after the other, in order.

    Only a response with parallel calls is touched. What follows any part of it, and stands after
    all of it, follows the last part. A second result of the same call stays where it is: it is
    another attempt, and so a branch. `parents` must be without cycles.
    """
    of_place = _responses(events, parents)
    line = list(parents)
    for place, response in enumerate(of_place):
        if response is not None and place != response.top:
            response.places.append(place)
    for place, response in enumerate(of_place):
        if response is not None and response.forks and place == response.top:
            for before, after in zip([place, *response.places], response.places, strict=False):
                line[after] = before
    for place, parent in enumerate(parents):
        response = of_place[parent] if parent != NONE else None
        if (
            response is not None
            and response.forks
            and of_place[place] is not response
            and place > response.places[-1]
            and not response.called & _answers(events[place])
        ):
            line[place] = response.places[-1]
    return line


def _responses(events: Sequence[Event], parents: Sequence[int]) -> list[_Response | None]:
    """Return the response that each event is a line or a result of, or None."""
    of_place: list[_Response | None] = [None] * len(events)
    followed: set[int] = set()
    for place, _ in walked(parents, children_of(parents)):
        event, parent = events[place], parents[place]
        before = of_place[parent] if parent != NONE else None
        response = before
        if event.event_type == ASSISTANT:
            name = message_id(event)
            if name is None:
                continue
            if before is None or before.message_id != name:
                response = _Response(name, place)
            if response is not None:
                response.called.update(
                    called for block in blocks(event) if (called := called_id(block)) is not None
                )
        elif before is not None:
            new = _answers(event) & before.called - before.answered
            if not new:
                continue
            before.answered |= new
        if response is None:
            continue
        of_place[place] = response
        if response is before:
            response.forks = response.forks or parent in followed
            followed.add(parent)
    return of_place


def _answers(event: Event) -> set[str]:
    found = (answered_id(block) for block in blocks(event))
    return {tool_use_id for tool_use_id in found if tool_use_id is not None}
