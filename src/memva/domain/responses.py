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
from memva.domain.tree import Children


@attrs.define
class _Response:
    """A response with its results.

    Attributes:
        message_id: Its id.
        top: The place of its first line.
        called: The ids of its tool calls.
        answered: Those that a result was found for.
        last: The place of its last line or result, as far as they were put in line.
        forks: Whether several of these follow the same one.
    """

    message_id: str
    top: int
    called: set[str] = attrs.Factory(set)
    answered: set[str] = attrs.Factory(set)
    last: int = attrs.field(default=attrs.Factory(lambda self: self.top, takes_self=True))
    forks: bool = False


def in_line(events: Sequence[Event], parents: Sequence[int]) -> list[int]:
    """Return `parents` with every response and its results one after the other, in order.

    Only a response with parallel calls is touched. What follows any part of it, and stands after
    all of it, follows the last part. A second result of the same call stays where it is: it is
    another attempt, and so a branch. `parents` must be without cycles.
    """
    of_place = _forking_responses(events, parents)
    line = list(parents)
    for place in range(len(parents)):
        response = of_place.get(place)
        if response is not None and place != response.top:
            line[place] = response.last
            response.last = place
    for place, parent in enumerate(parents):
        response_before = of_place.get(parent)
        if (
            response_before is not None
            and of_place.get(place) is not response_before
            and place > response_before.last
            and not response_before.called & _answers(events[place])
        ):
            line[place] = response_before.last
    return line


def _forking_responses(events: Sequence[Event], parents: Sequence[int]) -> dict[int, _Response]:
    """Return the response with parallel calls that an event is a line or a result of, by place."""
    children = Children(parents)
    # Most responses have one call; theirs need no second look.
    forking = {
        message_id(event)
        for place, event in enumerate(events)
        if event.event_type == ASSISTANT and children.several(place)
    } - {None}
    of_place: dict[int, _Response] = {}
    if not forking:
        return of_place
    followed: set[int] = set()
    for place, _ in children.walk():
        event, parent = events[place], parents[place]
        before = of_place.get(parent)
        response = before
        if event.event_type == ASSISTANT:
            name = message_id(event)
            if name is None or name not in forking:
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
    return {place: response for place, response in of_place.items() if response.forks}


def _answers(event: Event) -> set[str]:
    found = (answered_id(block) for block in blocks(event))
    return {tool_use_id for tool_use_id in found if tool_use_id is not None}
