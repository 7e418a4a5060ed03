"""A stranger's store: one dict of JSON documents, written against public names only.

It stands for the stores that hosts write: no base class, no helper of memva's own adapters. Every
entity is a JSON document that cattrs structures; a transaction works on a copy of the dict.
"""

from __future__ import annotations

import asyncio
import json
import os
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import cmp_to_key
from itertools import count
from typing import TypeAlias, TypeVar

import attrs
from cattrs import Converter

from memva.domain import (
    Appended,
    EndedStatus,
    Event,
    EventCursor,
    EventFeed,
    EventKey,
    EventNotFound,
    EventPage,
    EventQuery,
    IllegalTransition,
    InvalidValue,
    Job,
    JobAttempt,
    JobChange,
    JobExists,
    JobNotFound,
    JobPage,
    JobQuery,
    JobStats,
    JobStatus,
    LeaseLost,
    Session,
    SessionCursor,
    SessionExists,
    SessionNotFound,
    SessionPage,
    SessionQuery,
    SessionSort,
    Store,
    StoreReadOnly,
    StoreUnavailable,
    Transcript,
    TranscriptCursor,
    UniqueKeyTaken,
    from_text,
    reconcile,
    to_text,
)

T = TypeVar("T")
Documents: TypeAlias = dict[tuple[str, ...], str]

