"""What is asked on the machine, and what the stand-in answers."""

from __future__ import annotations

from typing import Final

from tests.claude.stand_in import Block, text, uses

TELL: Final = "Which fruit is in the pantry?"
FRUIT: Final = "Quinces are in the pantry."
DELEGATE: Final = "Have somebody count the jars."
COUNT: Final = "Count the jars of marmalade."
COUNTED: Final = "There are seventeen jars."

SCRIPT: Final[dict[str, list[Block]]] = {
    TELL: [text(FRUIT)],
    DELEGATE: [
        text("I ask an agent."),
        uses(
            "Agent",
            description="Count jars",
            prompt=COUNT,
            subagent_type="general-purpose",
            run_in_background=False,
        ),
    ],
    COUNT: [text(COUNTED)],
}
