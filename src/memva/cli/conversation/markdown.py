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

# Raw HTML and definitions of links would not be shown at all; an image is shown as its link; what
# is struck through would look as if it were not where a terminal cannot do it.
_PARSER: Final = (
    MarkdownIt("commonmark", {"html": False, "maxNesting": 100})
    .enable("table")
    .disable(["image", "reference", "html_block", "html_inline"])
)
_LONGEST: Final = 100_000
"""How many characters are laid out at most: it takes a second for these."""

_INDENTS: Final = {"blockquote_open": 4, "bullet_list_open": 3, "ordered_list_open": 5}
_NARROWEST: Final = 20
_NARROWEST_CELL: Final = 6


def laid_out(text: str, console: Console, *, width: int) -> list[Text]:
    """Return the lines of `text`, which is markdown and clean, laid out within `width` columns.

    Where that would leave no room for what is nested, or for a table's cells, the lines are those
    of the text.
    """
    tokens = _PARSER.parse(text) if len(text) <= _LONGEST else []
    found: list[Text] = []
    if _has_room(tokens, width):
        options = console.options.update(width=width, height=None)
        lines = console.render_lines(_Markdown(list(_shown(tokens))), options, pad=False)
        found = [Text.assemble(*((part.text, part.style or "") for part in line)) for line in lines]
    if not any(line.plain.strip() for line in found):
        found = list(Text(text).wrap(console, width))
    for line in found:
        line.rstrip()
    return _without_blank_ends(found)


def _has_room(tokens: Sequence[Token], width: int) -> bool:
    """Tell whether everything is given the columns that it needs at least."""
    open_indents: list[int] = []
    cells = needed = 0
    for token in tokens:
        if token.type == "tr_open":
            cells = 0
        elif token.type in ("th_open", "td_open"):
            cells += 1
        if token.nesting == 1:
            open_indents.append(_INDENTS.get(token.type, 0))
        elif token.nesting == -1:
            open_indents.pop()
        needed = max(needed, sum(open_indents) + max(_NARROWEST, cells * _NARROWEST_CELL))
        if needed > width:
            return False
    return True


def _without_blank_ends(lines: list[Text]) -> list[Text]:
    written = [place for place, line in enumerate(lines) if line.plain]
    return lines[written[0] : written[-1] + 1] if written else []


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
