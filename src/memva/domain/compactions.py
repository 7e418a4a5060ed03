"""Compactions: where Claude Code put a summary in the place of what was said before."""

from __future__ import annotations

from collections.abc import Iterable

import attrs

from memva.domain.event import SYSTEM, Event, EventKey
from memva.domain.tree import logical_parent_uuid


@attrs.frozen
class Compaction:
    """One compaction of a conversation.

    Attributes:
        boundary: The event that marks it. It begins a new chain, without a parent of its own.
        logical_parent: The last event before it, or None where that is not there: the one that it
            names as its logical parent, or else as its parent.
        summary: What Claude was told of the conversation before it, or None where it is not there.
    """

    boundary: Event
    logical_parent: Event | None
    summary: Event | None


def compactions_in(events: Iterable[Event]) -> tuple[Compaction, ...]:
    """Return the compactions in `events`, in the order of their boundaries."""
    known = tuple(events)
    boundaries = {event.key: event for event in known if is_compact_boundary(event)}
    logical = {key: _before(boundary) for key, boundary in boundaries.items()}
    wanted = {key.uuid for key in logical.values() if key is not None}
    before: dict[EventKey, Event] = {}
    summaries: dict[EventKey, Event] = {}
    for event in known:
        if event.uuid in wanted:
            before.setdefault(event.key, event)
        if event.parent_uuid is not None and event.data.get("isCompactSummary") is True:
            summaries.setdefault(EventKey(event.transcript, event.parent_uuid), event)
    return tuple(
        Compaction(
            boundary,
            None if (parent := logical[key]) is None else before.get(parent),
            summaries.get(key),
        )
        for key, boundary in boundaries.items()
    )


def is_compact_boundary(event: Event) -> bool:
    """Tell whether the event marks a compaction."""
    return event.event_type == SYSTEM and event.data.get("subtype") == "compact_boundary"


def _before(boundary: Event) -> EventKey | None:
    uuid = logical_parent_uuid(boundary) or boundary.parent_uuid
    return None if uuid is None else EventKey(boundary.transcript, uuid)
