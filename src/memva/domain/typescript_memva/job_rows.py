"""What the row of a job of the TypeScript Memva becomes: a pure rule, by which none runs."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, NamedTuple, cast

import attrs

from memva.domain.job import EndedStatus, Job
from memva.domain.text import clean_text
from memva.domain.typescript_memva.columns import Columns, is_identifier, times_of, with_kept
from memva.domain.typescript_memva.database import DatabaseRow

_STOPPED: Final = "it was {status} in the TypeScript Memva when it was imported"
_UNFINISHED: Final[dict[str, EndedStatus]] = {"pending": "cancelled", "running": "failed"}
_NAMES_OF_SESSION: Final = ("memva_session_id", "session_id", "sessionId")
_TOLD_LATER: Final = (
    "status", "attempts", "claims", "error", "result", "started_at", "completed_at", "updated_at",
)  # fmt: skip


class JobRow(NamedTuple):
    """What the row of a job says.

    Attributes:
        job: The job, of no session.
        sessions: What may be the id of the session that it belongs to.
        is_stopped: Whether it had not ended, so that it was ended.
        problems: What could not be read as it should.
    """

    job: Job
    sessions: Sequence[str]
    is_stopped: bool
    problems: Sequence[str]


def job_of_row(row: DatabaseRow) -> JobRow:
    """Return the job of a row, ended whatever it was: an import makes nothing run.

    One that was pending there is cancelled here, and one that was running has failed; the error
    says so, and retrying it makes it run.

    Raises:
        InvalidValue: It has no id or type, or no time that can be read.
    """
    columns = Columns(row.columns)
    id_, type_ = columns.required("id"), columns.required("type")
    created, updated = times_of(columns)
    unfinished = columns.one_of("status", *_UNFINISHED)
    ended = columns.one_of("status", "completed", "failed", "cancelled")
    error = columns.text("error")
    if ended is None:
        # Of a status that nobody knows nobody knows whether it runs.
        was = unfinished or clean_text(str(row.columns.get("status")))
        ended = _UNFINISHED.get(was, "failed")
        stopped = _STOPPED.format(status=was)
        error = stopped if error is None else f"{stopped}; its last error: {error}"
        is_stopped = True
    else:
        is_stopped = False
    priority = columns.number("priority", at_least=-(2**63)) or 0
    attempts = columns.number("attempts", at_least=0) or 0
    max_attempts = columns.number("max_attempts", at_least=1) or max(1, attempts)
    scheduled_at = columns.moment("scheduled_at") or created
    started_at = columns.moment("started_at")
    completed_at = columns.moment("completed_at") or updated
    data, result = columns.json("data"), columns.json("result")
    job = Job(
        id=id_,
        type=type_,
        status=cast("EndedStatus", ended),
        priority=priority,
        attempts=attempts,
        claims=max(attempts, 0 if started_at is None else 1),
        max_attempts=max_attempts,
        error=error,
        result=result,
        scheduled_at=scheduled_at,
        started_at=started_at,
        completed_at=completed_at,
        created_at=created,
        updated_at=updated,
        data=with_kept(data, columns.left(), column="data"),
    )
    named = [data.get(name) for name in _NAMES_OF_SESSION] if isinstance(data, dict) else []
    sessions = [str(value) for value in named if is_identifier(value)]
    return JobRow(job, sessions, is_stopped, columns.problems)


def job_told_anew(stored: Job, told: Job, *, is_stopped: bool) -> Job | None:
    """Return a job that was stopped by its import as it ended there since, or None.

    None says that it is to stay as it is: it has not ended there, or somebody has been at it here.
    """
    was_stopped = stored.error is not None and any(
        stored.error.startswith(_STOPPED.format(status=status)) for status in _UNFINISHED
    )
    if (
        is_stopped
        or not was_stopped
        or stored.status not in _UNFINISHED.values()
        or stored.scheduled_at != told.scheduled_at
    ):
        return None
    return attrs.evolve(stored, **{name: getattr(told, name) for name in _TOLD_LATER})
