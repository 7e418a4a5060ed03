"""Compactions: where Claude Code put a summary in the place of what was said before."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from memva.domain.event import SYSTEM, Event, EventKey
from memva.domain.tree import NONE, logical_parent_uuid, named_parent


@attrs.frozen
class Compaction:
    """One compaction of a conversation.

    Attributes:
        boundary: The event that marks it. It begins a new chain, without a parent of its own.
        logical_parent: The last event before it, or None where that is not there.
        summary: What Claude was told of the conversation before it, or None where it is not there.
    """

    boundary: Event
    logical_parent: Event | None
    summary: Event | None


def compactions_in(events: Iterable[Event]) -> tuple[Compaction, ...]:
    """Return the compactions in `events`, in the order of their boundaries."""
    known = tuple(events)
    places = {event.key: place for place, event in enumerate(known)}
    summaries: dict[EventKey, Event] = {}
    for event in known:
        if event.data.get("isCompactSummary") is True and event.parent_uuid is not None:
            summaries.setdefault(EventKey(event.transcript, event.parent_uuid), event)
    boundaries = {event.key: event for event in known if is_compact_boundary(event)}
    return tuple(
        Compaction(
            boundary,
            None if (before := _before(boundary, places)) == NONE else known[before],
            summaries.get(key),
        )
        for key, boundary in boundaries.items()
    )


def is_compact_boundary(event: Event) -> bool:
    """Tell whether the event marks a compaction."""
    return event.event_type == SYSTEM and event.data.get("subtype") == "compact_boundary"


def _before(boundary: Event, places: dict[EventKey, int]) -> int:
    logical = logical_parent_uuid(boundary)
    if logical is None:
        return named_parent(boundary, places)
    return places.get(EventKey(boundary.transcript, logical), NONE)
