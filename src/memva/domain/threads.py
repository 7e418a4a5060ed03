"""The threads of a conversation: which event follows which, where they fork, and where they end."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

import attrs

from memva.domain.compactions import is_compact_boundary
from memva.domain.errors import EventNotFound
from memva.domain.event import ASSISTANT, USER, Event
from memva.domain.responses import in_line
from memva.domain.tree import (
    NONE,
    Children,
    Places,
    logical_parent_uuid,
    named_parent,
    without_cycles,
)
from memva.domain.versions import preferred

_SAID: Final = frozenset({USER, ASSISTANT})


@attrs.frozen
class Fork:
    """A place where a conversation goes on in several ways.

    Attributes:
        event: The event that several follow.
        branches: The first event of each way, in the order of the events.
    """

    event: Event
    branches: tuple[Event, ...]


@attrs.frozen(eq=False, repr=False)
class Threads:
    """The events of a conversation as a forest, made by `threads_in`.

    Each event stands in the forest once, or `apart`. "In order" means the order in which the
    events were given.

    Attributes:
        events: All events, in order.
        roots: The events in the forest that follow none, in order: the first of a conversation,
            the first of each subagent's, and those whose parent is not there.
        leaves: The events in the forest that none follows, in order: the ends of conversations.
        forks: Where the forest forks, in order.
        apart: The lines that belong to no conversation, in order: titles, snapshots and all else
            that is not said by anybody, names no parent and is followed by none.
    """

    events: tuple[Event, ...]
    roots: tuple[Event, ...]
    leaves: tuple[Event, ...]
    forks: tuple[Fork, ...]
    apart: tuple[Event, ...]
    _places: Places
    _parents: Sequence[int]
    _children: Children

    def parent(self, event: Event) -> Event | None:
        """Return the event that `event` follows in the forest, or None.

        Raises:
            EventNotFound: `event` is not among the events.
        """
        parent = self._parents[self._place(event)]
        return None if parent == NONE else self.events[parent]

    def children(self, event: Event) -> tuple[Event, ...]:
        """Return the events that follow `event` in the forest, in order.

        Raises:
            EventNotFound: `event` is not among the events.
        """
        return tuple(self.events[child] for child in self._children.of(self._place(event)))

    def conversation(self, leaf: Event, *, since_compaction: bool = False) -> tuple[Event, ...]:
        """Return the events from the root to `leaf`, both included; any event can be the leaf.

        It goes on over compactions. With `since_compaction` it begins at the last one's
        boundary: what comes back is what Claude itself has before it.

        Raises:
            EventNotFound: `leaf` is not among the events.
        """
        place, found = self._place(leaf), []
        while place != NONE:
            found.append(self.events[place])
            if since_compaction and is_compact_boundary(found[-1]):
                break
            place = self._parents[place]
        return tuple(reversed(found))

    def walk(self) -> Iterator[tuple[int, Event]]:
        """Yield each event in the forest once, with its depth, which is 0 for a root.

        An event comes before those that follow it, and a branch is told to its end before the
        next begins; roots and branches are in order.
        """
        apart = {self._place(event) for event in self.apart}
        for place, depth in self._children.walk():
            if place not in apart:
                yield depth, self.events[place]

    def last_leaf(self) -> Event | None:
        """Return the leaf where the main conversation stopped, or None where nothing was said.

        That is the leaf after the last event that a user or Claude said outside of subagents. Where
        several leaves follow it, it is found by going on with the last branch of each fork.
        """
        for place in range(len(self.events) - 1, -1, -1):
            event = self.events[place]
            if event.event_type in _SAID and not event.is_sidechain:
                while self._children.any(place):
                    *_, place = self._children.of(place)
                return self.events[place]
        return None

    def _place(self, event: Event) -> int:
        place = self._places.find(event, event.uuid)
        if place == NONE:
            raise EventNotFound(event.key)
        return place


def threads_in(events: Iterable[Event]) -> Threads:
    """Return the threads in `events`, in linear time.

    The events are those of one or several transcripts, each transcript's in the order of its lines,
    as `get_events_for_session` gives them. Of several versions of one event the one that a store
    would keep stands, in the place of the first.

    An event follows its parent (`parent_uuid`) in its own transcript, since forks repeat uuids; one
    that begins a new chain after a compaction follows its logical parent (`logicalParentUuid`). It
    is a root where neither is there. A cycle, or an event that is its own parent, is cut: the first
    of the cycle is a root.

    Parallel tool calls are no fork, although the file tells them so: the lines of one response
    and the results of its calls follow one another, in order, and what came after follows the last
    of them. So a conversation holds the results of all calls. `Event.parent_uuid` still says what
    the line said.

    A line that was only streamed names no parent: it is a root until its transcript is imported.
    """
    kept: list[Event] = []
    places = Places()
    for event in events:
        place = places.add(event, len(kept))
        if place == len(kept):
            kept.append(event)
        else:
            kept[place] = preferred(kept[place], event)
    named = [named_parent(event, places) for event in kept]
    parents = in_line(kept, without_cycles(named))
    children = Children(parents)
    apart = [
        parents[place] == NONE and not children.any(place) and _is_apart(event)
        for place, event in enumerate(kept)
    ]
    return Threads(
        events=tuple(kept),
        roots=tuple(
            event for place, event in enumerate(kept) if parents[place] == NONE and not apart[place]
        ),
        leaves=tuple(
            event
            for place, event in enumerate(kept)
            if not children.any(place) and not apart[place]
        ),
        forks=tuple(
            Fork(event, tuple(kept[child] for child in children.of(place)))
            for place, event in enumerate(kept)
            if children.several(place)
        ),
        apart=tuple(event for place, event in enumerate(kept) if apart[place]),
        places=places,
        parents=parents,
        children=children,
    )


def _is_apart(event: Event) -> bool:
    return (
        event.event_type not in _SAID
        and event.parent_uuid is None
        and logical_parent_uuid(event) is None
    )
