"""memva keeps Claude Code's work: sessions, the events in them, and background jobs.

The services are here, with the entities and the errors. A store is opened from its adapter, which
is imported by path:

    from memva.adapters.sqlite import SqliteStore
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memva.domain.abilities import (
        CheckableStore,
        CountingStore,
        SearchableStore,
        TranscriptStore,
        WatchableStore,
        WorkerStore,
    )
    from memva.domain.attempt import AttemptOutcome, JobAttempt
    from memva.domain.compactions import Compaction, compactions_in
    from memva.domain.errors import (
        CopyDiffers,
        CopyRefused,
        EventNotFound,
        IllegalTransition,
        InvalidValue,
        JobExists,
        JobNotFound,
        LeaseLost,
        MemvaError,
        NotFound,
        SearchUnavailable,
        SessionExists,
        SessionNotFound,
        SinkTaken,
        SinkUnwritable,
        SourceUnreadable,
        StoreBusy,
        StoreCorrupt,
        StoreError,
        StoreFull,
        StoreIncompatible,
        StoreReadOnly,
        StoreUnavailable,
        UniqueKeyTaken,
    )
    from memva.domain.event import ASSISTANT, RESULT, SYSTEM, USER, Event, EventKey, Transcript
    from memva.domain.event_page import EventCursor, EventPage, EventQuery
    from memva.domain.finding import Finding, Severity
    from memva.domain.job import DEFAULT_LEASE, EndedStatus, Job, JobStatus, UniqueScope
    from memva.domain.job_page import JobPage, JobStats
    from memva.domain.json import JsonObject, JsonValue
    from memva.domain.new_job import CreatedJob, NewJob
    from memva.domain.ports import Store
    from memva.domain.redaction import Redact, RedactNamed
    from memva.domain.reported_cost import CostSource, ReportedCost
    from memva.domain.rescue import Sightings
    from memva.domain.retry import (
        DEFAULT_RETRY,
        ExponentialRetry,
        FixedRetry,
        NoRetry,
        RetryPolicy,
    )
    from memva.domain.search_page import SearchCursor
    from memva.domain.secrets import redact_secrets
    from memva.domain.session import ClaudeStatus, Session, SessionStatus
    from memva.domain.session_page import SessionCursor, SessionPage, SessionSort
    from memva.domain.session_summary import SessionSummary, SessionSummaryPage
    from memva.domain.snippets import Snippet, Span
    from memva.domain.stats import SessionStats
    from memva.domain.stored_transcript import StoredTranscript
    from memva.domain.subagents import LinkedBy, Subagent, subagents_in
    from memva.domain.threads import Fork, Threads, threads_in
    from memva.domain.tool_calls import ToolCall, find_tool_use, tool_calls_in
    from memva.domain.transcript_ports import TranscriptSink, TranscriptSource, WatchableSource
    from memva.domain.typescript_memva.database import MemvaDatabase
    from memva.domain.usage import Usage
    from memva.domain.usage_report import UsageBy, UsageReport, UsageTotals
    from memva.domain.versions import Appended
    from memva.services.claims import (
        checkpoint_job,
        complete_job,
        complete_jobs,
        fail_job,
        get_next_job,
        get_next_jobs,
        release_job,
        renew_lease,
        rescue_expired_jobs,
        snooze_job,
        update_job_status,
    )
    from memva.services.copy_report import CopiedPart, CopyPart, CopyProgress, CopyReport, CopyStep
    from memva.services.counts import (
        get_session_stats,
        get_stats_of_sessions,
        get_usage,
        list_session_summaries,
    )
    from memva.services.events import (
        associate_events_with_session,
        get_claude_sessions_for_session,
        get_events_for_claude_session,
        get_events_for_session,
        get_latest_claude_session_id,
        get_recent_events,
        locate_event,
        page_events,
        record_event,
        record_events,
    )
    from memva.services.export_report import ExportProblem, ExportProgress, ExportReport
    from memva.services.following import follow_events, get_last_position
    from memva.services.health import check_store
    from memva.services.import_report import ImportProblem, ImportProgress, ImportReport
    from memva.services.jobs import (
        cancel_job,
        create_job,
        create_jobs,
        get_active_job,
        get_job,
        get_job_attempts,
        get_job_stats,
        list_jobs,
        prune_jobs,
        retry_job,
        wait_for_job,
    )
    from memva.services.recording import RecordedPrompt, record_message, record_prompt
    from memva.services.search import SearchHit, SearchPage, build_search_index, search_events
    from memva.services.session_pruning import (
        KeptBecause,
        KeptSession,
        SessionPruning,
        prune_sessions,
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
    from memva.services.store_copy import copy_store, translate_position
    from memva.services.stream_recording import RecordingProblem, record_stream
    from memva.services.transcript_export import export_all_transcripts, export_transcripts
    from memva.services.transcript_import import import_transcripts
    from memva.services.transcript_watch import watch_transcripts
    from memva.services.transcripts import (
        Fold,
        append_to_transcript,
        delete_transcript,
        list_transcripts,
        read_transcript,
        summarise_transcript,
    )
    from memva.services.typescript_memva.database_import import import_memva_database
    from memva.services.typescript_memva.report import (
        DatabaseImportProblem,
        DatabaseImportProgress,
        DatabaseImportReport,
    )
else:
    from memva.faces import lazy_face

    # What is not asked for is not loaded: most hosts use a part of it.
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "memva.domain.abilities": (
                "CheckableStore CountingStore SearchableStore TranscriptStore WatchableStore "
                "WorkerStore"
            ),
            "memva.domain.attempt": "AttemptOutcome JobAttempt",
            "memva.domain.compactions": "Compaction compactions_in",
            "memva.domain.errors": (
                "CopyDiffers CopyRefused EventNotFound IllegalTransition InvalidValue JobExists "
                "JobNotFound LeaseLost MemvaError NotFound SearchUnavailable SessionExists "
                "SessionNotFound SinkTaken SinkUnwritable SourceUnreadable StoreBusy "
                "StoreCorrupt StoreError StoreFull StoreIncompatible StoreReadOnly "
                "StoreUnavailable UniqueKeyTaken"
            ),
            "memva.domain.event": "ASSISTANT RESULT SYSTEM USER Event EventKey Transcript",
            "memva.domain.event_page": "EventCursor EventPage EventQuery",
            "memva.domain.finding": "Finding Severity",
            "memva.domain.job": "DEFAULT_LEASE EndedStatus Job JobStatus UniqueScope",
            "memva.domain.job_page": "JobPage JobStats",
            "memva.domain.json": "JsonObject JsonValue",
            "memva.domain.new_job": "CreatedJob NewJob",
            "memva.domain.ports": "Store",
            "memva.domain.redaction": "Redact RedactNamed",
            "memva.domain.reported_cost": "CostSource ReportedCost",
            "memva.domain.rescue": "Sightings",
            "memva.domain.retry": "DEFAULT_RETRY ExponentialRetry FixedRetry NoRetry RetryPolicy",
            "memva.domain.search_page": "SearchCursor",
            "memva.domain.secrets": "redact_secrets",
            "memva.domain.session": "ClaudeStatus Session SessionStatus",
            "memva.domain.session_page": "SessionCursor SessionPage SessionSort",
            "memva.domain.stats": "SessionStats",
            "memva.domain.session_summary": "SessionSummary SessionSummaryPage",
            "memva.domain.snippets": "Snippet Span",
            "memva.domain.stored_transcript": "StoredTranscript",
            "memva.domain.subagents": "LinkedBy Subagent subagents_in",
            "memva.domain.threads": "Fork Threads threads_in",
            "memva.domain.tool_calls": "ToolCall find_tool_use tool_calls_in",
            "memva.domain.transcript_ports": "TranscriptSink TranscriptSource WatchableSource",
            "memva.domain.typescript_memva.database": "MemvaDatabase",
            "memva.domain.usage": "Usage",
            "memva.domain.usage_report": "UsageBy UsageReport UsageTotals",
            "memva.domain.versions": "Appended",
            "memva.services.claims": (
                "checkpoint_job complete_job complete_jobs fail_job get_next_job get_next_jobs "
                "release_job renew_lease rescue_expired_jobs snooze_job update_job_status"
            ),
            "memva.services.copy_report": "CopiedPart CopyPart CopyProgress CopyReport CopyStep",
            "memva.services.counts": (
                "get_session_stats get_stats_of_sessions get_usage list_session_summaries"
            ),
            "memva.services.events": (
                "associate_events_with_session get_claude_sessions_for_session "
                "get_events_for_claude_session get_events_for_session "
                "get_latest_claude_session_id get_recent_events locate_event page_events "
                "record_event record_events"
            ),
            "memva.services.export_report": "ExportProblem ExportProgress ExportReport",
            "memva.services.following": "follow_events get_last_position",
            "memva.services.health": "check_store",
            "memva.services.import_report": "ImportProblem ImportProgress ImportReport",
            "memva.services.jobs": (
                "cancel_job create_job create_jobs get_active_job get_job get_job_attempts "
                "get_job_stats list_jobs prune_jobs retry_job wait_for_job"
            ),
            "memva.services.recording": "RecordedPrompt record_message record_prompt",
            "memva.services.search": "SearchHit SearchPage build_search_index search_events",
            "memva.services.session_pruning": (
                "KeptBecause KeptSession SessionPruning prune_sessions"
            ),
            "memva.services.sessions": (
                "UNCHANGED Unchanged archive_session create_session delete_session get_session "
                "list_sessions update_session"
            ),
            "memva.services.store_copy": "copy_store translate_position",
            "memva.services.transcripts": (
                "Fold append_to_transcript delete_transcript list_transcripts read_transcript "
                "summarise_transcript"
            ),
            "memva.services.stream_recording": "RecordingProblem record_stream",
            "memva.services.transcript_export": "export_all_transcripts export_transcripts",
            "memva.services.transcript_watch": "watch_transcripts",
            "memva.services.transcript_import": "import_transcripts",
            "memva.services.typescript_memva.database_import": "import_memva_database",
            "memva.services.typescript_memva.report": (
                "DatabaseImportProblem DatabaseImportProgress DatabaseImportReport"
            ),
        },
    )

__all__ = [
    "ASSISTANT",
    "DEFAULT_LEASE",
    "DEFAULT_RETRY",
    "RESULT",
    "SYSTEM",
    "UNCHANGED",
    "USER",
    "Appended",
    "AttemptOutcome",
    "CheckableStore",
    "ClaudeStatus",
    "Compaction",
    "CopiedPart",
    "CopyDiffers",
    "CopyPart",
    "CopyProgress",
    "CopyRefused",
    "CopyReport",
    "CopyStep",
    "CostSource",
    "CountingStore",
    "CreatedJob",
    "DatabaseImportProblem",
    "DatabaseImportProgress",
    "DatabaseImportReport",
    "EndedStatus",
    "Event",
    "EventCursor",
    "EventKey",
    "EventNotFound",
    "EventPage",
    "EventQuery",
    "ExponentialRetry",
    "ExportProblem",
    "ExportProgress",
    "ExportReport",
    "Finding",
    "FixedRetry",
    "Fold",
    "Fork",
    "IllegalTransition",
    "ImportProblem",
    "ImportProgress",
    "ImportReport",
    "InvalidValue",
    "Job",
    "JobAttempt",
    "JobExists",
    "JobNotFound",
    "JobPage",
    "JobStats",
    "JobStatus",
    "JsonObject",
    "JsonValue",
    "KeptBecause",
    "KeptSession",
    "LeaseLost",
    "LinkedBy",
    "MemvaDatabase",
    "MemvaError",
    "NewJob",
    "NoRetry",
    "NotFound",
    "RecordedPrompt",
    "RecordingProblem",
    "Redact",
    "RedactNamed",
    "ReportedCost",
    "RetryPolicy",
    "SearchCursor",
    "SearchHit",
    "SearchPage",
    "SearchUnavailable",
    "SearchableStore",
    "Session",
    "SessionCursor",
    "SessionExists",
    "SessionNotFound",
    "SessionPage",
    "SessionPruning",
    "SessionSort",
    "SessionStats",
    "SessionStatus",
    "SessionSummary",
    "SessionSummaryPage",
    "Severity",
    "Sightings",
    "SinkTaken",
    "SinkUnwritable",
    "Snippet",
    "SourceUnreadable",
    "Span",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreIncompatible",
    "StoreReadOnly",
    "StoreUnavailable",
    "StoredTranscript",
    "Subagent",
    "Threads",
    "ToolCall",
    "Transcript",
    "TranscriptSink",
    "TranscriptSource",
    "TranscriptStore",
    "Unchanged",
    "UniqueKeyTaken",
    "UniqueScope",
    "Usage",
    "UsageBy",
    "UsageReport",
    "UsageTotals",
    "WatchableSource",
    "WatchableStore",
    "WorkerStore",
    "append_to_transcript",
    "archive_session",
    "associate_events_with_session",
    "build_search_index",
    "cancel_job",
    "check_store",
    "checkpoint_job",
    "compactions_in",
    "complete_job",
    "complete_jobs",
    "copy_store",
    "create_job",
    "create_jobs",
    "create_session",
    "delete_session",
    "delete_transcript",
    "export_all_transcripts",
    "export_transcripts",
    "fail_job",
    "find_tool_use",
    "follow_events",
    "get_active_job",
    "get_claude_sessions_for_session",
    "get_events_for_claude_session",
    "get_events_for_session",
    "get_job",
    "get_job_attempts",
    "get_job_stats",
    "get_last_position",
    "get_latest_claude_session_id",
    "get_next_job",
    "get_next_jobs",
    "get_recent_events",
    "get_session",
    "get_session_stats",
    "get_stats_of_sessions",
    "get_usage",
    "import_memva_database",
    "import_transcripts",
    "list_jobs",
    "list_session_summaries",
    "list_sessions",
    "list_transcripts",
    "locate_event",
    "page_events",
    "prune_jobs",
    "prune_sessions",
    "read_transcript",
    "record_event",
    "record_events",
    "record_message",
    "record_prompt",
    "record_stream",
    "redact_secrets",
    "release_job",
    "renew_lease",
    "rescue_expired_jobs",
    "retry_job",
    "search_events",
    "snooze_job",
    "subagents_in",
    "summarise_transcript",
    "threads_in",
    "tool_calls_in",
    "translate_position",
    "update_job_status",
    "update_session",
    "wait_for_job",
    "watch_transcripts",
]
