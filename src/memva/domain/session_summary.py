"""What a list of sessions shows of one."""

from __future__ import annotations

import attrs

from memva.domain.event import Event
from memva.domain.session import Session
from memva.domain.session_stats import SessionStats


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
