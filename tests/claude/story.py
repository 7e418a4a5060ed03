"""What is asked on the machine, and what the stand-in answers."""

from __future__ import annotations

from typing import Final

from tests.claude.stand_in import Block, text, uses

TELL: Final = "Which fruit is in the pantry?"
DELEGATE: Final = "Have somebody count the jars."
ASKING: Final = "I ask an agent \0 \u2028 \U0001f980 \ud83e"
COUNT: Final = "Count the jars of marmalade."
COUNTED: Final = "There are seventeen jars."
AGAIN: Final = "And what was it that you found?"
ASK_AGENT: Final = "Ask the one who counted what is in them."
FOUND_TOOL: Final = "Tool loaded."
"""What Claude Code says to the model once a tool may be called that it had not shown."""

NOT_MIRRORED: Final = {"api-request", "api-request-blob", "api-request-shape"}
"""The types of the lines that Claude Code writes into its files and mirrors to nobody."""

SCRIPT: Final[dict[str, list[Block]]] = {
    TELL: [text("Quinces are in the pantry.")],
    DELEGATE: [
        text(ASKING),
        uses(
            "Agent",
            description="Count jars",
            prompt=COUNT,
            subagent_type="general-purpose",
            run_in_background=False,
        ),
    ],
    COUNT: [text(COUNTED)],
    ASK_AGENT: [uses("ToolSearch", query="select:SendMessage")],
}


def asks(agent: str, words: str) -> list[Block]:
    """Return an answer that says something to a subagent, which then goes on."""
    return [uses("SendMessage", to=agent, summary="a question", message=words)]
