"""The title that a person recognises a conversation by.

In order: the title that the host gave, a title the user gave in Claude Code (`custom-title`), one
it made itself (`ai-title`), the `summary` of one of the conversation's own lines, the first thing
that the person typed, the first command. Of Claude Code's titles and summaries the last one stands.
"""

from typing import Final, Literal, NamedTuple, TypeAlias

from memva.domain.event import Event
from memva.domain.prompts import command_text, prompt_text
from memva.domain.text import clean_text

LONGEST_TITLE: Final = 80
"""How many characters a title is cut to."""

TitleOrigin: TypeAlias = Literal["command", "prompt", "summary", "ai-title", "custom-title", "host"]
"""Where a title was taken from; `host` where the app that uses memva gave it."""

_ORDER: Final[tuple[TitleOrigin, ...]] = (
    "command",
    "prompt",
    "summary",
    "ai-title",
    "custom-title",
    "host",
)
LAST_STANDS: Final[frozenset[TitleOrigin]] = frozenset({"summary", "ai-title", "custom-title"})
"""Of titles of one such origin the last one stands, of others the first."""


class Title(NamedTuple):
    """A title and where it was taken from."""

    text: str
    origin: TitleOrigin


def title_in(event: Event) -> Title | None:
    """Return the title that one event of a conversation offers, or None."""
    match event.event_type:
        case "custom-title":
            return _title(event.data.get("customTitle"), "custom-title")
        case "ai-title":
            return _title(event.data.get("aiTitle"), "ai-title")
        case "summary":
            return _title(event.data.get("summary"), "summary")
        case "user":
            return _title(prompt_text(event), "prompt") or _title(command_text(event), "command")
        case _:
            return None


def better_title(held: Title | None, offered: Title | None, *, is_new: bool = True) -> Title | None:
    """Return which of two titles stands.

    With `is_new`, what is offered stands behind `held` in the conversation. Otherwise it was
    offered before, and what is of the same origin came after it.
    """
    if held is None or offered is None:
        return held or offered
    before, after = _ORDER.index(held.origin), _ORDER.index(offered.origin)
    if after == before:
        return offered if is_new and held.origin in LAST_STANDS else held
    return offered if after > before else held


def _title(text: object, origin: TitleOrigin) -> Title | None:
    if not isinstance(text, str):
        return None
    # What a title shows is near the front; a pasted log need not be walked to its end.
    words = " ".join(clean_text(text[: 20 * LONGEST_TITLE]).split())
    if not words:
        return None
    if len(words) > LONGEST_TITLE:
        words = words[: LONGEST_TITLE - 1].rstrip() + "…"
    return Title(words, origin)
