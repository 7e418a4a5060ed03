"""How the problems of an import or an export are listed."""

from __future__ import annotations

from collections.abc import Iterable
from itertools import islice
from typing import Final

from memva.cli.output import Output, counted

_SHOWN: Final = 5


def list_problems(output: Output, problems: Iterable[tuple[str, str]], *, count: int) -> None:
    """Write the first of `count` problems, each with its place and its reason."""
    if not count:
        return
    output.line(f"{counted(count, 'problem')}:", style="yellow")
    for place, reason in islice(problems, _SHOWN):
        output.line(f"  {place}")
        output.line(f"    {reason}", style="dim")
    if count > _SHOWN:
        output.line(f"  … and {count - _SHOWN:,} more")
