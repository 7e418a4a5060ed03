"""Lines of a conversation, written."""

from __future__ import annotations

from memva.cli.conversation.lines import Line
from memva.cli.output import Output, clean


def write(line: Line, output: Output) -> None:
    """Write a line; only a terminal is given its markdown laid out."""
    if not line.is_markdown:
        output.indented(line.text, indent=line.indent, style=line.style, cut=line.cut)
        return
    width = output.width_within(line.indent)
    if width is None:
        for text in line.text.splitlines():
            output.indented(text, indent=line.indent)
        return
    # It takes a while to load, and a pipe does without it.
    from memva.cli.conversation.markdown import laid_out

    for styled in laid_out(clean(line.text), output.console, width=width):
        output.styled(styled, indent=line.indent)
