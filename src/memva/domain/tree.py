"""Which event follows which: a forest over places in a list, whatever the events claim.

A place is an index into the events; `NONE` stands for no place. Everything is linear and goes in
loops, as a conversation is deeper than Python's stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from memva.domain.event import Event, EventKey

NONE: Final = -1


def named_parent(event: Event, places: Mapping[EventKey, int]) -> int:
    """Return the place of the event that `event` says it follows, or `NONE` where none is there.

    That is its parent, or else its logical one: a compaction begins a new chain, and names the
    last event of the old one as `logicalParentUuid`. Uuids count within a transcript, because
    forks repeat them.
    """
    for uuid in (event.parent_uuid, logical_parent_uuid(event)):
        if uuid is not None:
            place = places.get(EventKey(event.transcript, uuid), NONE)
            if place != NONE:
                return place
    return NONE


def logical_parent_uuid(event: Event) -> str | None:
    """Return the uuid of the event that `event` follows across a compaction, or None."""
    uuid = event.data.get("logicalParentUuid")
    return uuid if isinstance(uuid, str) else None


def without_cycles(parents: Sequence[int]) -> list[int]:
    """Return `parents` with each cycle cut: its first place has no parent any more."""
    cut = list(parents)
    walk_that_saw = [NONE] * len(parents)
    for start in range(len(parents)):
        place = start
        while place != NONE and walk_that_saw[place] == NONE:
            walk_that_saw[place] = start
            place = cut[place]
        if place != NONE and walk_that_saw[place] == start:
            first, other = place, cut[place]
            while other != place:
                first = min(first, other)
                other = cut[other]
            cut[first] = NONE
    return cut


def children_of(parents: Sequence[int]) -> list[list[int]]:
    """Return the places that follow each place, in order."""
    children: list[list[int]] = [[] for _ in parents]
    for place, parent in enumerate(parents):
        if parent != NONE:
            children[parent].append(place)
    return children


def walked(parents: Sequence[int], children: Sequence[Sequence[int]]) -> Iterator[tuple[int, int]]:
    """Yield each place once, with its depth: a parent before its children, branch by branch."""
    waiting = [(place, 0) for place, parent in enumerate(parents) if parent == NONE]
    waiting.reverse()
    while waiting:
        place, depth = waiting.pop()
        yield place, depth
        waiting.extend((child, depth + 1) for child in reversed(children[place]))
