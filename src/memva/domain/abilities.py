"""What a store may be able to do beyond the ports, such as to tell of commits, search, or count.

Each is a small protocol with a contract of its own in `memva.testing`; a service that needs one
says so by the type of its store. What `memva.domain.ports` says of every method holds here too, and
these are as provisional.
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Protocol

from memva.domain.event import Event, Transcript
from memva.domain.event_page import EventQuery
from memva.domain.finding import Finding
from memva.domain.ports import Store
from memva.domain.search_page import FoundEvents, Indexed, SearchCursor
from memva.domain.search_query import SearchQuery
from memva.domain.stats import SessionStats
from memva.domain.stored_transcript import LinePlace, StoredTranscript, TranscriptSummary
from memva.domain.usage import ResponseUsage


class Watch(Protocol):
    """Tells a waiting thread that something was committed."""

    def wait(self, timeout: float) -> bool:
        """Return True as soon as something was committed, or False after `timeout` seconds.

        Counted is what was committed since the watch began, or since the last call returned. It
        may be True without cause. What this process commits is told at once, what others commit
        within a tenth of a second.

        Raises:
            StoreUnavailable: The store is closed.
        """
        ...


class WatchableStore(Store, Protocol):
    """A store that tells of commits."""

    def watch(self) -> AbstractContextManager[Watch]:
        """Watch for commits of anyone's, in the `with` block; a watch is for one thread at a time.

        It keeps nobody waiting, and costs next to nothing while nothing happens.
        """
        ...


class WorkerStore(WatchableStore, Protocol):
    """A store on which a worker can run: it tells of commits, and lets a thread go first."""

    def reserved(self) -> AbstractContextManager[None]:
        """Keep a connection free for the calls of this thread, in the `with` block.

        However many other threads use the store at once, this one's calls do not wait for them to
        be done, but for the other writers alone.
        """
        ...


class SearchRepository(Protocol):
    """Searching the events of a store.

    An event is found where `matches` holds of the query and the `words` of its `searchable_text`,
    and the narrowing means it. Found is every such event that was committed before the call,
    whoever committed it, and inside a transaction its own as well. An index that has to be brought
    up to date first is the store's affair; where it cannot be, inside a snapshot for one, the
    search is slower, not poorer.

    Every method raises `SearchUnavailable` on a store that was opened without search.
    """

    def find(
        self,
        query: SearchQuery,
        narrowing: EventQuery,
        /,
        *,
        after: SearchCursor | None = None,
        limit: int,
    ) -> FoundEvents:
        """Return the first `limit` events that are found, the newest first, that follow `after`.

        They sort by `timestamp` to the millisecond, which is as exact as Claude Code is; ties by
        position, the higher first. A store may count an event to a later millisecond where tens
        of thousands share one. `limit` is at least 1. A query without terms finds nothing.
        """
        ...

    def find_best(self, query: SearchQuery, narrowing: EventQuery, /, *, limit: int) -> list[Event]:
        """Return the `limit` best of the newest `MOST_RANKED` events that are found.

        Of texts with as many words the one that says the query's terms more often comes first;
        ties as in `find`. The rest is the store's own judgement.
        """
        ...

    def build(self, *, limit: int) -> Indexed:
        """Bring the index up to date, by `limit` events at most.

        Called again until none is left, it has indexed everything that was committed before. It
        may be left at any time; each call is a transaction of its own, unless the caller has one.
        """
        ...


class SearchableStore(Store, Protocol):
    """A store that can be searched."""

    @property
    def search(self) -> SearchRepository:
        """Searching its events."""
        ...


class CountRepository(Protocol):
    """What sessions amount to, and what responses of the API used."""

    def session_stats(self, session_ids: Collection[str], /) -> dict[str, SessionStats]:
        """Return what each of these sessions amounts to, by its id.

        That is what `memva.domain.stats` works out of the events that are associated with
        it. Sessions that are not there are left out. However many they are, all are read at one
        moment, in a fixed number of steps.
        """
        ...

    def responses(
        self, *, since: datetime | None = None, until: datetime | None = None
    ) -> list[ResponseUsage]:
        """Return what each transcript tells of the usage of each response, in no order.

        That is one row for each transcript, response and session that lines are associated with:
        what `memva.domain.usage_in` finds in these lines, merged as `told_in` and `merged_told`
        do it. Which of several rows of one response counts is for `counted_once` to say, so that
        the answer stays right while copies come and go.

        With `since` or `until`, or both, only the rows of responses come of which a row lies in
        that span, at or after `since` and before `until`: all of their rows, as the choice among
        them must not depend on the span.
        """
        ...

    def latest_messages(self, session_ids: Collection[str], /) -> dict[str, Event]:
        """Return the latest message in each of these sessions, by the session's id.

        That is the last event in order of those in which `memva.domain.said_in` finds one of
        `MESSAGES`: a prompt, a command or an answer, in the main conversation. Sessions without
        one are left out.
        """
        ...


class CountingStore(Store, Protocol):
    """A store that counts: it tells what sessions amount to without reading all of them."""

    @property
    def counts(self) -> CountRepository:
        """What is counted."""
        ...


class TranscriptRepository(Protocol):
    """The transcripts of a store: its events by the lines that they stand on.

    A transcript is there as long as one of its events has a line; what was only streamed has none.
    Events come to it by `EventRepository.append`.
    """

    def find(
        self,
        *,
        project_key: str | None = None,
        session_id: str | None = None,
        subpath: str | None = None,
    ) -> list[StoredTranscript]:
        """Return the transcripts that are there, by project key, then session, then subpath.

        Each argument narrows to those with just this value; an empty `subpath` to the main
        conversations.
        """
        ...

    def lines(
        self, transcript: Transcript, /, *, after: LinePlace | None = None, limit: int
    ) -> list[Event]:
        """Return the first `limit` events of a transcript that have a line, by line.

        Ties go by position. `after` narrows to those that follow this place. `limit` is at least
        1. A transcript that is not there has none.
        """
        ...

    def note_appended(self, transcript: Transcript, uuid: str, /, *, at: datetime) -> None:
        """Note that the line with this uuid was the last of those appended to it at a moment.

        An earlier moment than one noted before does not count. Of a transcript that is not there
        nothing is noted.
        """
        ...

    def delete(self, transcript: Transcript, /) -> int:
        """Delete a transcript with all its events, streamed ones too; return how many they were.

        With a main conversation go those of its subagents. What is kept of a transcript goes with
        it: its summary, what was noted, its import cursors. Where the session of Claude Code's has
        lost its last event thereby, it is remembered as deleted, as by `SessionRepository.delete`.
        Sessions of memva's stay. A transcript that is not there is no error.
        """
        ...

    def summary(self, transcript: Transcript, /) -> TranscriptSummary | None:
        """Return the summary that was kept of a transcript, or None.

        It goes as soon as a line at or before its `up_to_line` comes, is replaced or leaves, and
        with any event that the transcript loses by the deletion of a session.
        """
        ...

    def keep_summary(self, transcript: Transcript, summary: TranscriptSummary, /) -> None:
        """Keep a summary in place of the one there is; of a transcript that is not there, none.

        Raises:
            InvalidValue: Its data is not JSON.
        """
        ...


class TranscriptStore(Store, Protocol):
    """A store that gives back its transcripts as they were written."""

    @property
    def transcripts(self) -> TranscriptRepository:
        """Its transcripts."""
        ...


class CheckableStore(Store, Protocol):
    """A store that looks itself over."""

    def check(self, *, thorough: bool = False) -> list[Finding]:
        """Return what is wrong with the store itself, the worst first; nothing where it is sound.

        What is damaged is found, not raised. It changes nothing and keeps nobody waiting, and may
        take as long as reading all that is stored; with `thorough`, several times as long, as what
        is kept twice is compared. What the caller's own transaction has written need not be seen.

        Raises:
            StoreUnavailable: The store is closed.
        """
        ...
