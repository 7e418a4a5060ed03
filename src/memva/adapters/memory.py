"""The in-memory store: a small, exact fake that keeps every promise of the ports.

It is meant to be read beside `memva.domain.ports`. What the other stores compute as they write,
the order of events for one, it computes from scratch when asked. All it keeps is one value that
never changes: a write puts a new value in its place, a transaction works on a value of its own and
publishes it when it succeeds, and a snapshot holds on to the value it found.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, TypeVar

import attrs

from memva.adapters.owner import Owner, current_owner
from memva.adapters.signal import Signal
from memva.domain.attempt import JobAttempt
from memva.domain.errors import (
    EventNotFound,
    IllegalTransition,
    JobExists,
    JobNotFound,
    LeaseLost,
    MemvaError,
    SessionExists,
    SessionNotFound,
    StoreBusy,
    StoreReadOnly,
    StoreUnavailable,
    UniqueKeyTaken,
)
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.job import EndedStatus, Job, JobStatus
from memva.domain.json import decode_json, encode_json
from memva.domain.ports import (
    EventCursor,
    EventPage,
    EventQuery,
    JobPage,
    JobQuery,
    JobStats,
    TranscriptCursor,
    Watch,
)
from memva.domain.session import Session
from memva.domain.time import utc_now
from memva.domain.validation import to_utc
from memva.domain.versions import Appended, reconcile

_Entity = TypeVar("_Entity", Session, Event, Job, JobAttempt)
_JSON_FIELDS = ("metadata", "data", "result", "checkpoint")


@attrs.frozen
class _Content:
    """Everything that the store keeps, at one moment."""

    sessions: Mapping[str, Session] = attrs.field(factory=dict)
    events: Mapping[EventKey, Event] = attrs.field(factory=dict)
    jobs: Mapping[str, Job] = attrs.field(factory=dict)
    job_places: Mapping[str, int] = attrs.field(factory=dict)
    attempts: Mapping[str, Mapping[int, JobAttempt]] = attrs.field(factory=dict)
    cursors: Mapping[str, TranscriptCursor] = attrs.field(factory=dict)
    last_position: int = 0
    last_job_place: int = 0

    def check_session(self, session_id: str | None) -> None:
        """Raise `SessionNotFound` unless the session is there, or None is meant."""
        if session_id is not None and session_id not in self.sessions:
            raise SessionNotFound(session_id)


@attrs.define
class _Scope:
    """What one thread or task works on: a transaction's content, or a snapshot's."""

    content: _Content
    writes: bool


class MemoryStore:
    """A store in this process's memory; it is gone with the process."""

    def __init__(
        self, *, clock: Callable[[], datetime] = utc_now, busy_timeout: float = 30.0
    ) -> None:
        """Make an empty store.

        Args:
            clock: Tells the present moment, aware and in UTC.
            busy_timeout: How many seconds a writer waits for another before `StoreBusy`.
        """
        self._clock = clock
        self._busy_timeout = busy_timeout
        self._content = _Content()
        self._closed = False
        self._begin_process()
        self.sessions = _Sessions(self)
        self.events = _Events(self)
        self.jobs = _Jobs(self)
        self.cursors = _Cursors(self)

    def now(self) -> datetime:
        """Return the present moment of its clock."""
        return self._clock()

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """Make all calls inside the block one unit."""
        with self.writing() as scope:
            before = scope.content
            try:
                yield
            except BaseException:
                scope.content = before
                raise

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Make all reads inside the block see the store at one moment."""
        content = self.content()
        owner = current_owner()
        if owner in self._scopes:
            yield
            return
        self._scopes[owner] = _Scope(content, writes=False)
        try:
            yield
        finally:
            self._scopes.pop(owner, None)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watch for commits of this process."""
        self.content()
        yield _Watch(self, self._signal)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Do nothing: there are no connections to wait for."""
        yield

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._content = _Content()
        self._signal.notify()

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def content(self) -> _Content:
        """Return what the caller sees."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._process != os.getpid():
            self._begin_process()
        scope = self._scopes.get(current_owner())
        return self._content if scope is None else scope.content

    @contextmanager
    def writing(self) -> Iterator[_Scope]:
        """Give the scope to write to; outside a transaction it is published at the end."""
        self.content()
        owner = current_owner()
        scope = self._scopes.get(owner)
        if scope is not None:
            if not scope.writes:
                raise StoreReadOnly("a snapshot is only for reading")
            yield scope
            return
        turn = self._turn
        if not turn.acquire(timeout=self._busy_timeout):
            raise StoreBusy(f"another writer was busy for {self._busy_timeout} seconds")
        try:
            scope = self._scopes[owner] = _Scope(self._content, writes=True)
            yield scope
            self._content = scope.content
            self._signal.notify()
        finally:
            self._scopes.pop(owner, None)
            turn.release()

    def _begin_process(self) -> None:
        # After a fork the threads that held these are not there to give them back.
        self._process = os.getpid()
        self._turn = threading.Lock()
        self._scopes: dict[Owner, _Scope] = {}
        self._signal = Signal()


