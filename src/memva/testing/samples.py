"""Sample entities: valid and complete; a test names only what it is about."""

from __future__ import annotations

from typing import Any

from memva.domain.event import Event
from memva.domain.job import Job
from memva.domain.session import Session
from memva.testing.clock import START


def sample_session(**fields: Any) -> Session:
    """Return a session with the id `session-1`, but for the `fields` given."""
    return Session(
        **{
            "id": "session-1",
            "title": "Fix the login",
            "created_at": START,
            "updated_at": START,
            "project_path": "/code/app",
            **fields,
        }
    )


def sample_event(**fields: Any) -> Event:
    """Return a streamed prompt in the Claude session `claude-1`, but for the `fields` given."""
    return Event(
        **{
            "uuid": "event-1",
            "session_id": "claude-1",
            "event_type": "user",
            "timestamp": START,
            "cwd": "/code/app",
            "project_name": "app",
            "data": {"type": "user", "message": {"role": "user", "content": "Fix the login"}},
            "project_key": "-code-app",
            **fields,
        }
    )


def sample_job(**fields: Any) -> Job:
    """Return a pending job with the id `job-1` that is due, but for the `fields` given."""
    return Job(
        **{
            "id": "job-1",
            "type": "prompt",
            "data": {"say": "hi"},
            "scheduled_at": START,
            "created_at": START,
            "updated_at": START,
            **fields,
        }
    )
