"""What a list of sessions shows of one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import attrs

from memva.domain.event import Event
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor
from memva.domain.stats import SessionStats


@attrs.frozen(kw_only=True)
class SessionSummary:
    """A session, with what a list shows of it.

    Attributes:
        session: The session.
        stats: What it amounts to.
        latest_message: The last event in which a person typed something or Claude answered, in
            the main conversation; None where there is none.
    """

    session: Session
    stats: SessionStats
    latest_message: Event | None


@attrs.frozen
class SessionSummaryPage:
    """Some sessions in order, with what a list shows of each.

    Attributes:
        summaries: The sessions.
        next: The cursor of the page after this one, or None where no more sessions follow.
    """

    summaries: Sequence[SessionSummary]
    next: SessionCursor | None

    def __iter__(self) -> Iterator[SessionSummary]:
        """Iterate over the sessions."""
        return iter(self.summaries)

    def __len__(self) -> int:
        """Return how many sessions are on the page."""
        return len(self.summaries)
