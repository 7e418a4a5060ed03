"""The ports: what memva asks of a store.

They are protocols; an adapter inherits from nothing. Write one against this page, then run
`memva.testing.StoreContract` on it: every promise below is a test there. Until memva 1.0 the ports
are provisional; each change to them stands in the CHANGELOG under "For adapter authors".

What a store may be able to do beyond this, such as searching, stands in `memva.domain.abilities`;
what is asked of a place that transcripts are read from or put into, in
`memva.domain.transcript_ports`.

What holds for every method of a store:

- Each call is atomic. Outside a transaction it takes effect on its own; inside one, with the rest.
- What is returned belongs to the caller: no two callers share one mutable structure.
- Text comes back equal whatever it holds, as does JSON with NUL, lone surrogates and integers of
  any size.
- A driver's exception never escapes: it is the cause of a `StoreError`.
- A store may be used from several threads at once, and in a child process after a fork.
  Where a transaction or a snapshot was open at the fork, the child's calls may raise
  `StoreUnavailable`; they never hang, and what they commit is never lost.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager
from datetime import datetime, timedelta
from typing import Protocol

from memva.domain.attempt import JobAttempt
from memva.domain.event import Event, EventKey, Transcript
from memva.domain.event_page import EventCursor, EventFeed, EventPage, EventQuery
from memva.domain.job import EndedStatus, Job
from memva.domain.job_change import JobChange
from memva.domain.job_page import JobPage, JobQuery, JobStats
from memva.domain.session import Session
from memva.domain.session_page import SessionCursor, SessionPage, SessionQuery, SessionSort
from memva.domain.transcript_cursor import TranscriptCursor
from memva.domain.versions import Appended


class SessionRepository(Protocol):
    """The sessions of a store."""

    def add(self, session: Session, /) -> None:
        """Store a new session.

        Raises:
            SessionExists: A session with its id is there already; it is left as it was.
            InvalidValue: Its metadata is not JSON.
        """
        ...

    def get(self, session_id: str, /) -> Session:
        """Return the session with this id.

        Inside `transaction()` nobody else can change it before the transaction ends.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    def update(self, session: Session, /) -> None:
        """Store `session` in place of the one with its id.

        Raises:
            SessionNotFound: There is none.
            InvalidValue: Its metadata is not JSON.
        """
        ...

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
        """Return the first `limit` sessions of `query`, in order, that follow the cursor `after`.

        They sort by the field `sort`, the highest first: the latest, or the title that is last in
        the alphabet; with `ascending` the lowest first. Titles compare as `folded` gives them, by
        code points; sessions without a title come last in either direction. Ties go by id, in the
        same direction.

        `after` is the `next` of a page in the same order, and marks a place, not a session: it
        stays good while sessions come, go and change. A session that changes its place meanwhile
        may come twice or not at all; every other one comes once. `limit` is at least 1, or None
        for all.
        """
        ...

    def delete(self, session_id: str, /) -> None:
        """Delete a session with its events, its jobs and its cursors, and remember that.

        The cursors of every transcript that loses events go too, whatever session they name: a
        later import would otherwise take the lost events for imported.

        Remembered as deleted is every session of Claude Code's that loses an event thereby. So is
        the session's own id, by which an import would call it again, unless another session has
        events of the session of Claude Code's with that id.

        Raises:
            SessionNotFound: There is none.
        """
        ...

    def is_deleted(self, claude_session_id: str, /) -> bool:
        """Tell whether a session of Claude Code's is remembered as deleted.

        Imports ask for it; it keeps nothing from being added, and whatever is added does not undo
        it.
        """
        ...

    def forget_deletion(self, claude_session_id: str, /) -> None:
        """Forget that a session of Claude Code's was deleted; one that was not is no error."""
        ...

    def remember_deletion(self, claude_session_id: str, /) -> None:
        """Remember that a session of Claude Code's was deleted, as another store does.

        Whatever is there of it stays.
        """
        ...

    def deletions(self, *, after: str | None = None, limit: int) -> list[str]:
        """Return the first `limit` sessions of Claude Code's that are remembered as deleted.

        They sort by code points; with `after`, those come that follow it. `limit` is at least 1.
        """
        ...


