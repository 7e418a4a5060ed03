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
    create_session(NotAStore(), project_path="/code")  # type: ignore[arg-type]
    create_session(store, "/code")  # type: ignore[call-arg]
    create_session(store, project_path="/code", metadata={"x": object()})  # type: ignore[dict-item]
    update_session(store, session.id, status="archived")  # type: ignore[arg-type]
    update_session(store, session.id, project_path=None)  # type: ignore[arg-type]
    create_job(store, type="x", scheduled_at="now")  # type: ignore[arg-type]
    complete_job(store, job.id)  # type: ignore[arg-type]
    complete_job(store, get_next_job(store))  # type: ignore[arg-type]
    update_job_status(store, job, "running")  # type: ignore[arg-type]
    store.events.append(event)  # type: ignore[arg-type]
    store.events.page(EventQuery())  # type: ignore[call-arg]
    session.title = "new"  # type: ignore[misc]
    event.data["new"] = 1  # type: ignore[index]
    Session("id", project_path="/", created_at=datetime.now(UTC), updated_at=datetime.now(UTC))  # type: ignore[call-arg]
