"""The bar that shows how far long work has come; only a terminal gets one."""

from __future__ import annotations

from rich.progress import BarColumn, Progress, ProgressColumn, TextColumn, TimeRemainingColumn

from memva.cli.output import stderr


def progress_bar(*columns: ProgressColumn) -> Progress:
    """Return a bar on standard error with `columns` and the time left; it goes when it is done."""
    output = stderr()
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(bar_width=20),
        *columns,
        TimeRemainingColumn(compact=True),
        TextColumn("left"),
        console=output.console,
        transient=True,
        disable=not output.is_terminal,
    )
