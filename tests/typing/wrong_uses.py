"""Wrong uses that the type checker must refuse.

Each ignored line names the error it must raise: strict mode reports an ignore that is not needed,
which turns every line here into a test.
"""

from datetime import UTC, datetime

from memva import (
    Event,
    Job,
    Session,
    Store,
    complete_job,
    create_job,
    create_session,
    get_next_job,
    update_job_status,
    update_session,
)
from memva.domain import EventQuery


class NotAStore:
    """Lacks nearly everything."""

    def close(self) -> None:
        """Close."""


def wrong(store: Store, session: Session, event: Event, job: Job) -> None:
    """Use memva in ways that it does not allow."""
    create_session(NotAStore(), project_path="/code")  # type: ignore[arg-type]  # lacks nearly everything
    create_session(store, "/code")  # type: ignore[call-arg]  # everything but the store goes by name
    create_session(store, project_path="/code", metadata={"x": object()})  # type: ignore[dict-item]  # not JSON
    update_session(store, session.id, status="archived")  # type: ignore[arg-type]  # no such status
    update_session(store, session.id, project_path=None)  # type: ignore[arg-type]  # a session always has a path
    create_job(store, type="x", scheduled_at="now")  # type: ignore[arg-type]  # a moment is a datetime
    complete_job(store, job.id)  # type: ignore[arg-type]  # an id carries no claim
    complete_job(store, get_next_job(store))  # type: ignore[arg-type]  # there may be none
    update_job_status(store, job, "running")  # type: ignore[arg-type]  # no such status
    store.events.append(event)  # type: ignore[arg-type]  # a batch, not an event
    store.events.page(EventQuery())  # type: ignore[call-arg]  # the limit is missing
    session.title = "new"  # type: ignore[misc]  # frozen
    event.data["new"] = 1  # type: ignore[index]  # read-only
    Session("id", project_path="/", created_at=datetime.now(UTC), updated_at=datetime.now(UTC))  # type: ignore[call-arg]  # by name alone