class EventRepository(Protocol):
    """The events of a store.

    Events sort by the running maximum of `timestamp` along their transcript, then by transcript
    (project key, session, subpath), then by `line`, then by `position`. The running maximum goes
    along the lines of the transcript; streamed lines, whose `line` is 0, form a sequence of their
    own in the order of their positions.
    """

    def append(self, events: Sequence[Event], /) -> Appended:
        """Store events, each under a new position, in the order given; all of them or none.

        A position that an event bears already, as it comes from another store, means nothing.

        Idempotent. Of two versions of one event one is kept whole, as
        `memva.domain.versions.reconcile` works out from the stored events that share a session
        and a uuid with those given. A version that replaces another takes a new position; one
        that changes nothing takes none. Positions rise with each commit and are never reused.

        Raises:
            SessionNotFound: An event is associated with a session that is not there.
            InvalidValue: An event's data is not JSON.
        """
        ...

    def get(self, key: EventKey, /) -> Event:
        """Return the event with this key.

        Raises:
            EventNotFound: There is none.
        """
        ...

    def place(self, key: EventKey, /) -> EventCursor:
        """Return the place in the order of the event with this key.

        Raises:
            EventNotFound: There is none.
        """
        ...

    def page(
        self,
        query: EventQuery,
        /,
        *,
        after: EventCursor | None = None,
        newest_first: bool = False,
        limit: int,
    ) -> EventPage:
        """Return the first `limit` events of `query`, in order, that follow the cursor `after`.

        With `newest_first` the order is turned round, and what follows is what comes before.
        `after` marks a place, whether an event is there or not, and may be of any time zone.
        `limit` is at least 1. A session that is not there has no events.
        """
        ...

    def committed(self, query: EventQuery, /, *, after: int, limit: int) -> EventFeed:
        """Return the first `limit` events of `query`, by position, whose position is above `after`.

        What was returned is all there is up to the feed's `position`: no event can be committed
        at or below it any more. Inside a transaction its own events are among them.
        """
        ...

    def last_position(self) -> int:
        """Return the position that the feed of all events ends at for now; 0 before any event."""
        ...

    def associate(
        self, uuids: Collection[str], memva_session_id: str, /, *, session_id: str | None = None
    ) -> int:
        """Associate every event that bears one of `uuids` with a session; return how many.

        `session_id` narrows it to one session of Claude Code's. An association that was made
        before gives way; positions stay.

        Raises:
            SessionNotFound: The session is not there.
        """
        ...

    def associated_session(self, session_id: str, /) -> str | None:
        """Return the session that a session of Claude Code's is associated with, or None.

        That is the session of the event last in order among its events that are associated.
        """
        ...

    def claude_sessions(self, memva_session_id: str, /) -> list[str]:
        """Return the sessions of Claude Code's that have events associated with a session.

        They come by `EventCursor.sort_at` of their first events, ties by id; none where the session
        is not there.
        """
        ...

    def last_line(self, transcript: Transcript, /) -> int:
        """Return the highest `line` in a transcript; 0 where it has none."""
        ...

    def count_lines(self, transcript: Transcript, /, *, uuid_prefix: str, up_to_line: int) -> int:
        """Return how many events of a transcript, at lines 1 to `up_to_line`, have such a uuid."""
        ...


class JobRepository(Protocol):
    """The jobs of a store.

    What a job was created with stays as it is: its id, type, data, priority, `max_attempts`,
    `created_at`, session, keys, scope and timeout. The rest changes with its transitions.

    Of pending jobs the first is that of higher `priority`, then of earlier `scheduled_at`, then of
    earlier `created_at`, then the one added first.
    """

    def add(self, jobs: Sequence[Job], /) -> list[Job]:
        """Store new jobs, in the order given; all of them or none.

        Some may have been claimed elsewhere, or have ended there: they are added as they are. One
        that is active holds its `concurrency_key` from then on, and its claim is good.

        Returned is, for each, the job that is now there: itself, or the stored one that keeps it
        out, where `Job.takes_unique_key` holds of both and they share type and `unique_key`. Such
        a one may be among those given before it.

        Raises:
            JobExists: A job with the same id is there already; it is left as it was.
            SessionNotFound: One belongs to a session that is not there.
            InvalidValue: One has data, a result or a checkpoint that is not JSON.
        """
        ...

    def get(self, job_id: str, /) -> Job:
        """Return the job with this id.

        Inside `transaction()` nobody else can change it before the transaction ends.

        Raises:
            JobNotFound: There is none.
        """
        ...

    def find(
        self,
        query: JobQuery,
        /,
        *,
        after: int | None = None,
        oldest_first: bool = False,
        limit: int,
    ) -> JobPage:
        """Return the first `limit` jobs of `query`, the last added first, that follow `after`.

        With `oldest_first` the one added first comes first. `after` is the `next` of another page
        in the same order; it stays good while jobs come and go. `limit` is at least 1.
        """
        ...

    def attempts(self, job_id: str, /) -> list[JobAttempt]:
        """Return the attempts that were kept of a job, the first first; none of an unknown job."""
        ...

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
        """Claim the first jobs that are due, at most `limit`, as `Job.claimed` says.

        Due is a pending job that is scheduled at or before `now`, which may be of any time zone,
        unless another job of its `concurrency_key` is active; of the jobs that one call claims, no
        two share a key. `types` narrows to jobs of these types. They come in their order, and no
        other call gets the same jobs.

        Where more jobs become due between two calls than a store can look through at once, it may
        leave some of them for later calls, those scheduled last; the order holds among the others.
        What somebody else is changing, or holds in a transaction, may be passed over. But for that
        it returns none only where there is none.
        """
        ...

    def next_due(self, *, types: Collection[str] | None = None) -> datetime | None:
        """Return a moment before which no claim of these types can succeed, if nothing changes.

        It may lie in the past. None says that there is nothing to wait for. It takes no lock, and
        may be earlier than needed, but not for ever: a claim at that moment makes it later.
        """
        ...

    def replace(self, changes: Sequence[JobChange], /) -> None:
        """Store changes of jobs, in the order given; all of them or none.

        A stored job must have the `claim_token` and the `status` of its `old`. The fields in which
        `new` differs from `old` are stored, and the others stay as they are stored; where it
        differs in none, the attempt alone is kept. An attempt whose number is kept already stays
        as it is. Where several changes are refused, the error tells of one of them.

        Raises:
            JobNotFound: A job is not there.
            LeaseLost: It is under another claim.
            IllegalTransition: It has another status, or `new` begins a run, as `claim` alone does.
            UniqueKeyTaken: It would take its unique key, which another job has.
            InvalidValue: What is stored is not JSON.
        """
        ...

    def expired(self, *, now: datetime | None = None, limit: int) -> list[Job]:
        """Return jobs whose lease ran out at or before `now`, at most `limit`.

        Those come first that ran out first; which of several that ran out together is open.
        """
        ...

    def stats(self, *, now: datetime | None = None) -> list[JobStats]:
        """Return how many jobs there are of each type and status, sorted by type, then status."""
        ...

    def prune(self, status: EndedStatus, /, *, ended_before: datetime, limit: int) -> int:
        """Delete jobs that came to `status` before that moment, with their attempts.

        At most `limit` of them, whichever the store finds first. Returned is how many.
        """
        ...


