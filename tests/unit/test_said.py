"""What is said in an event: prompts, commands, answers and costs."""

from typing import Any

import pytest

from memva import Event
from memva.domain import MESSAGES, said_in
from memva.testing import sample_event

COMMAND = "<command-name>/compact</command-name>"


def line(event_type: str, content: Any, **fields: Any) -> Event:
    data = {"message": {"content": content}, **fields.pop("data", {})}
    return sample_event(event_type=event_type, data=data, **fields)


def text(said: Any, kind: Any = "text") -> list[dict[str, Any]]:
    return [{"type": kind, "text": said}]


@pytest.mark.parametrize(
    ("event", "said"),
    [
        (line("user", "Fix it."), "prompt"),
        (line("user", text("Fix it.")), "prompt"),
        (line("user", f"Do not run {COMMAND} yet."), "prompt"),
        (line("user", COMMAND), "command"),
        (line("user", "<command-name></command-name>"), None),
        (line("user", "<bash-input>ls</bash-input>"), None),
        (line("user", [{"type": "tool_result", "content": "Fix it."}]), None),
        (line("user", "Fix it.", data={"isMeta": True}), None),
        (line("user", "Fix it.", is_sidechain=True), None),
        (line("assistant", text("Done.")), "answer"),
        (line("assistant", "Done."), "answer"),
        (line("assistant", [{"type": "tool_use"}, *text("Done.")]), "answer"),
        (line("assistant", text(" \n")), None),
        (line("assistant", " "), None),
        (line("assistant", text("Hm.", "thinking")), None),
        (line("assistant", text(7)), None),
        (line("assistant", text("Done."), is_sidechain=True), None),
        (line("result", None, data={"total_cost_usd": 0.5}), "cost"),
        (line("cost-state", None, data={"totalCostUSD": 1}), "cost"),
        (line("result", None), None),
        (line("system", "Done."), None),
        (sample_event(event_type="assistant", data={"message": "Done."}), None),
        (sample_event(event_type="user", data={}), None),
    ],
)
def test_what_is_said(event: Event, said: str | None) -> None:
    assert said_in(event) == said


def test_costs_are_no_messages() -> None:
    assert set(MESSAGES) == {"prompt", "command", "answer"}
