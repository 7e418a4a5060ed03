"""The bar that shows how far long work has come; only a terminal gets one."""

from __future__ import annotations

from rich.progress import (
    BarColumn,
    Progress,
    ProgressColumn,
    Task,
    TextColumn,
    TimeRemainingColumn,
)
from rich.text import Text

from memva.cli.output import stderr


class _TimeLeft(TimeRemainingColumn):
    """The time left; nothing where nobody knows how much there is to do."""

    def render(self, task: Task) -> Text:
        time = super().render(task)
        return time.append(" left") if time else time


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error with `columns` and the time left; it goes when it is done."""
    output = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        *columns,
        _TimeLeft(compact=True),
        console=output.console,
        transient=True,
        disable=not output.is_terminal,
    )
