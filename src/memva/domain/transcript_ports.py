"""The ports to places of transcripts: a source that they lie in, and a sink that they are put into.

No store needs them. They are protocols, as those of `memva.domain.ports` are, and as provisional;
an adapter inherits from nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol

import attrs

from memva.domain.event import Event, Transcript


@attrs.frozen(kw_only=True)
class SourceTranscript:
    """A transcript that a source has.

    Attributes:
        source: Its name, unique among all sources: where a person finds it.
        size: Its size in bytes.
        version: Changes whenever the content does; empty where there is a problem.
        modified_at: When it was last written.
        problem: Why nothing can be read there, or None.
        describes: The source of a subagent's transcript, where this is no transcript but says
            what the subagent is; it is identified as the same transcript.
    """

    source: str
    size: int
    version: str
    modified_at: datetime
    problem: str | None = None
    describes: str | None = None


class SourceVersions(NamedTuple):
    """The `version` of each transcript that a source has.

    Attributes:
        transcripts: Those of transcripts, by their names, a session's main conversation before its
            subagents'.
        metadata: Those of what says what a subagent is, by their names.
    """

    transcripts: Mapping[str, str]
    metadata: Mapping[str, str]


class SourceLine(NamedTuple):
    """A line that a source has read.

    Attributes:
        number: Its number, from 1.
        end: The offset in bytes at which the line after it begins.
        content: Its bytes, without the newline that ends it.
        complete: False for half a line at the end, which may still grow.
    """

    number: int
    end: int
    content: bytes
    complete: bool


class TranscriptSource(Protocol):
    """A place where transcripts lie as lines of bytes."""

    def versions(self) -> SourceVersions:
        """Return the versions of all that the source has.

        Most of it has not changed since it was last seen: this is to take little longer than
        finding it.

        Raises:
            SourceUnreadable: The place itself cannot be read.
        """
        ...

    def transcripts(self, sources: Iterable[str], /) -> Sequence[SourceTranscript]:
        """Return what is known of the transcripts with these names, in the order given.

        Those that have gone are left out.
        """
        ...

    def identify(self, source: str, /) -> Transcript:
        """Return which transcript this is; it may look into the content.

        Raises:
            SourceUnreadable: It has gone, or may not be read.
        """
        ...

    def fingerprint(self, source: str, /, offset: int) -> str:
        """Return a digest of the content close before `offset`: it tells whether it was rewritten.

        Raises:
            SourceUnreadable: It has gone, may not be read, or ends before `offset`.
        """
        ...

    def read(self, source: str, /, *, offset: int, line: int) -> Iterator[SourceLine]:
        """Yield the lines after the first `offset` bytes, which hold `line` lines.

        One line at a time is held in memory. What stands after the last line's end comes last, as
        an incomplete line.

        Raises:
            SourceUnreadable: It has gone, or may not be read.
        """
        ...


class SourceWatch(Protocol):
    """Tells a waiting thread which transcripts of a source have changed."""

    def wait(self, timeout: float, /) -> Collection[str]:
        """Return the names of what changed, as soon as something did, or none after `timeout`.

        The timeout is in seconds. Counted is what changed or came since the watch began, or since
        the last call returned. Others may be named without cause. Some may be missed: who needs
        all of them compares the source's `versions` from time to time.

        A place that is not there, or cannot be read, has no changes until it can be.
        """
        ...


class WatchableSource(TranscriptSource, Protocol):
    """A source that tells of changes."""

    def watch(self) -> AbstractContextManager[SourceWatch]:
        """Watch for changes, in the `with` block; a watch is for one thread at a time.

        It costs next to nothing while nothing happens, however many transcripts there are.
        """
        ...


class TranscriptSink(Protocol):
    """A place that transcripts are put into as lines of JSON."""

    def write(
        self, transcript: Transcript, lines: Iterator[Event], /, *, overwrite: bool = False
    ) -> bool:
        """Put a transcript there, whole or not at all; return False where it is there already.

        `lines` are its events, in order. They are taken one at a time, and not to the end where
        that is not needed; what they raise goes on, and nothing has changed then. The transcript
        is given the latest of their times as the moment when it was written.

        What is there already may be equal as JSON, and stays, or may be the beginning, and gives
        way. Anything else gives way with `overwrite` alone.

        Raises:
            SinkTaken: Something else is there.
            SinkUnwritable: Its ids name no place there, or nothing can be written.
        """
        ...
