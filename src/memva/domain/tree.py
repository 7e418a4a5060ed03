"""Which event follows which: a forest over places in a list, whatever the events claim.

A place is an index into the events; `NONE` stands for no place. Everything is linear and goes in
loops, as a conversation is deeper than Python's stack.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from memva.domain.event import Event

NONE: Final = -1


class Places:
    """Where each event of a list stands, by its transcript and its uuid.

    Forks repeat uuids, so each transcript has its own. Plain tuples stand for transcripts here:
    making 100,000 keys would take longer than all else.
    """

    __slots__ = ("_of_transcript",)

    def __init__(self) -> None:
        self._of_transcript: dict[tuple[str, str, str], dict[str, int]] = {}

    def add(self, event: Event, place: int) -> int:
        """Return the place of `event`, which is `place` where it has none yet."""
        name = (event.project_key, event.session_id, event.subpath)
        places = self._of_transcript.get(name)
        if places is None:
            places = self._of_transcript[name] = {}
        return places.setdefault(event.uuid, place)

    def find(self, event: Event, uuid: str) -> int:
        """Return the place of the event with `uuid` in the transcript of `event`, or `NONE`."""
        places = self._of_transcript.get((event.project_key, event.session_id, event.subpath))
        return NONE if places is None else places.get(uuid, NONE)


def named_parent(event: Event, places: Places) -> int:
    """Return the place of the event that `event` says it follows, or `NONE` where none is there.

    That is its parent, or else its logical one: a compaction begins a new chain, and names the
    last event of the old one as `logicalParentUuid`.
    """
    place = NONE if event.parent_uuid is None else places.find(event, event.parent_uuid)
    if place == NONE and (uuid := logical_parent_uuid(event)) is not None:
        return places.find(event, uuid)
    return place


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


class Children:
    """The places that follow each place, in order.

    They are linked by number, each child to the next: a list for each place would keep Python's
    garbage collector busy.
    """

    __slots__ = ("_first", "_next", "_parents")

    def __init__(self, parents: Sequence[int]) -> None:
        self._parents = parents
        self._first = [NONE] * len(parents)
        self._next = [NONE] * len(parents)
        for place in range(len(parents) - 1, -1, -1):
            parent = parents[place]
            if parent != NONE:
                self._next[place] = self._first[parent]
                self._first[parent] = place

    def any(self, place: int) -> bool:
        """Tell whether anything follows `place`."""
        return self._first[place] != NONE

    def several(self, place: int) -> bool:
        """Tell whether more than one follows `place`."""
        first = self._first[place]
        return first != NONE and self._next[first] != NONE

    def of(self, place: int) -> Iterator[int]:
        """Yield the places that follow `place`, in order."""
        child = self._first[place]
        while child != NONE:
            yield child
            child = self._next[child]

    def walk(self) -> Iterator[tuple[int, int]]:
        """Yield each place once, with its depth: a parent before its children, branch by branch."""
        for root, parent in enumerate(self._parents):
            if parent != NONE:
                continue
            yield root, 0
            depth, place = 1, self._first[root]
            waiting: list[int] = []
            while place != NONE or waiting:
                if place == NONE:
                    depth -= 1
                    place = self._next[waiting.pop()]
                    continue
                yield place, depth
                waiting.append(place)
                depth += 1
                place = self._first[place]
