"""The in-memory store: a small, exact fake that keeps every promise of the ports.

It is meant to be read beside `memva.domain.ports`. What the other stores compute as they write,
the order of events for one, it computes from scratch when asked. All it keeps is one value that
never changes: a write puts a new value in its place, a transaction works on a value of its own and
publishes it when it succeeds, and a snapshot holds on to the value it found.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

from memva.adapters.memory.content import Content, Scope
from memva.adapters.memory.counts import MemoryCounts
from memva.adapters.memory.cursors import MemoryCursors
from memva.adapters.memory.events import MemoryEvents
from memva.adapters.memory.jobs import MemoryJobs
from memva.adapters.memory.search import MemorySearch
from memva.adapters.memory.sessions import MemorySessions
from memva.adapters.memory.transcripts import MemoryTranscripts
from memva.adapters.memory.watch import MemoryWatch
from memva.adapters.owner import Owner, current_owner
from memva.adapters.signal import Signal
from memva.domain.abilities import Watch
from memva.domain.errors import StoreBusy, StoreReadOnly, StoreUnavailable
from memva.domain.finding import Finding
from memva.domain.time import utc_now


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
        self._content = Content()
        self._closed = False
        self._begin_process()
        self.sessions = MemorySessions(self)
        self.events = MemoryEvents(self)
        self.jobs = MemoryJobs(self)
        self.cursors = MemoryCursors(self)
        self.search = MemorySearch(self)
        self.counts = MemoryCounts(self)
        self.transcripts = MemoryTranscripts(self)

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
        self._scopes[owner] = Scope(content, writes=False)
        try:
            yield
        finally:
            self._scopes.pop(owner, None)

    @contextmanager
    def watch(self) -> Iterator[Watch]:
        """Watch for commits of this process."""
        self.content()
        yield MemoryWatch(self, self._signal)

    @contextmanager
    def reserved(self) -> Iterator[None]:
        """Do nothing: there are no connections to wait for."""
        yield

    def check(self, *, thorough: bool = False) -> list[Finding]:
        """Return nothing: there is nothing beneath it that could be wrong."""
        self.content()
        return []

    def close(self) -> None:
        """Forget everything."""
        self._closed = True
        self._content = Content()
        self._signal.notify()

    def __enter__(self) -> MemoryStore:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def content(self) -> Content:
        """Return what the caller sees."""
        if self._closed:
            raise StoreUnavailable("the store is closed")
        if self._process != os.getpid():
            self._begin_process()
        scope = self._scopes.get(current_owner())
        return self._content if scope is None else scope.content

    @contextmanager
    def writing(self) -> Iterator[Scope]:
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
            scope = self._scopes[owner] = Scope(self._content, writes=True)
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
        self._scopes: dict[Owner, Scope] = {}
        self._signal = Signal()
