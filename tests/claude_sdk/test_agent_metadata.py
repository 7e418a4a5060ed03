"""What a subagent is comes again when it has finished; that is what stays."""

from __future__ import annotations

import json
from typing import Any

import pytest
from tests.claude_sdk.entries import AGENT, append, load, prompt
from tests.importing.conftest import History

from memva import import_transcripts
from memva.adapters.claude_code import TranscriptFiles
from memva.adapters.memory import MemoryStore
from memva.adapters.postgres import PostgresStore
from memva.adapters.sqlite import SqliteStore

BEGUN: Any = {"type": "agent_metadata", "agentType": "Explore"}
FINISHED: Any = {**BEGUN, "finished": True}
LINES = [prompt(1, isSidechain=True), prompt(2, isSidechain=True)]


@pytest.mark.parametrize(
    "ways",
    [
        ["mirrored", FINISHED],
        [BEGUN, "mirrored", FINISHED],
        [FINISHED, "mirrored", FINISHED],
        [BEGUN, FINISHED, "mirrored"],
        ["mirrored", FINISHED, "mirrored"],
    ],
)
def test_what_it_was_last_stays_last(
    store: MemoryStore | SqliteStore | PostgresStore, history: History, ways: list[Any]
) -> None:
    """However often it was mirrored, and its file imported while it worked and afterwards."""
    history.write(prompt(9))
    agent = history.main.with_suffix("") / "subagents" / "agent-1.jsonl"
    history.write(*LINES, path=agent)
    for way in ways:
        if way == "mirrored":
            append(store, BEGUN, LINES[0], FINISHED, LINES[1], key=AGENT)
            continue
        what = {name: value for name, value in way.items() if name != "type"}
        agent.with_suffix(".meta.json").write_text(json.dumps(what))
        import_transcripts(store, TranscriptFiles(history.root))
    kept = load(store, AGENT)
    assert [entry for entry in kept if entry["type"] == "agent_metadata"][-1] == FINISHED
    assert [entry for entry in kept if entry["type"] != "agent_metadata"] == LINES
