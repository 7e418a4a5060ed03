"""Markdown on a terminal: nothing is lost, and nothing hidden."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from memva.cli.conversation.markdown import laid_out

CONSOLE = Console(file=io.StringIO(), force_terminal=True, width=80, color_system="standard")


def lines(text: str, *, width: int = 40) -> list[str]:
    found = [line.plain for line in laid_out(text, CONSOLE, width=width)]
    assert all(len(line) <= width for line in found)
    return found


def test_what_markdown_has_is_laid_out() -> None:
    text = """\
# A title

Some **bold** `code`,
on two lines.

- one
  1. nested

> quoted

```python
def f(x):
    return x
```
"""
    assert lines(text) == [
        "A title",
        "",
        "Some bold code,",
        "on two lines.",
        "",
        " • one",
        "    1 nested",
        "",
        "▌ quoted",
        "",
        "  def f(x):",
        "      return x",
    ]


def test_a_tables_cells_are_broken_not_cut() -> None:
    found = "".join(lines("| a | b |\n|---|---|\n| 1 | " + "0123456789" * 5 + " |"))
    assert "".join(letter for letter in found if letter.isdigit()) == "1" + "0123456789" * 5


def test_a_link_says_where_it_leads() -> None:
    assert lines("[good](https://evil.example)") == ["good (https://evil.example)"]
    assert lines("<https://good.example>") == ["https://good.example"]
    assert lines("![an image](http://it.is/at)") == ["!an image (http://it.is/at)"]
    [line] = laid_out("[good](https://evil.example)", CONSOLE, width=40)
    assert not any(span.style.link for span in line.spans if not isinstance(span.style, str))


@pytest.mark.parametrize(
    "text",
    ["List<String>", "<details>", "[ERROR]: failed", "~~gone~~", "```\n```", "[x](javascript:y)"],
)
def test_what_would_not_be_shown_stays_as_it_is(text: str) -> None:
    assert lines(text) == text.splitlines()


def test_what_an_entity_stands_for_cannot_steer_a_terminal() -> None:
    assert lines("a &#x202e;b &#x1b;[2J &#x9b;c &lt;") == ["a �b �[2J �c <"]


@pytest.mark.parametrize(
    "text",
    [
        ">" * 150 + " deep",
        "\n".join(f"{'  ' * depth}- {depth}" for depth in range(60)),
        f"{'|a' * 40}|\n{'|-' * 40}|\n{'|b' * 40}|",
    ],
)
def test_what_has_no_room_stays_as_it_is(text: str) -> None:
    assert "".join("".join(lines(text)).split()) == "".join(text.split())


def test_a_text_too_long_to_be_laid_out_at_once_stays_as_it_is() -> None:
    assert lines("**bold** " * 12_000)[0] == "**bold** **bold** **bold** **bold**"