class _Watch:
    def __init__(self, store: MemoryStore, signal: Signal) -> None:
        self._store = store
        self._signal = signal
        self._seen = signal.count

    def wait(self, timeout: float) -> bool:
        changed = self._signal.wait(self._seen, timeout)
        self._seen = self._signal.count
        self._store.content()
        return changed


class _Sessions:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def add(self, session: Session, /) -> None:
        session = _own(session)
        with self._store.writing() as scope:
            if session.id in scope.content.sessions:
                raise SessionExists(session.id)
            scope.content = _with(scope.content, session)

    def get(self, session_id: str, /) -> Session:
        content = self._store.content()
        content.check_session(session_id)
        return _own(content.sessions[session_id])

    def update(self, session: Session, /) -> None:
        session = _own(session)
        with self._store.writing() as scope:
            scope.content.check_session(session.id)
            scope.content = _with(scope.content, session)

    def find(self, *, include_archived: bool = False, limit: int | None = None) -> list[Session]:
        found = [
            session
            for session in self._store.content().sessions.values()
            if include_archived or session.archived_at is None
        ]
        found.sort(key=lambda session: (session.updated_at, session.id), reverse=True)
        return [_own(session) for session in found[:limit]]

    def delete(self, session_id: str, /) -> None:
        with self._store.writing() as scope:
            content = scope.content
            content.check_session(session_id)
            shortened = {
                event.transcript
                for event in content.events.values()
                if event.memva_session_id == session_id
            }
            its_jobs = content.jobs.keys() - _without(content.jobs, session_id).keys()
            scope.content = attrs.evolve(
                _without_jobs(content, its_jobs),
                sessions={k: v for k, v in content.sessions.items() if k != session_id},
                events=_without(content.events, session_id),
                cursors={
                    source: cursor
                    for source, cursor in _without(content.cursors, session_id).items()
                    if cursor.transcript not in shortened
                },
            )


class _Events:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def append(self, events: Sequence[Event], /) -> Appended:
        arriving = [_own(event) for event in events]
        with self._store.writing() as scope:
            content = scope.content
            for event in arriving:
                content.check_session(event.memva_session_id)
            named = {(event.session_id, event.uuid) for event in arriving}
            outcome = reconcile(
                arriving,
                [e for e in content.events.values() if (e.session_id, e.uuid) in named],
            )
            kept = dict(content.events)
            for event in outcome.superseded:
                del kept[event.key]
            position = content.last_position
            for event in outcome.fresh:
                position += 1
                kept[event.key] = attrs.evolve(event, position=position)
            scope.content = attrs.evolve(content, events=kept, last_position=position)
        return outcome.counted

    def get(self, key: EventKey, /) -> Event:
        event = self._store.content().events.get(key)
        if event is None:
            raise EventNotFound(key)
        return _own(event)

    def page(
        self, query: EventQuery, /, *, after: EventCursor | None = None, limit: int
    ) -> EventPage:
        found = [
            (cursor, event)
            for cursor, event in _in_order(self._store.content().events.values())
            if query.memva_session_id in (None, event.memva_session_id)
            and query.session_id in (None, event.session_id)
            and (after is None or cursor > after)
        ]
        page = found[:limit]
        return EventPage(
            events=[_own(event) for _, event in page],
            next=page[-1][0] if len(found) > len(page) else None,
        )

    def associate(
        self, uuids: Collection[str], memva_session_id: str, /, *, session_id: str | None = None
    ) -> int:
        wanted = set(uuids)
        with self._store.writing() as scope:
            scope.content.check_session(memva_session_id)
            changed = {
                key: attrs.evolve(event, memva_session_id=memva_session_id)
                for key, event in scope.content.events.items()
                if event.uuid in wanted and session_id in (None, event.session_id)
            }
            scope.content = attrs.evolve(scope.content, events={**scope.content.events, **changed})
        return len(changed)

    def associated_session(self, session_id: str, /) -> str | None:
        found = [
            (cursor, event.memva_session_id)
            for cursor, event in _in_order(self._store.content().events.values())
            if event.session_id == session_id and event.memva_session_id is not None
        ]
        return found[-1][1] if found else None

    def last_line(self, transcript: Transcript, /) -> int:
        return max((event.line for event in self._of(transcript)), default=0)

    def count_lines(self, transcript: Transcript, /, *, uuid_prefix: str, up_to_line: int) -> int:
        return sum(
            event.uuid.startswith(uuid_prefix) and 1 <= event.line <= up_to_line
            for event in self._of(transcript)
        )

    def _of(self, transcript: Transcript) -> Iterator[Event]:
        events = self._store.content().events.values()
        return (event for event in events if event.transcript == transcript)