_converter = Converter()
_converter.register_unstructure_hook(datetime, to_text)
_converter.register_structure_hook(datetime, lambda text, _: from_text(text))
_converter.register_unstructure_hook(timedelta, lambda span: span // timedelta(microseconds=1))
_converter.register_structure_hook(timedelta, lambda n, _: timedelta(microseconds=n))


def _dump(entity: object) -> str:
    for name in ("metadata", "data", "result", "checkpoint"):
        try:
            json.dumps(getattr(entity, name, None), allow_nan=False)
        except (TypeError, ValueError) as error:
            raise InvalidValue(name, getattr(entity, name), "must be JSON") from error
    return json.dumps(_converter.unstructure(entity))


def _load(text: str, entity: type[T]) -> T:
    return _converter.structure(json.loads(text), entity)


def _who() -> object:
    try:
        return threading.get_ident(), asyncio.current_task()
    except RuntimeError:
        return threading.get_ident(), None


class DocumentStore:
    """Keeps everything in one dict, by kind and id."""

    def __init__(self) -> None:
        self.committed: Documents = {}
        self.order = count(1)
        self.closed = False
        self.begin_process()

    def begin_process(self) -> None:
        # A fork takes locks along, but not the threads that would give them back.
        self.process = os.getpid()
        self.turn = threading.Lock()
        self.working: dict[object, Documents] = {}
        self.reading: dict[object, Documents] = {}

    @property
    def sessions(self) -> DocumentSessions:
        return DocumentSessions(self)

    @property
    def events(self) -> DocumentEvents:
        return DocumentEvents(self)

    @property
    def jobs(self) -> DocumentJobs:
        return DocumentJobs(self)

    @property
    def cursors(self) -> DocumentCursors:
        return DocumentCursors(self)

    def now(self) -> datetime:
        return datetime.now(UTC)

    def close(self) -> None:
        self.closed = True

    @contextmanager
    def transaction(self) -> Iterator[None]:
        me = _who()
        self.view()
        if me in self.reading:
            raise StoreReadOnly("inside a snapshot")
        if me in self.working:
            before = dict(self.working[me])
            try:
                yield
            except BaseException:
                self.working[me] = before
                raise
            return
        with self.turn:
            self.working[me] = dict(self.committed)
            try:
                yield
                self.committed = self.working[me]
            finally:
                del self.working[me]

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        me, seen = _who(), self.view()
        if me in self.working or me in self.reading:
            yield
            return
        self.reading[me] = seen
        try:
            yield
        finally:
            del self.reading[me]

    def view(self) -> Documents:
        if self.closed:
            raise StoreUnavailable("closed")
        if self.process != os.getpid():
            self.begin_process()
        me = _who()
        return self.working.get(me, self.reading.get(me, self.committed))

    def all(self, kind: str, entity: type[T]) -> list[T]:
        return [_load(text, entity) for key, text in self.view().items() if key[0] == kind]

    @contextmanager
    def edit(self) -> Iterator[Documents]:
        with self.transaction():
            yield self.working[_who()]

    def need_session(self, session_id: str | None) -> None:
        if session_id is not None and ("session", session_id) not in self.view():
            raise SessionNotFound(session_id)


@attrs.frozen
class DocumentSessions:
    store: DocumentStore

    def add(self, session: Session, /) -> None:
        text = _dump(session)
        with self.store.edit() as documents:
            if ("session", session.id) in documents:
                raise SessionExists(session.id)
            documents["session", session.id] = text

    def get(self, session_id: str, /) -> Session:
        self.store.need_session(session_id)
        return _load(self.store.view()["session", session_id], Session)

    def update(self, session: Session, /) -> None:
        text = _dump(session)
        with self.store.edit() as documents:
            self.store.need_session(session.id)
            documents["session", session.id] = text

    def find(
        self,
        query: SessionQuery,
        /,
        *,
        sort: SessionSort = "updated_at",
        ascending: bool = False,
        after: SessionCursor | None = None,
        limit: int | None = None,
    ) -> SessionPage:
        found = [s for s in self.store.all("session", Session) if query.matches(s)]
        places = {SessionCursor.of(session, sort): session for session in found}

        def in_order(one: SessionCursor, other: SessionCursor) -> int:
            return 1 if one.follows(other, ascending=ascending) else -1

        order = sorted(places, key=cmp_to_key(in_order))
        order = [p for p in order if after is None or p.follows(after, ascending=ascending)]
        page = order[:limit]
        more = len(order) > len(page)
        return SessionPage([places[place] for place in page], page[-1] if more else None)

    def delete(self, session_id: str, /) -> None:
        with self.store.edit() as documents:
            self.store.need_session(session_id)
            del documents["session", session_id]
            shortened = set()
            for key, text in list(documents.items()):
                if key[0] in ("place", "attempt") or key not in documents:
                    continue
                if json.loads(text).get("memva_session_id") == session_id:
                    for other in [other for other in documents if other[1:2] == key[1:2]]:
                        if other == key or (key[0] == "job" and other[0] in ("place", "attempt")):
                            del documents[other]
                    if key[0] == "event":
                        shortened.add(_load(text, Event).transcript)
            for cursor in self.store.all("cursor", TranscriptCursor):
                if cursor.transcript in shortened:
                    del documents["cursor", cursor.source]
            for transcript in shortened:
                documents["deleted", transcript.session_id] = "{}"
            if self.store.events.associated_session(session_id) is None:
                documents["deleted", session_id] = "{}"

    def is_deleted(self, claude_session_id: str, /) -> bool:
        return ("deleted", claude_session_id) in self.store.view()

    def forget_deletion(self, claude_session_id: str, /) -> None:
        with self.store.edit() as documents:
            documents.pop(("deleted", claude_session_id), None)

    def remember_deletion(self, claude_session_id: str, /) -> None:
        with self.store.edit() as documents:
            documents["deleted", claude_session_id] = "{}"

    def deletions(self, *, after: str | None = None, limit: int) -> list[str]:
        names = sorted(key[1] for key in self.store.view() if key[0] == "deleted")
        return [name for name in names if after is None or name > after][:limit]


@attrs.frozen
class DocumentEvents:
    store: DocumentStore

    def append(self, events: Sequence[Event], /) -> Appended:
        for event in events:
            _dump(event)
        with self.store.edit() as documents:
            for event in events:
                self.store.need_session(event.memva_session_id)
            outcome = reconcile(events, self.store.all("event", Event))
            for event in outcome.superseded:
                del documents["event", *event.transcript, event.uuid]
            for event in outcome.fresh:
                placed = attrs.evolve(event, position=next(self.store.order))
                documents["event", *event.transcript, event.uuid] = _dump(placed)
        return outcome.counted

    def get(self, key: EventKey, /) -> Event:
        text = self.store.view().get(("event", *key.transcript, key.uuid))
        if text is None:
            raise EventNotFound(key)
        return _load(text, Event)

    def in_order(self, wanted: Callable[[Event], bool]) -> list[tuple[EventCursor, Event]]:
        events = self.store.all("event", Event)
        events.sort(key=lambda e: (e.line, e.position))
        latest: dict[tuple[Transcript, bool], datetime] = {}
        found = []
        for event in events:
            sequence = event.transcript, event.line > 0
            latest[sequence] = max(latest.get(sequence, event.timestamp), event.timestamp)
            place = EventCursor(latest[sequence], event.transcript, event.line, event.position)
            if wanted(event):
                found.append((place, event))
        return sorted(found, key=lambda pair: pair[0])

    def place(self, key: EventKey, /) -> EventCursor:
        for place, _ in self.in_order(lambda event: event.key == key):
            return place
        raise EventNotFound(key)

    def page(
        self,
        query: EventQuery,
        /,
        *,
        after: EventCursor | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> EventPage:
        found = self.in_order(query.matches)
        if newest_first:
            found = [pair for pair in reversed(found) if after is None or pair[0] < after]
        else:
            found = [pair for pair in found if after is None or pair[0] > after]
        places, events = [p for p, _ in found[:limit]], [e for _, e in found[:limit]]
        if not events:
            return EventPage(events)
        return EventPage(events, places[0], places[-1], len(found) > limit)

    def committed(self, query: EventQuery, /, *, after: int, limit: int) -> EventFeed:
        last = self.last_position()
        found = [e for _, e in self.in_order(query.matches) if after < e.position <= last]
        found = sorted(found, key=lambda event: event.position)[:limit]
        return EventFeed(found, max(after, found[-1].position if len(found) == limit else last))

    def last_position(self) -> int:
        return max((event.position for event in self.store.all("event", Event)), default=0)

    def associate(
        self, uuids: Collection[str], memva_session_id: str, /, *, session_id: str | None = None
    ) -> int:
        with self.store.edit() as documents:
            self.store.need_session(memva_session_id)
            events = [
                event
                for event in self.store.all("event", Event)
                if event.uuid in uuids and session_id in (None, event.session_id)
            ]
            for event in events:
                changed = attrs.evolve(event, memva_session_id=memva_session_id)
                documents["event", *event.transcript, event.uuid] = _dump(changed)
        return len(events)

    def associated_session(self, session_id: str, /) -> str | None:
        found = self.in_order(lambda e: e.session_id == session_id and bool(e.memva_session_id))
        return found[-1][1].memva_session_id if found else None

    def claude_sessions(self, memva_session_id: str, /) -> list[str]:
        begun: dict[str, datetime] = {}
        for place, event in self.in_order(lambda e: e.memva_session_id == memva_session_id):
            begun.setdefault(event.session_id, place.sort_at)
        return sorted(begun, key=lambda session_id: (begun[session_id], session_id))

    def last_line(self, transcript: Transcript, /) -> int:
        events = self.store.all("event", Event)
        return max((e.line for e in events if e.transcript == transcript), default=0)

    def count_lines(self, transcript: Transcript, /, *, uuid_prefix: str, up_to_line: int) -> int:
        found = [e for e in self.store.all("event", Event) if e.transcript == transcript]
        lines = [e.line for e in found if e.uuid.startswith(uuid_prefix)]
        return len([line for line in lines if 1 <= line <= up_to_line])


@attrs.frozen
class DocumentJobs:
    store: DocumentStore

    def add(self, jobs: Sequence[Job], /) -> list[Job]:
        there = []
        with self.store.edit() as documents:
            for job in jobs:
                text = _dump(job)
                if ("job", job.id) in documents:
                    raise JobExists(job.id)
                self.store.need_session(job.memva_session_id)
                holder = self.unique_holder(job)
                if holder is None:
                    documents["job", job.id] = text
                    documents["place", job.id] = str(next(self.store.order))
                there.append(holder or _load(text, Job))
        return there

    def unique_holder(self, job: Job) -> Job | None:
        if not job.takes_unique_key:
            return None
        for other in self.store.all("job", Job):
            other_takes = other.takes_unique_key and other.id != job.id
            if other_takes and (other.type, other.unique_key) == (job.type, job.unique_key):
                return other
        return None

    def get(self, job_id: str, /) -> Job:
        text = self.store.view().get(("job", job_id))
        if text is None:
            raise JobNotFound(job_id)
        return _load(text, Job)

    def find(
        self,
        query: JobQuery,
        /,
        *,
        after: int | None = None,
        oldest_first: bool = False,
        limit: int,
    ) -> JobPage:
        documents = self.store.view()
        jobs = {int(documents["place", job.id]): job for job in self.store.all("job", Job)}
        found = [
            place
            for place, job in sorted(jobs.items(), reverse=not oldest_first)
            if (after is None or (place > after if oldest_first else place < after))
            and (query.statuses is None or job.status in query.statuses)
            and (query.types is None or job.type in query.types)
            and query.memva_session_id in (None, job.memva_session_id)
            and query.concurrency_key in (None, job.concurrency_key)
            and (job.is_active or not query.active)
        ]
        page = found[:limit]
        return JobPage([jobs[place] for place in page], page[-1] if len(found) > limit else None)

    def attempts(self, job_id: str, /) -> list[JobAttempt]:
        texts = [t for key, t in self.store.view().items() if key[:2] == ("attempt", job_id)]
        return sorted((_load(text, JobAttempt) for text in texts), key=lambda a: a.number)

    def free(self, types: Collection[str] | None) -> list[Job]:
        jobs = self.store.all("job", Job)
        holders = {job.concurrency_key: job.id for job in jobs if job.is_active}
        return [
            job
            for job in jobs
            if job.status == "pending"
            and (types is None or job.type in types)
            and (not job.concurrency_key or holders.get(job.concurrency_key, job.id) == job.id)
        ]

    def claim(
        self,
        *,
        claim_token: str,
        lease: timedelta,
        limit: int,
        types: Collection[str] | None = None,
        worker_id: str | None = None,
        now: datetime | None = None,
    ) -> list[Job]:
        moment = now or self.store.now()
        claimed: list[Job] = []
        with self.store.edit() as documents:
            while len(claimed) < limit:
                due = [job for job in self.free(types) if job.scheduled_at <= moment]
                if not due:
                    break
                first = min(due, key=lambda job: (-job.priority, job.scheduled_at, job.created_at))
                job = first.claimed(
                    now=moment, lease=lease, claim_token=claim_token, worker_id=worker_id
                )
                documents["job", job.id] = _dump(job)
                claimed.append(job)
        return claimed

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        return min((job.scheduled_at for job in self.free(types)), default=None)

    def replace(self, changes: Sequence[JobChange], /) -> None:
        with self.store.edit() as documents:
            for old, new, attempt in changes:
                _dump(new)
                stored = self.get(new.id)
                if stored.claim_token != old.claim_token:
                    raise LeaseLost(new.id)
                if stored.status != old.status:
                    raise IllegalTransition(new.id, stored.status, new.status)
                changed = attrs.evolve(stored, **new.changes_from(old))
                holder = self.unique_holder(changed)
                if holder is not None:
                    raise UniqueKeyTaken(changed.type, str(changed.unique_key), holder.id)
                documents["job", new.id] = _dump(changed)
                if attempt is not None:
                    documents.setdefault(("attempt", new.id, str(attempt.number)), _dump(attempt))

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        moment = now or self.store.now()
        found = [
            (job.lease_until, job)
            for job in self.store.all("job", Job)
            if job.status == "processing" and job.lease_until and job.lease_until <= moment
        ]
        return [job for _, job in sorted(found, key=lambda pair: pair[0])[:limit]]

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        moment = now or self.store.now()
        groups: dict[tuple[str, JobStatus], list[datetime]] = {}
        for job in self.store.all("job", Job):
            groups.setdefault((job.type, job.status), []).append(job.scheduled_at)
        return [
            JobStats(
                type_,
                status,
                len(times),
                min((t for t in times if t <= moment and status == "pending"), default=None),
            )
            for (type_, status), times in sorted(groups.items())
        ]

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        gone = [
            job.id
            for job in self.store.all("job", Job)
            if job.status == status and job.completed_at and job.completed_at < ended_before
        ][:limit]
        with self.store.edit() as documents:
            for key in [key for key in documents if key[1] in gone]:
                if key[0] in ("job", "place", "attempt"):
                    del documents[key]
        return len(gone)


@attrs.frozen
class DocumentCursors:
    store: DocumentStore

    def get(self, source: str, /) -> TranscriptCursor | None:
        text = self.store.view().get(("cursor", source))
        return None if text is None else _load(text, TranscriptCursor)

    def versions(self, *, first: str, last: str) -> dict[str, str]:
        return {
            cursor.source: cursor.version
            for cursor in self.store.all("cursor", TranscriptCursor)
            if first <= cursor.source <= last
        }

    def put(self, cursor: TranscriptCursor, /) -> None:
        text = _dump(cursor)
        with self.store.edit() as documents:
            self.store.need_session(cursor.memva_session_id)
            documents["cursor", cursor.source] = text

    def find(self, *, after: str | None = None, limit: int) -> list[TranscriptCursor]:
        found = sorted(self.store.all("cursor", TranscriptCursor), key=lambda cursor: cursor.source)
        return [cursor for cursor in found if after is None or cursor.source > after][:limit]

    def with_skipped_lines(self, *, after: str = "", limit: int) -> list[TranscriptCursor]:
        found = sorted(self.store.all("cursor", TranscriptCursor), key=lambda cursor: cursor.source)
        skipped = [cursor for cursor in found if cursor.skipped.count and cursor.source > after]
        return skipped[:limit]


def accepted() -> Store:
    """The type checker's proof that it is a store."""
    return DocumentStore()
