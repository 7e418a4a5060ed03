"""Which events are meant, and how they come: by pages in their order, or as they were committed."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from datetime import datetime
from typing import NamedTuple

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.errors import InvalidValue
from memva.domain.event import Event, Transcript


def _types(value: Collection[str] | None) -> frozenset[str] | None:
    if isinstance(value, str):
        raise InvalidValue("event_types", value, "must be a collection of types")
    return None if value is None else frozenset(value)


def _each_text(_: object, field: attrs.Attribute[frozenset[str]], value: frozenset[str]) -> None:
    for event_type in value:
        validation.check_text(field.name, event_type)


@attrs.frozen(kw_only=True)
class EventQuery:
    """Which events are meant; what is None does not narrow.

    Attributes:
        memva_session_id: Those associated with this session.
        session_id: Those of this session of Claude Code's.
        event_types: Those of one of these types.
        is_sidechain: With True those that subagents said, with False the others.
        since: Those whose `timestamp` is this moment or later.
        until: Those whose `timestamp` is before this moment.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    memva_session_id: str | None = field(default=None, validator=optional(validation.text))
    session_id: str | None = field(default=None, validator=optional(validation.text))
    event_types: Collection[str] | None = field(
        default=None, converter=_types, validator=optional(_each_text)
    )
    is_sidechain: bool | None = field(default=None, validator=optional(validation.boolean))
    since: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )
    until: datetime | None = field(
        default=None, converter=validation.to_utc_or_none, validator=optional(validation.time)
    )

    def matches(self, event: Event) -> bool:
        """Tell whether the event is one of those that are meant."""
        return (
            self.memva_session_id in (None, event.memva_session_id)
            and self.session_id in (None, event.session_id)
            and (self.event_types is None or event.event_type in self.event_types)
            and self.is_sidechain in (None, event.is_sidechain)
            and (self.since is None or event.timestamp >= self.since)
            and (self.until is None or event.timestamp < self.until)
        )


class EventCursor(NamedTuple):
    """A place in the order of events; it stays good while events come and go.

    Attributes:
        sort_at: The running maximum of `timestamp` along the transcript.
        transcript: The event's transcript.
        line: Its line.
        position: Its position.
    """

    sort_at: datetime
    transcript: Transcript
    line: int
    position: int


@attrs.frozen
class EventPage:
    """Some events in order, or from the newest back.

    Attributes:
        events: The events.
        first: The place of the first of them; None on an empty page. What comes before this page
            follows `first` in the other direction.
        last: The place of the last of them; None on an empty page. What is committed at the end
            later on follows `last`.
        more: Whether more events follow at this moment.
    """

    events: Sequence[Event]
    first: EventCursor | None = None
    last: EventCursor | None = None
    more: bool = False

    @property
    def next(self) -> EventCursor | None:
        """The cursor of the page after this one, or None where no more events follow."""
        return self.last if self.more else None

    def __iter__(self) -> Iterator[Event]:
        """Iterate over the events."""
        return iter(self.events)

    def __len__(self) -> int:
        """Return how many events are on the page."""
        return len(self.events)


@attrs.frozen
class EventFeed:
    """Some events as they were committed.

    Attributes:
        events: The events, by their positions.
        position: The position up to which nothing of what was asked for is missing: from here on
            the next call goes on, even where there was no event.
    """

    events: Sequence[Event]
    position: int
