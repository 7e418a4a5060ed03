"""Markdown laid out for a terminal: nothing of the text is lost, and nothing in it is hidden."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from rich.console import Console, ConsoleOptions, RenderResult
from rich.markdown import CodeBlock, Heading, Markdown, TableElement
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from memva.cli.output import clean

# Raw HTML and definitions of links would not be shown at all; an image is shown as its link.
_PARSER: Final = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
    .enable(["table", "strikethrough"])
    .disable(["image", "reference", "html_block", "html_inline"])
)
_LONGEST: Final = 100_000
_COLUMNS_A_LEVEL: Final = 4
_NARROWEST: Final = 20
_NARROWEST_CELL: Final = 6


def laid_out(text: str, console: Console, *, width: int) -> list[Text]:
    """Return the lines of `text`, which is markdown and clean, laid out within `width` columns.

    Where that would leave no room for what is nested, or for a table's cells, the lines are those
    of the text.
    """
    tokens = _PARSER.parse(text) if len(text) <= _LONGEST else []
    if not tokens or not _has_room(tokens, width):
        return list(Text(text).wrap(console, width))
    options = console.options.update(width=width, height=None)
    lines = console.render_lines(_Markdown(list(_shown(tokens))), options, pad=False)
    found = [
        Text.assemble(*((segment.text, segment.style or "") for segment in line)) for line in lines
    ]
    for line in found:
        line.rstrip()
    while found and not found[-1].plain:
        found.pop()
    return found


def _has_room(tokens: Sequence[Token], width: int) -> bool:
    deepest = max(token.level for token in tokens)
    cells = most = 0
    for token in tokens:
        if token.type == "tr_open":
            cells = 0
        elif token.type in ("th_open", "td_open"):
            cells += 1
            most = max(most, cells)
    width -= deepest * _COLUMNS_A_LEVEL
    return width >= _NARROWEST and width >= most * _NARROWEST_CELL


def _shown(tokens: Sequence[Token]) -> Iterator[Token]:
    """Yield the tokens with lines broken where the text breaks them, and once more cleaned.

    An entity such as `&#x202e;` becomes its character only when it is parsed.
    """
    for token in tokens:
        token.content = clean(token.content)
        if "href" in token.attrs:
            token.attrs["href"] = clean(str(token.attrs["href"]))
        if token.type == "softbreak":
            token.type = "hardbreak"
        if token.children:
            token.children = list(_shown(token.children))
        # The text of such a link is where it leads.
        if token.markup == "autolink" and token.type in ("link_open", "link_close"):
            continue
        yield token


class _Markdown(Markdown):
    def __init__(self, tokens: list[Token]) -> None:
        super().__init__("", hyperlinks=False)
        self.parsed = tokens


class _LeftHeading(Heading):
    """A heading where the text begins, however high it is."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        self.text.justify = "left"
        yield self.text


class _Code(CodeBlock):
    """Code in the terminal's own colours, moved in."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        yield Syntax(
            str(self.text).rstrip(),
            self.lexer_name,
            theme="ansi_dark",
            background_color="default",
            word_wrap=True,
            padding=(0, 2),
        )


class _WholeTable(TableElement):
    """A table whose cells are broken, not cut, where they are too narrow."""

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        for table in super().__rich_console__(console, options):
            if isinstance(table, Table):
                for column in table.columns:
                    column.overflow = "fold"
            yield table


_Markdown.elements = {
    **Markdown.elements,
    "heading_open": _LeftHeading,
    "fence": _Code,
    "code_block": _Code,
    "table_open": _WholeTable,
}
