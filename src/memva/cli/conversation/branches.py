"""Where a conversation goes back, and on from there in another way."""

from __future__ import annotations

from collections.abc import Collection
from typing import TypeAlias

from memva.domain.event import USER, Event
from memva.domain.threads import Threads

_Chain: TypeAlias = tuple[str, str, str, bool]


def goings_back(threads: Threads, shown: Collection[int]) -> dict[int, Event | None]:
    """Return the events that do not follow what was shown before them, with what they follow.

    Events are named by their `id`; None stands for the beginning. Only events that are `shown`
    count. An event whose parent is not there, or that was only streamed and names none, follows
    whatever stands before it.
    """
    before: dict[_Chain, Event] = {}
    followed: dict[int, Event | None] = {}
    found: dict[int, Event | None] = {}
    for event in threads.events:
        key = id(event)
        parent = threads.parent(event)
        ancestor = None if parent is None else followed.get(id(parent))
        if key not in shown:
            followed[key] = ancestor
            continue
        followed[key] = event
        chain = (event.project_key, event.session_id, event.subpath, event.is_sidechain)
        last = before.get(chain)
        before[chain] = event
        if last is None or (event.is_sidechain and not event.subpath):
            continue
        if ancestor is not None and ancestor is not last:
            found[key] = ancestor
        elif ancestor is None and _begins_anew(event):
            found[key] = None
    return found


def _begins_anew(event: Event) -> bool:
    """Tell whether a line of a transcript says that it follows none."""
    return event.event_type == USER and event.line > 0 and event.parent_uuid is None
