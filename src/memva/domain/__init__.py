"""The pure heart of memva, and the face that adapters are written against.

Entities, the rules they follow, and the ports. Whoever writes a store needs nothing else; what a
host calls is in `memva` itself.
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
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.job import Job, JobStatus
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
    EventCursor,
    EventPage,
    EventQuery,
    EventRepository,
    JobRepository,
    SessionRepository,
    SourceLine,
    SourceTranscript,
    Store,
    TranscriptCursor,
    TranscriptSource,
)
from memva.domain.rebuild import rebuilder
from memva.domain.session import ClaudeStatus, Session, SessionStatus
from memva.domain.text import clean_text, is_storable
from memva.domain.time import from_text, to_text, utc_now
from memva.domain.titles import Title, TitleOrigin
from memva.domain.versions import Appended, Reconciled, merged, preferred, reconcile

__all__ = [
    "Appended",
    "Carry",
    "ClaudeStatus",
    "CursorRepository",
    "Event",
    "EventCursor",
    "EventKey",
    "EventNotFound",
    "EventPage",
    "EventQuery",
    "EventRepository",
    "IllegalTransition",
    "InvalidValue",
    "Job",
    "JobExists",
    "JobNotFound",
    "JobRepository",
    "JobStatus",
    "JsonObject",
    "JsonValue",
    "LeaseLost",
    "MemvaError",
    "NotFound",
    "ParsedObject",
    "Reconciled",
    "Session",
    "SessionExists",
    "SessionNotFound",
    "SessionRepository",
    "SessionStatus",
    "SourceLine",
    "SourceTranscript",
    "SourceUnreadable",
    "Store",
    "StoreBusy",
    "StoreCorrupt",
    "StoreError",
    "StoreFull",
    "StoreIncompatible",
    "StoreReadOnly",
    "StoreUnavailable",
    "Title",
    "TitleOrigin",
    "Transcript",
    "TranscriptCursor",
    "TranscriptSource",
    "canonical_json",
    "clean_text",
    "decode_json",
    "encode_json",
    "from_text",
    "is_storable",
    "merged",
    "parse_object",
    "preferred",
    "rebuilder",
    "reconcile",
    "to_text",
    "utc_now",
]
