"""memva keeps Claude Code's work: sessions, the events in them, and background jobs.

The services are here, with the entities and the errors. A store is opened from its adapter, which
is imported by path:

    from memva.adapters.sqlite import SqliteStore
"""

from memva.domain.errors import (
    EventNotFound,
    IllegalTransition,
    InvalidValue,
    JobExists,
    JobNotFound,
    LeaseLost,
    MemvaError,
    NotFound,
    SessionExists,
    SessionNotFound,
    SourceUnreadable,
    StoreBusy,
    StoreCorrupt,
    StoreError,
    StoreFull,
    StoreIncompatible,
    StoreReadOnly,
    StoreUnavailable,
)
from memva.domain.event import ASSISTANT, RESULT, SYSTEM, USER, Event, EventKey, Transcript
from memva.domain.job import DEFAULT_LEASE, Job, JobStatus
from memva.domain.json import JsonObject, JsonValue
from memva.domain.ports import Store, TranscriptSource
from memva.domain.redaction import Redact
from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.versions import Appended
from memva.services.events import (
    associate_events_with_session,
    get_events_for_claude_session,
    get_events_for_session,
    record_event,
    record_events,
)
from memva.services.import_report import ImportProblem, ImportProgress, ImportReport
from memva.services.jobs import (
    cancel_job,
    complete_job,
    create_job,
    fail_job,
    get_job,
    get_next_job,
    list_jobs,
    update_job_status,
)
from memva.services.sessions import (
    UNCHANGED,
    Unchanged,
    archive_session,
    create_session,
    delete_session,
    get_session,
    list_sessions,
    update_session,
)
from memva.services.transcripts import import_transcripts

__all__ = [
    "ASSISTANT",
    "DEFAULT_LEASE",
    "RESULT",
    "SYSTEM",
    "UNCHANGED",
    "USER",
    "Appended",
    "ClaudeStatus",
    "Event",
    "EventKey",
    "EventNotFound",
    "IllegalTransition",
    "ImportProblem",
    "ImportProgress",
    "ImportReport",
    "InvalidValue",
    "Job",
    "JobExists",
    "JobNotFound",
    "JobStatus",
    "JsonObject",
    "JsonValue",
    "LeaseLost",
    "MemvaError",
    "NotFound",
    "Redact",
    "Session",
    "SessionExists",
    "SessionNotFound",
    "SessionStatus",
    "SourceUnreadable",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreIncompatible",
    "StoreReadOnly",
    "StoreUnavailable",
    "Transcript",
    "TranscriptSource",
    "Unchanged",
    "archive_session",
    "associate_events_with_session",
    "cancel_job",
    "complete_job",
    "create_job",
    "create_session",
    "delete_session",
    "fail_job",
    "get_events_for_claude_session",
    "get_events_for_session",
    "get_job",
    "get_next_job",
    "get_session",
    "import_transcripts",
    "list_jobs",
    "list_sessions",
    "record_event",
    "record_events",
    "update_job_status",
    "update_session",
]
