"""What the command writes: laid out for a terminal, plain for a pipe, harmless in both."""

from __future__ import annotations

import io
import os
import re
import sys
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from datetime import datetime
from pathlib import Path
from typing import IO, Final

from rich.console import Console
from rich.text import Text

_REPLACEMENT: Final = "\N{REPLACEMENT CHARACTER}"
_HARMFUL: Final = re.compile(
    # Whole escape sequences, such as the colours in a tool's output, …
    r"\x1b\[[0-?]*[ -/]*[@-~]"
    r"|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
    # … other control characters, marks that turn the direction of text, and lone surrogates.
    r"|[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\ud800-\udfff]"
)

_NARROWEST: Final = 20
"""How many columns text is given at least, however far it is moved in."""


def clean(text: str) -> str:
    """Return `text` without what could steer a terminal or cannot be written; lines stay.

    Escape sequences go; other control characters and lone surrogates become U+FFFD.
    """
    return _HARMFUL.sub(
        lambda found: "" if len(found[0]) > 1 else _REPLACEMENT, text.replace("\r\n", "\n")
    )


def one_line(text: str) -> str:
    """Return `text`, clean, as a single line."""
    return " ".join(clean(text).split())


def counted(number: int, noun: str) -> str:
    """Return a number with its noun, such as `1 event` and `1,200 events`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def local_time(moment: datetime, *, timespec: str = "minutes") -> str:
    """Return a moment in the local time zone, for people to read."""
    try:
        local = moment.astimezone()
    except (OverflowError, OSError, ValueError):
        # At the ends of the calendar some time zones have no such time.
        local = moment
    return local.replace(tzinfo=None).isoformat(sep=" ", timespec=timespec)


class Output:
    """One of the standard streams."""

    def __init__(self, stream: IO[str]) -> None:
        # An encoding that lacks a character must not end the command.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")
        self._stream = stream
        self.is_terminal = stream.isatty()
        self.console = Console(
            file=stream,
            force_terminal=self.is_terminal,
            color_system=None if os.environ.get("NO_COLOR") else "auto",
            markup=False,
            emoji=False,
            highlight=False,
        )

    @property
    def width(self) -> int | None:
        """How many columns the terminal has; None for a pipe, which has no limit."""
        return self.console.width if self.is_terminal else None

    def width_within(self, indent: int) -> int | None:
        """Return how many columns are left beside an indent; None for a pipe."""
        return None if self.width is None else max(self.width - indent, _NARROWEST)

    def line(self, text: str = "", *, style: str = "") -> None:
        """Write one line, cleaned; only a terminal is given its style."""
        self._write(Text(clean(text), style))

    def indented(self, text: str, *, indent: int, style: str = "", cut: bool = False) -> None:
        """Write one line, cleaned, moved in; only a terminal is given its style.

        A terminal wraps it within the indent or, with `cut`, is given what fits into one line; a
        pipe is given all of it in one.
        """
        width = self.width_within(indent)
        if width is None:
            self.raw(f"{' ' * indent}{clean(text)}".rstrip())
            return
        styled = Text(clean(text), style)
        if cut:
            styled.truncate(width, overflow="ellipsis")
        for part in styled.wrap(self.console, width):
            part.rstrip()
            self.styled(part, indent=indent)

    def marked(self, text: str, marks: Iterable[tuple[int, int]], *, indent: int) -> None:
        """Write a text, cleaned, moved in; a terminal shows what stands between the marks."""
        marked = Text(clean(text))
        for start, end in marks:
            marked.stylize("bold yellow", start, end)
        width = self.width_within(indent)
        for part in [marked] if width is None else marked.wrap(self.console, width):
            part.rstrip()
            self.styled(part, indent=indent)

    def styled(self, text: Text, *, indent: int) -> None:
        """Write one line, moved in; it must be known to be harmless."""
        self._write(Text(" " * indent) + text if text else text)

    def raw(self, text: str) -> None:
        """Write one line as it is; it must be known to be harmless."""
        self._stream.write(f"{text}\n")

    def flush(self) -> None:
        """Have what was written appear."""
        self._stream.flush()

    def _write(self, text: Text) -> None:
        if self.is_terminal:
            self.console.print(text, soft_wrap=True)
        else:
            self.raw(text.plain.rstrip())


def stdout() -> Output:
    """Return standard output, for what the command was asked for."""
    return Output(sys.stdout)


def stderr() -> Output:
    """Return standard error, for hints and progress."""
    return Output(sys.stderr)


@contextmanager
def closed_streams_discarded() -> Iterator[None]:
    """Send nowhere what goes to a standard stream that was closed before Python began."""
    with Path(os.devnull).open("w", encoding="utf-8") as nowhere, ExitStack() as until_the_end:
        if sys.stdout is None:
            until_the_end.enter_context(redirect_stdout(nowhere))
        if sys.stderr is None:
            until_the_end.enter_context(redirect_stderr(nowhere))
        yield


def discard_stdout() -> None:
    """Send what standard output still holds nowhere, as nobody can take it."""
    # One that is no file, as in a test, holds nothing back.
    with suppress(io.UnsupportedOperation), Path(os.devnull).open("wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stdout.fileno())