def _in_order(events: Collection[Event]) -> list[tuple[EventCursor, Event]]:
    """Return events with their places, in the order that `EventRepository` defines."""

    def sequence(event: Event) -> tuple[Transcript, bool]:
        return event.transcript, event.line > 0

    placed: list[tuple[EventCursor, Event]] = []
    along = sorted(events, key=lambda event: (*sequence(event), event.line, event.position))
    for (transcript, _), group in groupby(along, key=sequence):
        latest = datetime.min.replace(tzinfo=utc_now().tzinfo)
        for event in group:
            latest = max(latest, event.timestamp)
            placed.append((EventCursor(latest, transcript, event.line, event.position), event))
    return sorted(placed, key=lambda pair: pair[0])


class _Jobs:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def add(self, jobs: Sequence[Job], /) -> list[Job]:
        jobs = [_own(job) for job in jobs]
        there = []
        with self._store.writing() as scope:
            before = scope.content
            try:
                for job in jobs:
                    if job.id in scope.content.jobs:
                        raise JobExists(job.id)
                    scope.content.check_session(job.memva_session_id)
                    holder = _unique_holder(scope.content, job)
                    if holder is None:
                        scope.content = _with_job(scope.content, job)
                    there.append(_own(holder or job))
            except MemvaError:
                scope.content = before
                raise
        return there

    def get(self, job_id: str, /) -> Job:
        job = self._store.content().jobs.get(job_id)
        if job is None:
            raise JobNotFound(job_id)
        return _own(job)

    def find(self, query: JobQuery, /, *, after: int | None = None, limit: int) -> JobPage:
        content = self._store.content()
        found = [
            (content.job_places[job.id], job)
            for job in reversed(list(content.jobs.values()))
            if _is_meant(query, job) and (after is None or content.job_places[job.id] < after)
        ]
        page = found[:limit]
        return JobPage(
            jobs=[_own(job) for _, job in page],
            next=page[-1][0] if len(found) > len(page) else None,
        )

    def attempts(self, job_id: str, /) -> list[JobAttempt]:
        kept = self._store.content().attempts.get(job_id, {})
        return [_own(attempt) for _, attempt in sorted(kept.items())]

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
        now = self._store.now() if now is None else to_utc(now)
        claimed: list[Job] = []
        with self._store.writing() as scope:
            while len(claimed) < limit:
                due = [job for job in _free(scope.content, types) if job.scheduled_at <= now]
                if not due:
                    break
                first = min(due, key=lambda job: (-job.priority, job.scheduled_at, job.created_at))
                job = first.claimed(
                    now=now, lease=lease, claim_token=claim_token, worker_id=worker_id
                )
                scope.content = _with_job(scope.content, job)
                claimed.append(job)
        return [_own(job) for job in claimed]

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        free = _free(self._store.content(), types)
        return min((job.scheduled_at for job in free), default=None)

    def replace(self, old: Job, new: Job, /, *, attempt: JobAttempt | None = None) -> None:
        own = _own(new)
        changes = {name: getattr(own, name) for name in new.changes_from(old)}
        with self._store.writing() as scope:
            stored = scope.content.jobs.get(new.id)
            if stored is None:
                raise JobNotFound(new.id)
            if stored.claim_token != old.claim_token:
                raise LeaseLost(new.id)
            if stored.status != old.status:
                raise IllegalTransition(new.id, stored.status, new.status)
            changed = attrs.evolve(stored, **changes)
            if not stored.takes_unique_key and (holder := _unique_holder(scope.content, changed)):
                raise UniqueKeyTaken(changed.type, str(changed.unique_key), holder.id)
            scope.content = _with_job(scope.content, changed)
            if attempt is not None:
                kept = {attempt.number: _own(attempt), **scope.content.attempts.get(new.id, {})}
                scope.content = attrs.evolve(
                    scope.content, attempts={**scope.content.attempts, new.id: kept}
                )

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        now = self._store.now() if now is None else to_utc(now)
        found = [
            (job.lease_until, job)
            for job in self._store.content().jobs.values()
            if job.status == "processing" and job.lease_until and job.lease_until <= now
        ]
        found.sort(key=lambda pair: pair[0])
        return [_own(job) for _, job in found[:limit]]

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        now = self._store.now() if now is None else to_utc(now)
        jobs = sorted(self._store.content().jobs.values(), key=_kind)
        counted = []
        for (type_, status), group in groupby(jobs, key=_kind):
            alike = list(group)
            waiting = [job.scheduled_at for job in alike if status == "pending"]
            oldest = min((moment for moment in waiting if moment <= now), default=None)
            counted.append(JobStats(type_, status, len(alike), oldest))
        return counted

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        ended_before = to_utc(ended_before)
        with self._store.writing() as scope:
            found = [
                (job.completed_at, job.id)
                for job in scope.content.jobs.values()
                if job.status == status and job.completed_at and job.completed_at < ended_before
            ]
            found.sort(key=lambda pair: pair[0])
            gone = {job_id for _, job_id in found[:limit]}
            scope.content = _without_jobs(scope.content, gone)
        return len(gone)


