"""What is shown whole on demand: read again when it is shown, as it may be large."""

from __future__ import annotations

import attrs

from memva.cli.conversation.parts import Part, whole_text
from memva.domain.errors import EventNotFound
from memva.domain.event import Event
from memva.domain.ports import Store


@attrs.frozen
class Unfolding:
    """Gives what is folded in parts of events.

    Attributes:
        store: Where the events are.
        tools: Whether calls and results are unfolded.
        thinking: Whether thinking is.
    """

    store: Store
    tools: bool
    thinking: bool

    def __call__(self, event: Event, part: Part) -> str | None:
        """Return the whole text of a part, or None where it stays folded."""
        wanted = self.thinking if part.kind == "thinking" else self.tools
        if not wanted or part.kind not in ("thinking", "call", "result"):
            return None
        try:
            return whole_text(self.store.events.get(event.key), part)
        except EventNotFound:
            # It was deleted meanwhile, or its transcript came to be known.
            return None
