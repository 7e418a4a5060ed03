"""The lines that show the parts of a conversation."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from memva.cli.conversation.parts import Part
from memva.cli.output import local_time, one_line
from memva.domain.event import Event

PERSON: Final = "you"
CLAUDE: Final = "claude"
SUBAGENT_INDENT: Final = 4

_TEXT_INDENT: Final = 2
_HEADINGS: Final = {PERSON: "bold cyan", CLAUDE: "bold green"}
_STYLES: Final = {"thinking": "dim italic", "call": "yellow", "result": "dim", "other": "dim"}

Unfold: TypeAlias = Callable[[Event, Part], str | None]
"""Gives all that is folded in a part of an event, or None where that stays folded."""


class Line(NamedTuple):
    """A line of output.

    Attributes:
        text: What it says; not cleaned yet.
        style: How a terminal shows it.
        indent: How far it is moved in.
        cut: Whether a terminal shows only what fits into one line.
        is_markdown: Whether it is a text of several lines, in markdown.
    """

    text: str = ""
    style: str = ""
    indent: int = 0
    cut: bool = False
    is_markdown: bool = False


class Speaker(NamedTuple):
    """A conversation's two sides, and how deep among others it stands.

    Attributes:
        person: Who asks in it.
        agent: Who answers.
        depth: 0 for the main conversation, 1 for that of a subagent of Claude's.
    """

    person: str = PERSON
    agent: str = CLAUDE
    depth: int = 0


def subagent_speaker(agent_id: str | None, *, depth: int) -> Speaker:
    """Return who speaks in a subagent's conversation."""
    name = one_line(f"subagent {agent_id or ''}")
    return Speaker(f"to {name}", name, depth)


class Scribe:
    """Makes lines of parts, with a heading wherever another one speaks."""

    def __init__(self, unfold: Unfold) -> None:
        self._unfold = unfold
        self._heading: tuple[str, int] | None = None
        self._others: Counter[str] = Counter()
        self._others_indent = 0
        self._begun = False

    def part(self, event: Event, part: Part, speaker: Speaker) -> Iterator[Line]:
        """Yield the lines of a part of the event."""
        yield from self.others()
        self._begun = True
        indent = speaker.depth * SUBAGENT_INDENT
        who = speaker.person if part.is_persons else speaker.agent
        if self._heading != (who, speaker.depth):
            self._heading = (who, speaker.depth)
            time = local_time(event.timestamp, timespec="seconds")
            yield Line()
            yield Line(f"{who}  {time}", _HEADINGS.get(who, "bold"), indent, cut=True)
        yield from self._body(event, part, indent + _TEXT_INDENT)

    def _body(self, event: Event, part: Part, indent: int) -> Iterator[Line]:
        whole = None if part.kind in ("prompt", "answer") else self._unfold(event, part)
        style = "red" if part.failed else _STYLES.get(part.kind, "")
        if part.kind == "answer":
            yield Line(part.text, indent=indent, is_markdown=True)
        elif whole is not None:
            first, *more = whole.strip("\n").splitlines() or ["(nothing)"]
            yield Line(f"{_mark(part)}{first}", style, indent)
            for text in more:
                yield Line(text, style, indent + _TEXT_INDENT)
        else:
            for text in part.text.splitlines():
                yield Line(f"{_mark(part)}{text}", style, indent, cut=part.kind != "prompt")

    def note(self, text: str, speaker: Speaker) -> Iterator[Line]:
        """Yield a line about the conversation, after which whoever goes on has a new heading."""
        yield from self.others()
        self._begun = True
        self.begin()
        yield Line()
        yield Line(text, "dim", speaker.depth * SUBAGENT_INDENT, cut=True)

    def begin(self) -> None:
        """Give whoever speaks next a heading."""
        self._heading = None

    def other(self, kind: str, speaker: Speaker) -> None:
        """Count an event that is no part of the conversation, to be told by `others`.

        One that has no name is not told.
        """
        if not kind:
            return
        self._others[kind] += 1
        self._others_indent = speaker.depth * SUBAGENT_INDENT

    def others(self) -> Iterator[Line]:
        """Yield one line for the events counted since, where there are any."""
        if not self._others:
            return
        if not self._begun:
            yield Line()
        self._begun = True
        counts = self._others.items()
        kinds = (kind if number == 1 else f"{kind} ({number:,})" for kind, number in counts)
        yield Line(f"· {', '.join(kinds)}", "dim", self._others_indent, cut=True)
        self._others.clear()


def _mark(part: Part) -> str:
    if part.kind == "call":
        return "→ "
    if part.kind == "thinking":
        return "(thinking) "
    if part.kind == "result":
        mark = "✗" if part.failed else "←"
        return f"{mark} {part.call}: " if part.call else f"{mark} "
    return ""
