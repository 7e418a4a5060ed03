"""Which sessions are meant, and how lists of them come: in an order, page by page."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from typing import Any, Literal, NamedTuple, TypeAlias, cast, get_args

import attrs
from attrs import field
from attrs.validators import optional

from memva.domain import validation
from memva.domain.errors import InvalidValue
from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.text import folded
from memva.domain.time import to_text

SessionSort: TypeAlias = Literal["updated_at", "created_at", "title"]
"""What a list of sessions is sorted by."""


def _each_of(*allowed: str) -> Callable[[object, attrs.Attribute[Any], Collection[str]], None]:
    def check(_: object, field: attrs.Attribute[Any], values: Collection[str]) -> None:
        if isinstance(values, str):
            raise InvalidValue(field.name, values, "must be a collection")
        validation.check_each(field.name, values, allowed)

    return check


@attrs.frozen(kw_only=True)
class SessionQuery:
    """Which sessions are meant; what is None does not narrow.

    Attributes:
        statuses: Those with one of these statuses.
        claude_statuses: Those in which Claude Code has one of these.
        archived: With False those that were not put away, with True those alone that were.
        project_path: Those that work in exactly this folder.
        title: Those with this text somewhere in the title, whatever the case of either; the empty
            text does not narrow.

    Raises:
        InvalidValue: A field has a value that it cannot have.
    """

    statuses: Collection[SessionStatus] | None = field(
        default=None, validator=optional(_each_of(*get_args(SessionStatus)))
    )
    claude_statuses: Collection[ClaudeStatus] | None = field(
        default=None, validator=optional(_each_of(*get_args(ClaudeStatus)))
    )
    archived: bool | None = field(
        default=cast("bool | None", False), validator=optional(validation.boolean)
    )
    project_path: str | None = field(default=None, validator=optional(validation.text))
    title: str | None = field(default=None, validator=optional(validation.text))

    def matches(self, session: Session) -> bool:
        """Tell whether the session is one of those that are meant."""
        return (
            (self.statuses is None or session.status in self.statuses)
            and (self.claude_statuses is None or session.claude_status in self.claude_statuses)
            and self.archived in (None, session.archived_at is not None)
            and self.project_path in (None, session.project_path)
            and (self.title is None or folded(self.title) in folded(session.title or ""))
        )


class SessionCursor(NamedTuple):
    """A place in one order of sessions; it stays good while sessions come, go and change.

    It is all text, so that it may go to a web page and come back.

    Attributes:
        value: What the session there is sorted by: a time as `to_text` writes it, its folded
            title, or None where it has no title.
        id: The session's id.
    """

    value: str | None
    id: str

    @classmethod
    def of(cls, session: Session, sort: SessionSort) -> SessionCursor:
        """Return the place of a session."""
        if sort == "title":
            return cls(None if session.title is None else folded(session.title), session.id)
        return cls(to_text(getattr(session, sort)), session.id)

    def follows(self, other: SessionCursor, *, ascending: bool) -> bool:
        """Tell whether this place comes after `other`; without a title comes last either way."""
        if (self.value is None) != (other.value is None):
            return self.value is None
        mine, others = (self.value or "", self.id), (other.value or "", other.id)
        return mine > others if ascending else mine < others


@attrs.frozen
class SessionPage:
    """Some sessions in order.

    Attributes:
        sessions: The sessions.
        next: The cursor of the page after this one, or None where no more sessions follow.
    """

    sessions: Sequence[Session]
    next: SessionCursor | None

    def __iter__(self) -> Iterator[Session]:
        """Iterate over the sessions."""
        return iter(self.sessions)

    def __len__(self) -> int:
        """Return how many sessions are on the page."""
        return len(self.sessions)
