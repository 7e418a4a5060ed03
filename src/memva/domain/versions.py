"""Which of two versions of one event is kept: a pure rule, blind to which came first.

Claude Code says a line more than once: on its stream and in its transcript, sometimes twice in one
file, the second time fuller. One version is kept whole, by a total order: a transcript's before a
streamed one, a final before a provisional one, a fuller before a poorer one, then by content.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import TypeAlias

import attrs

from memva.domain.event import Event, EventKey, Transcript
from memva.domain.json import canonical_json
from memva.domain.line import AGENT_METADATA
from memva.domain.time import to_text

_Rank: TypeAlias = tuple[bool, bool, int, str, int, tuple[str, ...]]


def preferred(one: Event, other: Event) -> Event:
    """Return the version that is kept; the answer is the same whichever is given first."""
    return one if _rank(one) >= _rank(other) else other


def is_final(event: Event) -> bool:
    """Tell whether Claude Code had finished the line: an answer under way has no stop reason."""
    message = event.data.get("message")
    return not (
        event.event_type == "assistant"
        and isinstance(message, Mapping)
        and message.get("stop_reason") is None
    )


def _rank(event: Event) -> _Rank:
    content = canonical_json(event.data, field="data")
    rest = (
        to_text(event.timestamp),
        event.event_type,
        str(event.is_sidechain),
        event.parent_uuid or "",
        event.cwd,
        event.project_name,
        *event.transcript,
    )
    # Two places for equal content mean two ways of counting lines; either is in order, and the
    # lower is stable when a rewritten file is read again. What a subagent is has a place among its
    # lines only where it was mirrored: past any file's numbers, and behind what it was before.
    place = event.line if event.event_type == AGENT_METADATA else -event.line
    return (event.line > 0, is_final(event), len(content), content, place, rest)


def counterpart(event: Event, candidates: Iterable[Event]) -> Event | None:
    """Return the one of `candidates` that is another version of `event`, or None.

    That is the one with the same key. A streamed line knows its session and its uuid for certain,
    its transcript not always: it is the same event as any with that session and uuid.
    """
    streamed: Event | None = None
    for candidate in sorted(candidates, key=_by_key):
        if candidate.session_id != event.session_id or candidate.uuid != event.uuid:
            continue
        if candidate.key == event.key:
            return candidate
        if streamed is None and (event.line == 0 or candidate.line == 0):
            streamed = candidate
    return streamed


def _by_key(event: Event) -> EventKey:
    return event.key


def merged(stored: Event, arriving: Event) -> Event:
    """Return what the store keeps of two versions: `stored` itself where nothing changes.

    Otherwise the version that is kept, without a position yet. An association that was made stays,
    whichever version wins.
    """
    association = stored.memva_session_id or arriving.memva_session_id
    kept = preferred(stored, arriving)
    # The versions' own `==` would not do: in Python 1 equals 1.0 and True, in JSON it does not.
    if kept is stored and stored.memva_session_id == association:
        return stored
    return attrs.evolve(kept, memva_session_id=association, position=0)


@attrs.frozen
class Appended:
    """What appending events came to, in numbers of events.

    Attributes:
        added: Those that were new.
        replaced: Those whose version took the place of the stored one.
        unchanged: Those that were there already, in the same or in a preferred version, and
            those given twice.
    """

    added: int = 0
    replaced: int = 0
    unchanged: int = 0

    def __add__(self, other: Appended) -> Appended:
        """Return the numbers of both together."""
        return Appended(
            added=self.added + other.added,
            replaced=self.replaced + other.replaced,
            unchanged=self.unchanged + other.unchanged,
        )


@attrs.frozen
class Reconciled:
    """What appending a batch comes to.

    Attributes:
        fresh: The versions to store, each under a new position, in the order they came.
        superseded: The stored versions to take out first.
        counted: The same in numbers.
    """

    fresh: Sequence[Event]
    superseded: Sequence[Event]
    counted: Appended

    def changed_from(self) -> dict[Transcript, int]:
        """Return the first line that comes, changes or leaves in each transcript that has such."""
        first: dict[Transcript, int] = {}
        for event in (*self.fresh, *self.superseded):
            if event.line > 0:
                first[event.transcript] = min(event.line, first.get(event.transcript, event.line))
        return first


def reconcile(arriving: Sequence[Event], stored: Iterable[Event]) -> Reconciled:
    """Work out what is to be stored of `arriving`.

    `stored` are the store's events that share a session and a uuid with one of them.
    """
    versions: dict[tuple[str, str], list[Event]] = {}
    for event in stored:
        versions.setdefault((event.session_id, event.uuid), []).append(event)
    named = {(event.session_id, event.uuid) for event in arriving}
    if not versions and len(named) == len(arriving):
        # All are new, as nearly always: there is nothing to compare.
        return Reconciled(fresh=arriving, superseded=(), counted=Appended(added=len(arriving)))
    fresh: dict[EventKey, Event] = {}
    superseded: list[Event] = []
    for event in arriving:
        known = versions.setdefault((event.session_id, event.uuid), [])
        twin = counterpart(event, known) if known else None
        if twin is None:
            known.append(event)
            fresh[event.key] = event
            continue
        kept = merged(twin, event)
        if kept is twin:
            continue
        known[known.index(twin)] = kept
        if fresh.get(twin.key) is twin:
            del fresh[twin.key]
        else:
            superseded.append(twin)
        fresh[kept.key] = kept
    return Reconciled(
        fresh=tuple(fresh.values()),
        superseded=superseded,
        counted=Appended(
            added=len(fresh) - len(superseded),
            replaced=len(superseded),
            unchanged=len(arriving) - len(fresh),
        ),
    )