def _is_meant(query: JobQuery, job: Job) -> bool:
    return (
        (query.statuses is None or job.status in query.statuses)
        and (query.types is None or job.type in query.types)
        and query.memva_session_id in (None, job.memva_session_id)
        and query.concurrency_key in (None, job.concurrency_key)
        and (job.is_active or not query.active)
    )


def _free(content: _Content, types: Collection[str] | None) -> list[Job]:
    """Return the pending jobs of these types that no other job's key holds back."""
    holders = {job.concurrency_key: job.id for job in content.jobs.values() if job.is_active}
    return [
        job
        for job in content.jobs.values()
        if job.status == "pending"
        and (types is None or job.type in types)
        and (job.concurrency_key is None or holders.get(job.concurrency_key, job.id) == job.id)
    ]


def _unique_holder(content: _Content, job: Job) -> Job | None:
    """Return the stored job that keeps `job` out, or None."""
    if not job.takes_unique_key:
        return None
    for other in content.jobs.values():
        same = (other.type, other.unique_key) == (job.type, job.unique_key)
        if same and other.takes_unique_key and other.id != job.id:
            return other
    return None


def _kind(job: Job) -> tuple[str, JobStatus]:
    return job.type, job.status


class _Cursors:
    def __init__(self, store: MemoryStore) -> None:
        self._store = store

    def get(self, source: str, /) -> TranscriptCursor | None:
        return self._store.content().cursors.get(source)

    def put(self, cursor: TranscriptCursor, /) -> None:
        with self._store.writing() as scope:
            scope.content.check_session(cursor.memva_session_id)
            scope.content = attrs.evolve(
                scope.content, cursors={**scope.content.cursors, cursor.source: cursor}
            )


def _with_job(content: _Content, job: Job) -> _Content:
    if job.id in content.jobs:
        return attrs.evolve(content, jobs={**content.jobs, job.id: job})
    place = content.last_job_place + 1
    return attrs.evolve(
        content,
        jobs={**content.jobs, job.id: job},
        job_places={**content.job_places, job.id: place},
        last_job_place=place,
    )


def _without_jobs(content: _Content, gone: Collection[str]) -> _Content:
    def kept(of_jobs: Mapping[str, _Value]) -> dict[str, _Value]:
        return {job_id: value for job_id, value in of_jobs.items() if job_id not in gone}

    return attrs.evolve(
        content,
        jobs=kept(content.jobs),
        job_places=kept(content.job_places),
        attempts=kept(content.attempts),
    )


def _with(content: _Content, session: Session) -> _Content:
    return attrs.evolve(content, sessions={**content.sessions, session.id: session})


_Value = TypeVar("_Value")
_Linked = TypeVar("_Linked", Event, Job, TranscriptCursor)
_Key = TypeVar("_Key")


def _without(linked: Mapping[_Key, _Linked], session_id: str) -> dict[_Key, _Linked]:
    return {key: item for key, item in linked.items() if item.memva_session_id != session_id}


def _own(entity: _Entity) -> _Entity:
    """Return `entity` with JSON of its own; what is not JSON is refused."""
    copies: dict[str, Any] = {
        name: decode_json(encode_json(getattr(entity, name), field=name))
        for name in _JSON_FIELDS
        if getattr(entity, name, None) is not None
    }
    return attrs.evolve(entity, **copies) if copies else entity
