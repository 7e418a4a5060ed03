"""How the command ends when it cannot do what it was asked."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, Any

import click

from memva.cli.output import Output, one_line


class Failure(click.ClickException):
    """Ends the command with one error line and status 1."""

    def show(self, file: IO[Any] | None = None) -> None:
        """Write the line to standard error."""
        Output(file or sys.stderr).line(f"memva: error: {one_line(self.message)}")


class Interrupted(click.ClickException):
    """Ends the command after Ctrl-C, with the status that shells give it."""

    exit_code = 130

    def show(self, file: IO[Any] | None = None) -> None:
        """Write what became of the work to standard error."""
        Output(file or sys.stderr).line(self.message)


@contextmanager
def interruptible(what_stands: str) -> Iterator[None]:
    """Say what stands of the work in the block where Ctrl-C ends it, and how to go on.

    Raises:
        Interrupted: Ctrl-C was pressed.
    """
    try:
        yield
    except KeyboardInterrupt as error:
        raise Interrupted(f"Interrupted; {what_stands}. Run the same command to go on.") from error