class CursorRepository(Protocol):
    """How far each source's transcripts have been imported."""

    def get(self, source: str, /) -> TranscriptCursor | None:
        """Return the cursor of a source's transcript, or None where it was never imported."""
        ...

    def versions(self, *, first: str, last: str) -> dict[str, str]:
        """Return the `version` of each cursor whose source stands from `first` to `last`.

        Sources compare by code points, and both ends count. However many they are, all are read at
        one moment, in a fixed number of steps.
        """
        ...

    def put(self, cursor: TranscriptCursor, /) -> None:
        """Store a cursor, in place of the one with its source where there is one.

        Raises:
            SessionNotFound: Its session is not there.
        """
        ...

    def find(self, *, after: str | None = None, limit: int) -> list[TranscriptCursor]:
        """Return the first `limit` cursors by source.

        Sources compare by code points; with `after`, those come that follow it. `limit` is at
        least 1.
        """
        ...

    def with_skipped_lines(self, *, after: str = "", limit: int) -> list[TranscriptCursor]:
        """Return the first `limit` cursors of transcripts of which lines were skipped, by source.

        Sources compare by code points; those come that follow `after`. `limit` is at least 1.
        """
        ...


class Store(Protocol):
    """A place that keeps sessions, events and jobs."""

    @property
    def sessions(self) -> SessionRepository:
        """Its sessions."""
        ...

    @property
    def events(self) -> EventRepository:
        """Its events."""
        ...

    @property
    def jobs(self) -> JobRepository:
        """Its jobs."""
        ...

    @property
    def cursors(self) -> CursorRepository:
        """How far transcripts have been imported."""
        ...

    def now(self) -> datetime:
        """Return the present moment of the store's own clock, in UTC."""
        ...

    def transaction(self) -> AbstractContextManager[None]:
        """Make all calls inside the `with` block one unit.

        Everybody else sees all of its changes at once when the block ends, or, where the block
        raises, none ever. One inside another is a savepoint: where its block raises, its changes
        alone are undone, and the outer one goes on if the error is caught. A transaction belongs
        to the thread that opened it, and in a coroutine to its task: calls from elsewhere are no
        part of it.

        Blocks run one after the other, whoever opens them. The sessions and jobs that one has got
        by their ids, and whatever it has changed, nobody else changes before it ends. A call
        outside any block either waits for that end or takes effect meanwhile, so that what else
        the block reads may change from one read to the next.

        Raises:
            StoreBusy: The wait for other writers was too long.
            StoreReadOnly: It was opened inside `snapshot()`.
        """
        ...

    def snapshot(self) -> AbstractContextManager[None]:
        """Make all reads inside the `with` block see the store at one moment.

        It keeps no writer waiting. Inside a transaction it changes nothing: reads there are as
        `transaction()` says. A write inside it raises `StoreReadOnly`.
        """
        ...

    def close(self) -> None:
        """Release everything the store holds; closing twice is harmless.

        Any other call on a closed store raises `StoreUnavailable`.
        """
        ...
