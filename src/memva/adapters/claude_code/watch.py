"""Which transcripts have changed: as the system tells, and by looking where it does not."""

from __future__ import annotations

import logging
import time
from collections.abc import Collection, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final, Protocol

from memva.adapters.claude_code.folders import Folders
from memva.adapters.claude_code.notices import Notices, NoticesUnavailable
from memva.domain.errors import SourceUnreadable
from memva.domain.transcript_ports import TranscriptSource

LOOK_SECONDS: Final = 1.0
"""How often a watch looks for changes that it is not told of, where looking is quick."""

_SHARE: Final = 100
"""Where it is not: how many times as long as a look takes are between two of them."""

_log: Final = logging.getLogger(__name__)


class FoundAt(TranscriptSource, Protocol):
    """A source that finds its transcripts below a path too."""

    def at(self, path: str) -> Iterable[str]:
        """Return the names of those that may be at or below it."""
        ...


@contextmanager
def watching(source: FoundAt, folders: Folders, *, polling: bool) -> Iterator[_FolderWatch]:
    """Watch a source whose transcripts lie in `folders`, in the `with` block."""
    watch = _FolderWatch(source, folders, polling=polling)
    try:
        yield watch
    finally:
        watch.end()


class _FolderWatch:
    """Waits for notices of the system's or, where there are none, looks at every file.

    There are none before the place is there, so that it tries again with each look.
    """

    def __init__(self, source: FoundAt, folders: Folders, *, polling: bool) -> None:
        self._source = source
        self._folders = folders
        self._polling = polling
        self._notices: Notices | None = None
        self._seen: Mapping[str, str] = {}
        self._next_look = time.monotonic() + LOOK_SECONDS
        self._begin()

    def wait(self, timeout: float, /) -> Collection[str]:
        """Return the names of what changed, or none after `timeout` seconds."""
        if self._notices is not None:
            try:
                return self._noticed(self._notices, timeout)
            except NoticesUnavailable as error:
                self._poll(error)
        pause = self._next_look - time.monotonic()
        time.sleep(max(0.0, min(pause, timeout)))
        return self._look() if pause <= timeout else []

    def end(self) -> None:
        """Want no more notices."""
        if self._notices is not None:
            self._notices.end()
            self._notices = None

    def _noticed(self, notices: Notices, timeout: float) -> Collection[str]:
        names: set[str] = set()
        with suppress(SourceUnreadable):
            for path in notices.wait(timeout):
                names.update(self._source.at(path))
        if not notices.are_of(self._folders.base):
            # It has gone, or transcripts lie elsewhere by now.
            self.end()
            self._next_look = time.monotonic()
        return names

    def _look(self) -> Collection[str]:
        """Return what changed since the last look, with notices from then on where there can be."""
        begin = time.monotonic()
        try:
            self._begin()
            found = self._source.versions()
            seen, self._seen = self._seen, {**found.transcripts, **found.metadata}
            return [name for name, v in self._seen.items() if seen.get(name) != v or not v]
        except SourceUnreadable:
            return []
        finally:
            spent = time.monotonic() - begin
            self._next_look = begin + max(LOOK_SECONDS, _SHARE * spent)

    def _begin(self) -> None:
        if self._polling:
            return
        try:
            # Where the transcripts lie may have changed.
            self._folders.settle()
            self._notices = Notices(self._folders.base)
        except (SourceUnreadable, FileNotFoundError):
            return
        except NoticesUnavailable as error:
            self._poll(error)

    def _poll(self, error: NoticesUnavailable) -> None:
        self.end()
        self._polling = True
        _log.warning("the system tells of no changes (%s); looking for them instead", error)
