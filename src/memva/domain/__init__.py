"""The pure heart of memva, and the face that adapters are written against.

Entities, the rules they follow, and the ports. Whoever writes a store needs nothing else; what a
host calls is in `memva` itself.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from memva.domain.abilities import (
        CheckableStore,
        CountingStore,
        CountRepository,
        SearchableStore,
        SearchRepository,
        TranscriptRepository,
        TranscriptStore,
        Watch,
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
    from memva.domain.event import Event, EventKey, Transcript
    from memva.domain.event_page import EventCursor, EventFeed, EventPage, EventQuery
    from memva.domain.finding import Finding, Severity
    from memva.domain.job import EndedStatus, Job, JobStatus, Transition, UniqueScope
    from memva.domain.job_change import JobChange
    from memva.domain.job_page import JobPage, JobQuery, JobStats
    from memva.domain.json import (
        JsonObject,
        JsonValue,
        ParsedObject,
        canonical_json,
        decode_json,
        encode_json,
        parse_object,
    )
    from memva.domain.line import Carry
    from memva.domain.ports import (
        CursorRepository,
        EventRepository,
        JobRepository,
        SessionRepository,
        Store,
    )
    from memva.domain.rebuild import rebuilder
    from memva.domain.redaction import Redact, RedactNamed
    from memva.domain.reported_cost import (
        CostSource,
        ReportedCost,
        reported_cost_in,
        reported_costs,
    )
    from memva.domain.said import MESSAGES, Said, said_in
    from memva.domain.search_page import (
        MOST_RANKED,
        FoundEvents,
        Indexed,
        SearchCursor,
        milliseconds,
    )
    from memva.domain.search_query import SearchQuery, SearchTerm, matches, parse_query, relevance
    from memva.domain.searchable import EXTRACTION_VERSION, searchable_text
    from memva.domain.secrets import redact_secrets
    from memva.domain.session import ClaudeStatus, Session, SessionStatus
    from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort
    from memva.domain.session_summary import SessionSummary
    from memva.domain.skipped_lines import SkippedLine, SkippedLines
    from memva.domain.snippets import Snippet, Span, snippet
    from memva.domain.stats import SessionFacts, SessionStats, session_stats, stats_of
    from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
    from memva.domain.subagents import LinkedBy, Subagent, subagents_in
    from memva.domain.text import clean_text, folded, is_storable
    from memva.domain.threads import Fork, Threads, threads_in
    from memva.domain.time import from_text, to_text, utc_now
    from memva.domain.titles import Title, TitleOrigin
    from memva.domain.told_response import Called, CallKey, ToldResponse, merged_told, told_in
    from memva.domain.tool_calls import ToolCall, find_tool_use, tool_calls_in
    from memva.domain.transcript_cursor import TranscriptCursor
    from memva.domain.transcript_ports import (
        SourceLine,
        SourceTranscript,
        SourceVersions,
        SourceWatch,
        TranscriptSink,
        TranscriptSource,
        WatchableSource,
    )
    from memva.domain.typescript_memva.database import DatabaseRow, MemvaDatabase
    from memva.domain.usage import (
        ResponseUsage,
        Usage,
        counted_once,
        last_context,
        merged_usage,
        usage_in,
    )
    from memva.domain.usage_report import UsageBy, UsageReport, UsageTotals, summed, usage_totals
    from memva.domain.versions import Appended, Reconciled, merged, preferred, reconcile
    from memva.domain.word_rules import PlacedWord, placed_words, words
else:
    from memva.faces import lazy_face

    # What is not asked for is not loaded: most hosts use a part of it.
    __getattr__, __dir__ = lazy_face(
        __name__,
        {
            "memva.domain.abilities": (
                "CheckableStore CountingStore CountRepository SearchableStore SearchRepository "
                "TranscriptRepository TranscriptStore Watch WatchableStore WorkerStore"
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
            "memva.domain.event": "Event EventKey Transcript",
            "memva.domain.event_page": "EventCursor EventFeed EventPage EventQuery",
            "memva.domain.finding": "Finding Severity",
            "memva.domain.job": "EndedStatus Job JobStatus Transition UniqueScope",
            "memva.domain.job_change": "JobChange",
            "memva.domain.job_page": "JobPage JobQuery JobStats",
            "memva.domain.json": (
                "JsonObject JsonValue ParsedObject canonical_json decode_json encode_json "
                "parse_object"
            ),
            "memva.domain.line": "Carry",
            "memva.domain.ports": (
                "CursorRepository EventRepository JobRepository SessionRepository Store"
            ),
            "memva.domain.rebuild": "rebuilder",
            "memva.domain.redaction": "Redact RedactNamed",
            "memva.domain.reported_cost": "CostSource ReportedCost reported_cost_in reported_costs",
            "memva.domain.said": "MESSAGES Said said_in",
            "memva.domain.search_page": "MOST_RANKED FoundEvents Indexed SearchCursor milliseconds",
            "memva.domain.search_query": "SearchQuery SearchTerm matches parse_query relevance",
            "memva.domain.searchable": "EXTRACTION_VERSION searchable_text",
            "memva.domain.secrets": "redact_secrets",
            "memva.domain.session": "ClaudeStatus Session SessionStatus",
            "memva.domain.session_page": "SessionCursor SessionPage SessionQuery SessionSort",
            "memva.domain.stats": "SessionFacts SessionStats session_stats stats_of",
            "memva.domain.session_summary": "SessionSummary",
            "memva.domain.skipped_lines": "SkippedLine SkippedLines",
            "memva.domain.snippets": "Snippet Span snippet",
            "memva.domain.stored_transcript": "LinePlace StoredTranscript TranscriptSummary",
            "memva.domain.subagents": "LinkedBy Subagent subagents_in",
            "memva.domain.text": "clean_text folded is_storable",
            "memva.domain.threads": "Fork Threads threads_in",
            "memva.domain.time": "from_text to_text utc_now",
            "memva.domain.titles": "Title TitleOrigin",
            "memva.domain.told_response": "Called CallKey ToldResponse merged_told told_in",
            "memva.domain.tool_calls": "ToolCall find_tool_use tool_calls_in",
            "memva.domain.transcript_cursor": "TranscriptCursor",
            "memva.domain.transcript_ports": (
                "SourceLine SourceTranscript SourceVersions SourceWatch TranscriptSink "
                "TranscriptSource WatchableSource"
            ),
            "memva.domain.typescript_memva.database": "DatabaseRow MemvaDatabase",
            "memva.domain.usage": (
                "ResponseUsage Usage counted_once last_context merged_usage usage_in"
            ),
            "memva.domain.usage_report": "UsageBy UsageReport UsageTotals summed usage_totals",
            "memva.domain.versions": "Appended Reconciled merged preferred reconcile",
            "memva.domain.word_rules": "PlacedWord placed_words words",
        },
    )

__all__ = [
    "EXTRACTION_VERSION",
    "MESSAGES",
    "MOST_RANKED",
    "Appended",
    "AttemptOutcome",
    "CallKey",
    "Called",
    "Carry",
    "CheckableStore",
    "ClaudeStatus",
    "Compaction",
    "CopyDiffers",
    "CopyRefused",
    "CostSource",
    "CountRepository",
    "CountingStore",
    "CursorRepository",
    "DatabaseRow",
    "EndedStatus",
    "Event",
    "EventCursor",
    "EventFeed",
    "EventKey",
    "EventNotFound",
    "EventPage",
    "EventQuery",
    "EventRepository",
    "Finding",
    "Fork",
    "FoundEvents",
    "IllegalTransition",
    "Indexed",
    "InvalidValue",
    "Job",
    "JobAttempt",
    "JobChange",
    "JobExists",
    "JobNotFound",
    "JobPage",
    "JobQuery",
    "JobRepository",
    "JobStats",
    "JobStatus",
    "JsonObject",
    "JsonValue",
    "LeaseLost",
    "LinePlace",
    "LinkedBy",
    "MemvaDatabase",
    "MemvaError",
    "NotFound",
    "ParsedObject",
    "PlacedWord",
    "Reconciled",
    "Redact",
    "RedactNamed",
    "ReportedCost",
    "ResponseUsage",
    "Said",
    "SearchCursor",
    "SearchQuery",
    "SearchRepository",
    "SearchTerm",
    "SearchUnavailable",
    "SearchableStore",
    "Session",
    "SessionCursor",
    "SessionExists",
    "SessionFacts",
    "SessionNotFound",
    "SessionPage",
    "SessionQuery",
    "SessionRepository",
    "SessionSort",
    "SessionStats",
    "SessionStatus",
    "SessionSummary",
    "Severity",
    "SinkTaken",
    "SinkUnwritable",
    "SkippedLine",
    "SkippedLines",
    "Snippet",
    "SourceLine",
    "SourceTranscript",
    "SourceUnreadable",
    "SourceVersions",
    "SourceWatch",
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
    "Title",
    "TitleOrigin",
    "ToldResponse",
    "ToolCall",
    "Transcript",
    "TranscriptCursor",
    "TranscriptRepository",
    "TranscriptSink",
    "TranscriptSource",
    "TranscriptStore",
    "TranscriptSummary",
    "Transition",
    "UniqueKeyTaken",
    "UniqueScope",
    "Usage",
    "UsageBy",
    "UsageReport",
    "UsageTotals",
    "Watch",
    "WatchableSource",
    "WatchableStore",
    "WorkerStore",
    "canonical_json",
    "clean_text",
    "compactions_in",
    "counted_once",
    "decode_json",
    "encode_json",
    "find_tool_use",
    "folded",
    "from_text",
    "is_storable",
    "last_context",
    "matches",
    "merged",
    "merged_told",
    "merged_usage",
    "milliseconds",
    "parse_object",
    "parse_query",
    "placed_words",
    "preferred",
    "rebuilder",
    "reconcile",
    "redact_secrets",
    "relevance",
    "reported_cost_in",
    "reported_costs",
    "said_in",
    "searchable_text",
    "session_stats",
    "snippet",
    "stats_of",
    "subagents_in",
    "summed",
    "threads_in",
    "to_text",
    "told_in",
    "tool_calls_in",
    "usage_in",
    "usage_totals",
    "utc_now",
    "words",
]
